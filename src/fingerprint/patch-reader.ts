import type { Frame, Hash, MediaKind, PatchSet } from "../model.js";
import { distance } from "./hash.js";
import { PATCH_ALGORITHM, patchesOf } from "./patches.js";

/** A picture has more patches than an index keeps, so that those it keeps are among them. */
const PATCHES_PER_PICTURE = 48;
const PATCHES_PER_IMAGE = 96;

/**
 * Patches are taken less often than fingerprints, finding them costs ten times as much: once a second, or of every picture of a scan where
 * much moves and there are few yet. Short clips have few moments: with two a second instead of four, 13 of 156 insets and combinations of a
 * hard set were missed that are found; long clips miss nothing.
 */
const PATCH_STEP_MS = { still: 900, moving: 200 };
const FEW_PATCH_SETS = 30;

/** A picture that differs by so many bits from the one before has moved. */
const MOVED_BITS = 40;

/** No patches stand for more than this. */
const LONGEST_PATCHES_MS = 10_000;

export interface PatchReader {
  sets: PatchSet[];
  push(picture: Frame, pdq: Hash): void;
}

/**
 * Takes the patches of pictures, given in order of time: of one that differs from the last one taken, when enough time has passed. One that
 * does not differ (by at most `withinBits`) prolongs the last.
 */
export function createPatchReader(kind: MediaKind, withinBits: number): PatchReader {
  const sets: PatchSet[] = [];
  let lastPdq: Hash | undefined;
  return {
    sets,
    push(picture, pdq) {
      const last = sets.at(-1);
      if (last && lastPdq) {
        const bits = distance(lastPdq, pdq);
        if (bits <= withinBits && picture.atMs - last.atMs <= LONGEST_PATCHES_MS) {
          last.untilMs = picture.atMs;
          return;
        }
        const isMoving = bits >= MOVED_BITS && sets.length < FEW_PATCH_SETS;
        if (picture.atMs - last.untilMs < PATCH_STEP_MS[isMoving ? "moving" : "still"]) return;
      }
      lastPdq = pdq;
      const count = kind === "image" ? PATCHES_PER_IMAGE : PATCHES_PER_PICTURE;
      sets.push({ algorithm: PATCH_ALGORITHM, atMs: picture.atMs, untilMs: picture.atMs, ...patchesOf(picture, count) });
    },
  };
}
