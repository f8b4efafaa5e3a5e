import type { Hash, PatchHit, PatchSet } from "../model.js";
import { groupBy } from "./group.js";
import { distance } from "./hash.js";
import { mirrorPatchHash, PATCH_BYTES } from "./patches.js";

/** A reference's patch, as an index or a registration holds it; lengths in 1/4096 of the picture's longer side. */
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
  sets.forEach(({ hashes }, query) => {
    for (let patch = 0; patch * PATCH_BYTES < hashes.length; patch++) {
      const hash = hashes.subarray(patch * PATCH_BYTES, (patch + 1) * PATCH_BYTES);
      add({ query, patch, mirrored: false, hash });
      add({ query, patch, mirrored: true, hash: mirrorPatchHash(hash) });
    }
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

/**
 * Searches picture by picture in batches, so that neither the table nor the hits of a long video have to fit in memory at once;
 * for each picture and reference only the reference's most similar moments are kept.
 *
 * @param candidates the known patches that share a band with the table's; more do no harm.
 */
export async function searchPatches(
  sets: PatchSet[],
  candidates: (table: PatchTable) => Promise<KnownPatch[]>,
): Promise<PatchHit[]> {
  const hits: PatchHit[] = [];
  for (let from = 0; from < sets.length; from += SETS_PER_BATCH) {
    const table = patchTable(sets.slice(from, from + SETS_PER_BATCH));
    const found = patchHits(table, await candidates(table));
    for (const hit of mostSimilarMoments(found)) hits.push({ ...hit, query: hit.query + from });
  }
  return hits;
}

const SETS_PER_BATCH = 100;
const MOMENTS_PER_REFERENCE = 4;

/** Of each picture's hits on one reference, those on the moments with most hits. */
function mostSimilarMoments(hits: PatchHit[]): PatchHit[] {
  const byPicture = groupBy(hits, (h) => `${h.query} ${h.mirrored} ${h.referenceId}`);
  return [...byPicture.values()].flatMap((group) => {
    const moments = [...groupBy(group, (h) => h.referenceAtMs).values()];
    return moments
      .sort((a, b) => b.length - a.length)
      .slice(0, MOMENTS_PER_REFERENCE)
      .flat();
  });
}

/** A registration's patches as known ones, for a search from the reference's side. */
export function knownPatches(referenceId: string, sets: PatchSet[]): KnownPatch[] {
  return sets.flatMap(({ atMs, untilMs, places, hashes }, set) =>
    Array.from({ length: places.length / 3 }, (_, i) => ({
      id: `${set}.${i}`,
      referenceId,
      atMs,
      untilMs,
      x: places[3 * i],
      y: places[3 * i + 1],
      side: places[3 * i + 2],
      hash: hashes.subarray(i * PATCH_BYTES, (i + 1) * PATCH_BYTES),
    })),
  );
}
