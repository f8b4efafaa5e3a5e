import { AT_A_TIME, LEVELS, TABLES } from "./kernel/levels.js";
import { places, workspace } from "./kernel.js";

const sums = new Uint32Array(LEVELS);

/** How many of every second pixel, the first among them, have each of the 256 levels. Valid until the next call. */
export function everySecondByLevel(luma: Uint8Array): Uint32Array {
  const place = places();
  const pixels = place(luma.length);
  const counts = place(4 * LEVELS * TABLES);
  const { kernel, buffer } = workspace(place(0));
  new Uint8Array(buffer).set(luma, pixels);
  const tables = new Uint32Array(buffer, counts, LEVELS * TABLES).fill(0);
  const whole = luma.length - (luma.length % AT_A_TIME);
  kernel.levels(pixels, pixels + whole, counts);
  for (let level = 0; level < LEVELS; level++) {
    sums[level] = tables[level] + tables[level + LEVELS] + tables[level + 2 * LEVELS] + tables[level + 3 * LEVELS];
  }
  for (let i = whole; i < luma.length; i += 2) sums[luma[i]]++;
  return sums;
}
