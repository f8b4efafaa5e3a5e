import type { Hash, PatchHit, PatchSet } from "../model.js";
import { distance } from "./hash.js";
import { mirrorPatchHash } from "./patches.js";

/** A reference's patch, as an index or a registration holds it. */
export interface KnownPatch {
  id: string;
  referenceId: string;
  atMs: number;
  untilMs: number;
  x: number;
  y: number;
  side: number;
  hash: Hash;
}

/** Bands of 16 bits in a patch's hash. */
export const PATCH_BANDS = 8;

/** Two patches are near when they differ in at most this many of 128 bits. */
export const PATCH_WITHIN_BITS = 24;

/** A patch of the query, as it is or mirrored. */
interface Seen {
  query: number;
  patch: number;
  mirrored: boolean;
  hash: Hash;
}

/** Value of one 16-bit band. */
export const bandOf = (hash: Hash, band: number): number => (hash[2 * band] << 8) | hash[2 * band + 1];

/** Every patch of the query as it is and mirrored, by the values of its bands. */
export interface PatchTable {
  bands: Map<number, Seen[]>[];
}

/** Makes the table that {@link patchHits} and an index's candidate search need. */
export function patchTable(sets: PatchSet[]): PatchTable {
  const bands: Map<number, Seen[]>[] = Array.from({ length: PATCH_BANDS }, () => new Map());
  const add = (seen: Seen) => {
    for (let band = 0; band < PATCH_BANDS; band++) {
      const value = bandOf(seen.hash, band);
      const group = bands[band].get(value);
      if (group) group.push(seen);
      else bands[band].set(value, [seen]);
    }
  };
  sets.forEach((set, query) => {
    set.patches.forEach(({ hash }, patch) => {
      add({ query, patch, mirrored: false, hash });
      add({ query, patch, mirrored: true, hash: mirrorPatchHash(hash) });
    });
  });
  return { bands };
}

/**
 * The hits of a query's patches among known ones: near, and equal in one of eight bands of 16 bits. That finds 90 % of pairs
 * at 10 bits and 36 % at 20 bits when differences fall anywhere, which is enough: a picture has many patches, and it takes
 * only a few that agree.
 */
export function patchHits(table: PatchTable, known: Iterable<KnownPatch>): PatchHit[] {
  const hits: PatchHit[] = [];
  for (const candidate of known) {
    const compared = new Set<Seen>();
    for (let band = 0; band < PATCH_BANDS; band++) {
      for (const seen of table.bands[band].get(bandOf(candidate.hash, band)) ?? []) {
        if (compared.has(seen)) continue;
        compared.add(seen);
        const bits = distance(seen.hash, candidate.hash);
        if (bits <= PATCH_WITHIN_BITS) hits.push(hitOf(seen, candidate, bits));
      }
    }
  }
  return hits;
}

const hitOf = (
  { query, patch, mirrored }: Seen,
  { id, referenceId, atMs, untilMs, x, y, side }: KnownPatch,
  bits: number,
): PatchHit => ({
  query,
  patch,
  mirrored,
  referenceId,
  referenceAtMs: atMs,
  referenceUntilMs: untilMs,
  known: { id, x, y, side },
  distance: bits,
});

/** A registration's patches as known ones, for a search from the reference's side. */
export function knownPatches(referenceId: string, sets: PatchSet[]): KnownPatch[] {
  return sets.flatMap(({ atMs, untilMs, patches }, set) =>
    patches.map(({ x, y, side, hash }, i) => ({ id: `${set}.${i}`, referenceId, atMs, untilMs, x, y, side, hash })),
  );
}
