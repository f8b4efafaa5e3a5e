import type { Frame } from "../model.js";
import { averageTo64 } from "./average.js";
import { contrastOf } from "./contrast.js";

/** Meta discards a PDQ of quality 49 or less ("The TMK+PDQF ... and the PDQ Image-Hashing Algorithm", 2019). */
export const LEAST_QUALITY = 50;

/**
 * Contrast of the picture averaged to 64x64, in steps of 0-255. Averaging removes most noise, which PDQ's quality takes
 * for detail: on a flat 256x144 frame, noise of 8 steps has quality 73, deviation 2.4 and range 12 (and its hash is
 * chance). 43 pictures were dimmed to 3-100 % and saved as JPEG of quality 40: wherever PDQ's quality was 50 or more, the
 * deviation was at least 4.0 and the range at least 15, and except for six pictures (text, fine textures, one of 34x42
 * pixels) the hash stayed within 18 bits of the bright original's.
 */
const LEAST_DEVIATION = 3;
const LEAST_RANGE = 13;

/**
 * At least so many of a hash's 256 bits must be more than chance. Of upright bars and of plain bands next to all of the transform is zero: of a test card of seven bars none is, and it lay
 * within 22 bits of a moment of a game. Of 573 pictures of 156 photographs, pages, films and games with enough quality those of bars have none, all others 211 and more.
 */
const LEAST_DECIDED = 128;

/** Only the wording depends on these: a mean, and a brightest part, that a person would call dark. */
const DARK_MEAN = 32;
const DARK_BRIGHTEST = 48;

export type Usability = { usable: true } | { usable: false; reason: "too dark" | "flat" | "low detail"; hasContrast: boolean };

/**
 * Whether a frame says enough to be matched, and if not why. Excluded are pictures with next to no contrast (standard
 * deviation, and range between the 1st and 99th percentile, so that a few stray pixels do not count) and those of low PDQ
 * quality, or of which most bits are chance. Of those of low quality that have contrast, a thing on a plain wall, parts can still be compared. A photograph darkened to a quarter is usually kept, to a tenth usually not.
 *
 * @param picture the frame's {@link averageTo64}, for a caller that has it already.
 */
export function usability(
  frame: Frame,
  { quality, decided }: { quality: number; decided: number },
  picture = averageTo64(frame.luma, frame.width, frame.height),
): Usability {
  const { mean, deviation, darkest, brightest } = contrastOf(picture);
  if (deviation < LEAST_DEVIATION || brightest - darkest < LEAST_RANGE) {
    return { usable: false, reason: mean < DARK_MEAN ? "too dark" : "flat", hasContrast: false };
  }
  if (quality < LEAST_QUALITY || decided < LEAST_DECIDED) {
    return { usable: false, reason: brightest < DARK_BRIGHTEST ? "too dark" : "low detail", hasContrast: true };
  }
  return { usable: true };
}
