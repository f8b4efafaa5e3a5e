import type { Frame } from "../model.js";
import { BEYOND_BYTES, places, workspace } from "./kernel.js";

/**
 * Sums of all pixels above and to the left, for (width + 1) x (height + 1) places, in the {@link workspace}: of each row first those of even
 * columns, then those of odd ones (see `sumRow`). Valid until the workspace is used for something else.
 */
export interface Integral {
  /** Address of the first. */
  sums: number;
  rowBytes: number;
  /** From the first even column of a row to its first odd one. */
  oddBytes: number;
  /** Where the workspace is free from. */
  end: number;
  width: number;
  height: number;
}

/** The integral image of a frame. */
export function integralOf({ luma, width, height }: Frame): Integral {
  const oddBytes = 16 * Math.ceil(width / 8) + BEYOND_BYTES;
  const rowBytes = 2 * oddBytes;
  const place = places();
  const pixels = place(width * height + BEYOND_BYTES);
  const sums = place((height + 1) * rowBytes);
  const end = place(0);
  const { kernel, buffer } = workspace(end);
  new Uint8Array(buffer).set(luma, pixels);
  const words = new Int32Array(buffer, sums);
  words.fill(0, 0, rowBytes / 4);
  for (let y = 0; y < height; y++) {
    const from = pixels + y * width;
    const to = (y + 1) * rowBytes;
    words[to / 4] = 0;
    kernel.sumRow(from, from + width, sums + to + oddBytes, sums + to + 4, rowBytes);
  }
  return { sums, rowBytes, oddBytes, end, width, height };
}

/** Bytes from the sum of a place in an even column to that of the place so many columns and rows on. */
export const bytesTo = ({ rowBytes, oddBytes }: Integral, columns: number, rows: number): number =>
  rows * rowBytes + (columns & 1) * oddBytes + 4 * Math.floor(columns / 2);
