import { distance } from "../fingerprint/hash.js";
import { mirrorPatchHash, PATCH_BYTES, PATCH_UNITS, placeTolerance } from "../fingerprint/patches.js";
import type { Fingerprint, KnownPatch, PatchSet } from "../model.js";
import type { Agreement } from "./agreement.js";
import type { Span } from "./align.js";
import { type Placement, THERE_BITS } from "./second-look.js";

/** PDQ's quality (0-100) of a picture that is not flat in one encoding and just not in another. */
export const SHOWS_SOMETHING = 70;

/** A picture shows something where it has so many patches that did not lie there before. */
const SHOWS_PATCHES = 4;

interface Patch {
  x: number;
  y: number;
  side: number;
  hash: Uint8Array;
}

/** Of a long video, so many pictures tell what lies over them all. */
const MOST_OVERLAID = 8;

/**
 * Those of some moments of a submission that show something where a known picture should be.
 *
 * Where that place was found by whole pictures, those of some quality do. Where it was found by parts, a whole picture may owe its quality
 * to bars or a caption, so patches tell: those inside the known picture's place that are not of its `overlay`.
 */
export function momentsShowing(
  { fingerprints, patchSets }: { fingerprints: Fingerprint[]; patchSets: PatchSet[] },
  place: { overlay: Patch[]; placementAt(set: PatchSet): Placement } | undefined,
): Span[] {
  if (!place) return fingerprints.filter((f) => f.quality >= SHOWS_SOMETHING);
  return patchSets.filter((set) => {
    const placement = place.placementAt(set);
    const fresh = patchesOfSet(set).filter((p) => isInside(p, placement, set) && !place.overlay.some((q) => isSame(p, q)));
    return fresh.length >= SHOWS_PATCHES;
  });
}

/** What lay over the known picture, or around it, where it was found: the patches of those pictures that are not its own. */
export function overlayOf(patchSets: PatchSet[], placed: Agreement[], known: KnownPatch[]): Patch[] {
  const sets = patchSets.filter((set) => placed.some((a) => a.atMs === set.atMs));
  return sets.slice(0, MOST_OVERLAID).flatMap((set) => othersIn(set, placed, known));
}

const patchesOfSet = ({ places, hashes }: PatchSet): Patch[] =>
  Array.from({ length: places.length / 3 }, (_, i) => ({
    x: places[3 * i],
    y: places[3 * i + 1],
    side: places[3 * i + 2],
    hash: hashes.subarray(i * PATCH_BYTES, (i + 1) * PATCH_BYTES),
  }));

function othersIn(set: PatchSet, placed: Agreement[], known: KnownPatch[]): Patch[] {
  const theirs = placed
    .filter((a) => a.atMs === set.atMs)
    .flatMap(({ placement, referenceAtMs }) =>
      placement ? known.filter((k) => k.atMs === referenceAtMs).map((k) => inPlace(k, placement, set)) : [],
    );
  return patchesOfSet(set).filter((p) => !theirs.some((q) => isSame(p, q)));
}

/** A known patch where and as it should be seen in the submission. */
function inPlace(patch: KnownPatch, { x, y, size, mirrored }: Placement, { width }: PatchSet): Patch {
  const at = { x: x + size * patch.x, y: y + size * patch.y, side: size * patch.side };
  return mirrored ? { ...at, x: width - at.x, hash: mirrorPatchHash(patch.hash) } : { ...at, hash: patch.hash };
}

const isSame = (a: Patch, b: Patch): boolean =>
  Math.max(Math.abs(a.x - b.x), Math.abs(a.y - b.y)) <= placeTolerance(b.side) && distance(a.hash, b.hash) <= THERE_BITS;

/** Whether a patch lies in the square of the known picture's longer side; how high the picture is, nobody has kept. */
function isInside(patch: Patch, { x, y, size, mirrored }: Placement, { width }: PatchSet): boolean {
  const half = patch.side / 2;
  const middle = mirrored ? width - patch.x : patch.x;
  const end = size * PATCH_UNITS;
  return middle - half >= x && patch.y - half >= y && middle + half <= x + end && patch.y + half <= y + end;
}
