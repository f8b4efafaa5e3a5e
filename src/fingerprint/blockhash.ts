import { bmvbhash } from "blockhash-core";
import { DIHEDRALS, type Dihedral, type Hash } from "../model.js";
import { hashFromHex } from "./hash.js";

/** A multiple of the hash's 16 blocks per side, so that blockhash-core takes its exact and quick path. */
const SIDE = 64;
const BLOCKS = 16;

/** For each symmetry, which cell of a square is seen at (row, column), the last of either being `last`; agrees with the signs in `pdq.ts`. */
export const SEEN_AT: Record<Dihedral, (row: number, column: number, last: number) => [row: number, column: number]> = {
  original: (row, column) => [row, column],
  rotate90: (row, column, last) => [column, last - row],
  rotate180: (row, column, last) => [last - row, last - column],
  rotate270: (row, column, last) => [last - column, row],
  flipx: (row, column, last) => [last - row, column],
  flipy: (row, column, last) => [row, last - column],
  flipplus1: (row, column) => [column, row],
  flipminus1: (row, column, last) => [last - column, last - row],
};

/** For each symmetry, which pixel of the 64x64 picture is seen at each place. */
const SEEN = Object.fromEntries(
  DIHEDRALS.map((dihedral) => {
    const seenFrom = (at: number) => SEEN_AT[dihedral](Math.floor(at / SIDE), at % SIDE, SIDE - 1);
    return [dihedral, Uint16Array.from({ length: SIDE * SIDE }, (_, at) => seenFrom(at)[0] * SIDE + seenFrom(at)[1])];
  }),
) as Record<Dihedral, Uint16Array>;

const rgba = { width: SIDE, height: SIDE, data: new Uint8ClampedArray(SIDE * SIDE * 4).fill(255) };

/** The 256-bit blockhash of a picture of 8-bit luma: blockhash-core's `bmvbhash` of its 64x64 area average. */
export function blockhashOf(luma: Uint8Array, width: number, height: number): Hash {
  return blockhashViews(luma, width, height).blockhash("original");
}

/**
 * The blockhashes of one picture through any of the eight symmetries. The picture is averaged once; a hash is computed
 * when it is asked for.
 *
 * @returns `picture`: the 64x64 average; `blockhash`: 256 bits of it.
 */
export function blockhashViews(
  luma: Uint8Array,
  width: number,
  height: number,
): { picture: Float32Array; blockhash(dihedral: Dihedral): Hash } {
  const picture = averageTo64(luma, width, height);
  const blockhash = (dihedral: Dihedral) => {
    const seen = SEEN[dihedral];
    for (let at = 0; at < seen.length; at++) {
      const value = picture[seen[at]];
      rgba.data[4 * at] = value;
      rgba.data[4 * at + 1] = value;
      rgba.data[4 * at + 2] = value;
    }
    return hashFromHex(bmvbhash(rgba, BLOCKS));
  };
  return { picture, blockhash };
}

/** Which values of a line each of its 64 equal parts covers. */
interface Parts {
  /** Of each part: its first value, and how many it covers. */
  first: Int32Array;
  count: Int32Array;
  /** How much of a part's first value is in it, 0-1, and of its last one. Those between are whole. */
  head: Float64Array;
  tail: Float64Array;
  /** Values a part; seldom a whole number. */
  size: number;
}

/** By length of line. A frame's sides are at most 256, so there are few. */
const partsByLength = new Map<number, Parts>();

function partsOf(length: number): Parts {
  const known = partsByLength.get(length);
  if (known) return known;
  const size = length / SIDE;
  const of = (value: (start: number, end: number) => number) =>
    Array.from({ length: SIDE }, (_, i) => value(i * size, i * size + size));
  const share = (start: number, end: number, k: number) => Math.min(end, k + 1) - Math.max(start, k);
  const lastOf = (end: number) => Math.min(Math.ceil(end), length) - 1;
  const parts = {
    first: Int32Array.from(of((start) => Math.floor(start))),
    count: Int32Array.from(of((start, end) => lastOf(end) - Math.floor(start) + 1)),
    head: Float64Array.from(of((start, end) => share(start, end, Math.floor(start)))),
    tail: Float64Array.from(of((start, end) => share(start, end, lastOf(end)))),
    size,
  };
  partsByLength.set(length, parts);
  return parts;
}

/** Kept between pictures; `narrow` only grows. */
let narrow = new Float32Array(0);
const sums = new Float64Array(SIDE);

/** The mean over each of 64x64 equal areas, pixels on a border counted by the share inside. Row-major, 0-255. */
export function averageTo64(luma: Uint8Array, width: number, height: number): Float32Array {
  if (narrow.length < SIDE * height) narrow = new Float32Array(SIDE * height);
  averageRows(luma, width, height);
  return averageColumns(height);
}

function averageRows(luma: Uint8Array, width: number, height: number): void {
  const { first, count, head, tail, size } = partsOf(width);
  for (let row = 0; row < height; row++) {
    for (let i = 0; i < SIDE; i++) {
      const from = row * width + first[i];
      const last = from + count[i] - 1;
      let sum = luma[from] * head[i];
      for (let at = from + 1; at < last; at++) sum += luma[at];
      if (last > from) sum += luma[last] * tail[i];
      narrow[row * SIDE + i] = sum / size;
    }
  }
}

/** All 64 columns advance together, which reads memory in order. */
function averageColumns(height: number): Float32Array {
  const { first, count, head, tail, size } = partsOf(height);
  const picture = new Float32Array(SIDE * SIDE);
  for (let i = 0; i < SIDE; i++) {
    sums.fill(0);
    for (let k = 0; k < count[i]; k++) {
      const share = k === 0 ? head[i] : k === count[i] - 1 ? tail[i] : 1;
      const from = (first[i] + k) * SIDE;
      for (let column = 0; column < SIDE; column++) sums[column] += narrow[from + column] * share;
    }
    for (let column = 0; column < SIDE; column++) picture[i * SIDE + column] = sums[column] / size;
  }
  return picture;
}
