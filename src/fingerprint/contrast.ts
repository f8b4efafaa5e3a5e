import { places, workspace } from "./kernel.js";

const LEVELS = 256;

/** Half a grey level, for rounding, and 1. */
const CONSTANTS = [0.5, 1];

/** Mean and standard deviation of a picture of values from 0 to 255, and the levels that a hundredth of it is below and above. */
export function contrastOf(picture: Float32Array): { mean: number; deviation: number; darkest: number; brightest: number } {
  const place = places();
  const at = place(picture.byteLength);
  const constants = place(16);
  const counts = place(4 * LEVELS);
  const out = place(16);
  const { kernel, buffer } = workspace(place(0));
  new Float32Array(buffer).set(picture, at / 4);
  new Float64Array(buffer, constants).set(CONSTANTS);
  const levels = new Uint32Array(buffer, counts, LEVELS);
  levels.fill(0);
  kernel.contrast(at, at + picture.byteLength, constants, counts, out);
  const [sum, squares] = new Float64Array(buffer, out, 2);
  const mean = sum / picture.length;
  const deviation = Math.sqrt(Math.max(0, squares / picture.length - mean * mean));
  return {
    mean,
    deviation,
    darkest: percentile(levels, 0.01, picture.length),
    brightest: percentile(levels, 0.99, picture.length),
  };
}

function percentile(levels: Uint32Array, share: number, total: number): number {
  let level = 0;
  for (let seen = levels[0]; seen <= share * total && level < 255; seen += levels[level]) level++;
  return level;
}
