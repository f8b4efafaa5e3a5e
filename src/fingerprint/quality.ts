import { places, workspace } from "./kernel.js";
import { REDUCED_SIDE } from "./reduce.js";

const ROW_BYTES = 4 * REDUCED_SIDE;

/** A difference is counted in hundredths of the range of values. */
const CONSTANTS = [100, 255];

/** Of a row's values all have one below them, and all but the last one to their right. */
const ALL = new Int32Array(REDUCED_SIDE).fill(-1);
const ALL_BUT_LAST = Int32Array.from(ALL, (bits, i) => (i === REDUCED_SIDE - 1 ? 0 : bits));

/** PDQ's quality of its 64x64 picture: the sum of gradients, each cut to a whole hundredth of the range, on a scale where 100 is plenty (and the most). */
export function qualityOf(picture: Float32Array): number {
  const place = places();
  const at = place(picture.byteLength + ROW_BYTES);
  const constants = place(8);
  const all = place(ROW_BYTES);
  const allButLast = place(ROW_BYTES);
  const { kernel, buffer } = workspace(place(0));
  new Float32Array(buffer).set(picture, at / 4);
  new Float32Array(buffer, constants).set(CONSTANTS);
  new Int32Array(buffer, all).set(ALL);
  new Int32Array(buffer, allButLast).set(ALL_BUT_LAST);
  const end = at + picture.byteLength;
  const sum =
    kernel.gradients(at, end - ROW_BYTES, ROW_BYTES, constants, all) + kernel.gradients(at, end, 4, constants, allButLast);
  return Math.min(100, Math.floor(sum / 90));
}
