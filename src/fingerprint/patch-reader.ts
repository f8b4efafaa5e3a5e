import type { Frame, Hash, MediaKind, PatchSet } from "../model.js";
import { distance } from "./hash.js";
import { PATCH_ALGORITHM, turnedPatchesOf } from "./patches.js";

/** A picture has more patches than an index keeps, so that those it keeps are among them. */
const PATCHES_PER_PICTURE = 48;
const PATCHES_PER_IMAGE = 96;

/**
 * Patches are taken less often than fingerprints, finding them costs ten times as much: once a second, or of every picture of a scan where
 * much moves and there are few yet. Short clips have few moments: with two a second instead of four, 13 of 156 insets and combinations of a
 * hard set were missed that are found; long clips miss nothing.
 */
const PATCH_STEP_MS = { still: 900, moving: 200, dense: 60 };
const FEW_PATCH_SETS = 30;

/** A picture that differs by so many bits from the one before has moved. */
const MOVED_BITS = 40;

/**
 * A still of a scan is looked at as it is and turned clockwise by these: its patches are found again when they are turned by up to 8 degrees, not by 12 (of a photograph
 * turned by 3, 48 of 96 hits within 14 bits, and 10 once it is turned back by 15). Stills from a camera that is turned while it films need it, and whatever was
 * turned and cropped. A video has its other moments, and turning them would be most of a scan's lookups.
 */
const STILL_TURNS = [15, 30, 45, 90, 180, 270, 315, 330, 345];

/** No patches stand for more than this. */
const LONGEST_PATCHES_MS = 10_000;

export interface PatchReader {
  sets: PatchSet[];
  push(picture: Frame, pdq: Hash): void;
}

/**
 * Takes the patches of pictures, given in order of time: of one that differs from the last one taken, when enough time has passed. One that
 * does not differ (by at most `withinBits`) prolongs the last.
 *
 * @param dense of every picture that moves, however many there are
 * @param turning of a still, also as it would be turned: for a scan. Those sets follow the one of the picture as it is.
 */
export function createPatchReader(
  kind: MediaKind,
  { withinBits, dense = false }: { withinBits: number; dense?: boolean },
  turning: boolean,
): PatchReader {
  const turns = kind === "image" && turning ? [0, ...STILL_TURNS] : [0];
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
        const isMoving = bits >= MOVED_BITS && (dense || sets.length < FEW_PATCH_SETS);
        if (picture.atMs - last.untilMs < PATCH_STEP_MS[!isMoving ? "still" : dense ? "dense" : "moving"]) return;
      }
      lastPdq = pdq;
      const count = kind === "image" ? PATCHES_PER_IMAGE : PATCHES_PER_PICTURE;
      for (const patches of turnedPatchesOf(picture, count, turns)) {
        sets.push({ algorithm: PATCH_ALGORITHM, atMs: picture.atMs, untilMs: picture.atMs, ...patches });
      }
    },
  };
}
