import type { KnownPatch, PatchHit, PatchSet } from "../model.js";
import { groupBy } from "./group.js";
import { distance } from "./hash.js";
import { mirrorPatchHash, PATCH_BYTES } from "./patches.js";

/** Bands of 16 bits in a patch's hash. */
export const PATCH_BANDS = 4;

/** Two patches are near when they differ in at most this many of 64 bits. */
export const PATCH_WITHIN_BITS = 12;

/** Value of one 16-bit band of the hash that starts at `at`. */
const bandOf = (hashes: Uint8Array, at: number, band: number): number => (hashes[at + 2 * band] << 8) | hashes[at + 2 * band + 1];

/**
 * Every patch of some pictures as it is and mirrored, by the values of its bands. Typed arrays throughout: a long video has a
 * hundred thousand patches, and as objects they would be most of a scan's memory.
 */
export interface PatchTable {
  /** 8 bytes a patch; those at odd places are the mirrored ones. */
  hashes: Uint8Array;
  /** Picture and patch of each, as 256 * picture + patch. */
  origins: Uint32Array;
  /** For each band, 65536 * value + place, in order; made when it is first asked for, since where nothing is known nobody does. */
  bands(): Uint32Array[];
}

/** Makes the table that {@link patchHits} and an index's candidate search need, of at most 32,768 patches. */
export function patchTable(sets: PatchSet[]): PatchTable {
  const count = sets.reduce((sum, set) => sum + set.hashes.length / PATCH_BYTES, 0);
  const hashes = new Uint8Array(2 * count * PATCH_BYTES);
  const origins = new Uint32Array(2 * count);
  let place = 0;
  sets.forEach((set, picture) => {
    for (let patch = 0; patch * PATCH_BYTES < set.hashes.length; patch++, place += 2) {
      const hash = set.hashes.subarray(patch * PATCH_BYTES, (patch + 1) * PATCH_BYTES);
      hashes.set(hash, place * PATCH_BYTES);
      hashes.set(mirrorPatchHash(hash), (place + 1) * PATCH_BYTES);
      origins.fill(256 * picture + patch, place, place + 2);
    }
  });
  let bands: Uint32Array[] | undefined;
  return {
    hashes,
    origins,
    bands() {
      bands ??= Array.from({ length: PATCH_BANDS }, (_, band) => sortedBand(hashes, band));
      return bands;
    },
  };
}

function sortedBand(hashes: Uint8Array, band: number): Uint32Array {
  const entries = new Uint32Array(hashes.length / PATCH_BYTES);
  for (let i = 0; i < entries.length; i++) entries[i] = bandOf(hashes, i * PATCH_BYTES, band) * 65_536 + i;
  return entries.sort();
}

/** The different values of one band. */
export function bandValues(table: PatchTable, band: number): number[] {
  const values: number[] = [];
  for (const entry of table.bands()[band]) if (values[values.length - 1] !== entry >>> 16) values.push(entry >>> 16);
  return values;
}

/**
 * The hits of a query's patches among known ones: near, and equal in one of four bands of 16 bits. That finds 74 % of pairs
 * at 5 bits and 17 % at 10 bits when differences fall anywhere, which is enough: a picture has many patches, and it takes
 * only a few that agree. With eight bands that overlap five of 2,547 altered copies more are recognised.
 */
export function patchHits(table: PatchTable, known: Iterable<KnownPatch>): PatchHit[] {
  const hits: PatchHit[] = [];
  const comparedWith = new Int32Array(table.origins.length).fill(-1);
  let number = 0;
  for (const candidate of known) {
    for (let band = 0; band < PATCH_BANDS; band++) {
      const value = bandOf(candidate.hash, 0, band);
      const entries = table.bands()[band];
      for (let i = firstAtLeast(entries, value * 65_536); i < entries.length && entries[i] >>> 16 === value; i++) {
        const place = entries[i] & 0xffff;
        if (comparedWith[place] === number) continue;
        comparedWith[place] = number;
        const bits = distance(table.hashes.subarray(place * PATCH_BYTES, (place + 1) * PATCH_BYTES), candidate.hash);
        if (bits <= PATCH_WITHIN_BITS) hits.push(hitOf(table.origins[place], place % 2 === 1, candidate, bits));
      }
    }
    number++;
  }
  return hits;
}

/** The first place in sorted values at which one is no less than `least`. */
function firstAtLeast(sorted: Uint32Array, least: number): number {
  let from = 0;
  let to = sorted.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if (sorted[middle] < least) from = middle + 1;
    else to = middle;
  }
  return from;
}

const hitOf = (origin: number, mirrored: boolean, known: KnownPatch, bits: number): PatchHit => ({
  query: origin >>> 8,
  patch: origin & 0xff,
  mirrored,
  referenceId: known.referenceId,
  referenceAtMs: known.atMs,
  referenceUntilMs: known.untilMs,
  known: { id: known.id, x: known.x, y: known.y, side: known.side },
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
      .sort((a, b) => b.length - a.length || a[0].referenceAtMs - b[0].referenceAtMs)
      .slice(0, MOMENTS_PER_REFERENCE)
      .flat();
  });
}

/** The key of one moment of one reference. */
export const momentOf = (referenceId: string, atMs: number): string => `${referenceId} ${atMs}`;

/** Known patches by their moment. */
export const byMoment = (known: KnownPatch[]): Map<string, KnownPatch[]> =>
  groupBy(known, (p) => momentOf(p.referenceId, p.atMs));

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
