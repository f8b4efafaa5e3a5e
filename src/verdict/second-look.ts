import { distance } from "../fingerprint/hash.js";
import { mirrorPatchHash, PATCH_BYTES, PATCH_UNITS, placeTolerance } from "../fingerprint/patches.js";
import type { Hash, KnownPatch, PatchSet } from "../model.js";

/** Where a known picture lies in a submission's: `seen = offset + size * known`, lengths in 1/4096 of the longer sides. */
export interface Placement {
  x: number;
  y: number;
  size: number;
  mirrored: boolean;
}

/** What a second look found at the places where the known picture's patches should be. */
export interface SecondLook {
  /** Known patches whose place lies inside the submission's picture, and how many of them are there. */
  visible: number;
  there: number;
  /** How many different things those are: bars and weaves repeat one patch all over. */
  kinds: number;
  /** Of sixteen parts of the known picture, those with visible patches, and those of which a patch is there. */
  parts: number;
  partsThere: number;
  /** How near those are, over all that are visible: 1 were all there bit for bit, 0 when none is nearer than {@link FAR_BITS}. */
  closeness: number;
}

/** A patch in its predicted place need not be as near as one found anywhere: about one in seven pairs of unrelated patches is this near, if hits go on growing by 1.32 a bit. */
export const THERE_BITS = 36;

/**
 * In place, but no nearer than this, says nothing: patches of true copies lie at 8 bits (median), those of another face, which has its eyes and its outline
 * where the known one has them, at 21.
 */
const FAR_BITS = 24;

/** How different in size from what a placement predicts. */
const SIZE_RATIO = 1.35;

/** Parts a side that the known picture is divided into. */
const GRID = 4;

/**
 * Goes through all patches of a known picture and looks whether each is where a placement says it must be. A few patches agree by
 * chance, or because two pictures share a caption or a logo; then most others are missing.
 */
export function lookAgain(placement: Placement, known: KnownPatch[], set: PatchSet): SecondLook {
  const parts = new Map<number, boolean>();
  const seen: Hash[] = [];
  let nearness = 0;
  let visible = 0;
  for (const patch of known) {
    const x = placement.x + placement.size * patch.x;
    const y = placement.y + placement.size * patch.y;
    const side = placement.size * patch.side;
    if (!isInside(x, y, side, set)) continue;
    visible++;
    const found = whatIsThere(patch, x, y, side, placement.mirrored, set);
    if (found) {
      seen.push(found.hash);
      nearness += Math.max(0, 1 - found.bits / FAR_BITS);
    }
    const part = partOf(patch);
    parts.set(part, (parts.get(part) ?? false) || found !== undefined);
  }
  const partsThere = [...parts.values()].filter(Boolean).length;
  const closeness = visible > 0 ? nearness / visible : 0;
  return { visible, there: seen.length, kinds: kindsOf(seen), parts: parts.size, partsThere, closeness };
}

/** Patches of one picture that differ by fewer bits show the same thing. Of 1,128 pairs of patches of a photograph one in a hundred does. */
export const SAME_KIND_BITS = 30;

function kindsOf(hashes: Hash[]): number {
  const kinds: Hash[] = [];
  for (const hash of hashes) if (kinds.every((kind) => distance(kind, hash) >= SAME_KIND_BITS)) kinds.push(hash);
  return kinds.length;
}

/** Blobs nearer to the edge than this are not looked for (see `blobs.ts`), nor are those too small or large to be found. */
const isInside = (x: number, y: number, side: number, { width, height }: { width: number; height: number }): boolean =>
  x > 0.46 * side &&
  y > 0.46 * side &&
  x < width - 0.46 * side &&
  y < height - 0.46 * side &&
  side > 0.09 * PATCH_UNITS &&
  side < 0.5 * PATCH_UNITS;

const partOf = ({ x, y }: KnownPatch): number =>
  Math.floor((GRID * x) / PATCH_UNITS) + GRID * Math.floor((GRID * y) / PATCH_UNITS);

/** The first patch that is where `patch` should be, and how many bits it differs by. */
function whatIsThere(
  patch: KnownPatch,
  x: number,
  y: number,
  side: number,
  mirrored: boolean,
  { width, places, hashes }: PatchSet,
): { hash: Hash; bits: number } | undefined {
  const near = placeTolerance(side);
  for (let i = 0; 3 * i < places.length; i++) {
    const seenX = mirrored ? width - places[3 * i] : places[3 * i];
    if (Math.abs(seenX - x) > near || Math.abs(places[3 * i + 1] - y) > near) continue;
    const ratio = places[3 * i + 2] / side;
    if (ratio > SIZE_RATIO || ratio < 1 / SIZE_RATIO) continue;
    const hash = hashes.subarray(i * PATCH_BYTES, (i + 1) * PATCH_BYTES);
    const bits = distance(mirrored ? mirrorPatchHash(hash) : hash, patch.hash);
    if (bits <= THERE_BITS) return { hash, bits };
  }
  return undefined;
}
