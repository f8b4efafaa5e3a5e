/** The other loops of `src/fingerprint/kernel` as they were before they were in WebAssembly. */
import type { integralOf } from "./plain-blobs.js";

type Integral = ReturnType<typeof integralOf>;

const { fround } = Math;

const CELLS = 8;

export function cellMeans(integral: Integral, x: number, y: number, side: number): Float64Array {
  const cells = new Float64Array(CELLS * CELLS);
  const cell = side / CELLS;
  for (let i = 0; i < cells.length; i++) {
    cells[i] = meanOf(integral, x - side / 2 + (i % CELLS) * cell, y - side / 2 + Math.floor(i / CELLS) * cell, cell);
  }
  return cells;
}

/** Mean luma of a square with fractional corners, cut at the frame's edges. */
function meanOf(integral: Integral, left: number, top: number, side: number): number {
  const x0 = clamp(left, 0, integral.width - 1);
  const y0 = clamp(top, 0, integral.height - 1);
  const x1 = clamp(left + side, x0 + 1, integral.width);
  const y1 = clamp(top + side, y0 + 1, integral.height);
  const sum = sumTo(integral, x1, y1) - sumTo(integral, x0, y1) - sumTo(integral, x1, y0) + sumTo(integral, x0, y0);
  return sum / ((x1 - x0) * (y1 - y0));
}

/** The integral image between its grid points, where it is bilinear. */
function sumTo({ sums, width, height }: Integral, x: number, y: number): number {
  const xi = Math.min(Math.floor(x), width - 1);
  const yi = Math.min(Math.floor(y), height - 1);
  const fx = x - xi;
  const fy = y - yi;
  const at = yi * (width + 1) + xi;
  const upper = sums[at] * (1 - fx) + sums[at + 1] * fx;
  const lower = sums[at + width + 1] * (1 - fx) + sums[at + width + 2] * fx;
  return upper * (1 - fy) + lower * fy;
}

const clamp = (value: number, least: number, most: number): number => Math.min(Math.max(value, least), most);

const SIDE = 64;

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

/** PDQ keeps the 16 lowest frequencies per direction, without the constant one. */
const DCT_SIDE = 16;

const N = SIDE;

/** Row i holds the cosine of frequency i + 1, as in Meta's `pdqhashing.cpp`. */
const COSINES = Float64Array.from({ length: DCT_SIDE * N }, (_, at) => {
  const frequency = Math.floor(at / N) + 1;
  return fround(fround(Math.sqrt(2 / N)) * Math.cos((Math.PI / 2 / N) * frequency * (2 * (at % N) + 1)));
});

// 32-bit values in 64-bit arrays: reading them needs no conversion, a third of the time of a transform.
const half = new Float64Array(DCT_SIDE * N);
const wide = new Float64Array(N * N);

/**
 * The 16x16 low-frequency cosine transform of a 64x64 picture, row-major. Each sum is taken in the reference's order in
 * 32-bit floats; four run side by side because one alone waits for its own last addition.
 */
export function dctOf(picture: Float32Array): Float32Array {
  wide.set(picture);
  for (let i = 0; i < DCT_SIDE; i++) {
    for (let j = 0; j < N; j += 4) {
      let a = 0;
      let b = 0;
      let c = 0;
      let d = 0;
      for (let k = 0; k < N; k++) {
        const cosine = COSINES[i * N + k];
        const at = k * N + j;
        a = fround(a + fround(cosine * wide[at]));
        b = fround(b + fround(cosine * wide[at + 1]));
        c = fround(c + fround(cosine * wide[at + 2]));
        d = fround(d + fround(cosine * wide[at + 3]));
      }
      const out = i * N + j;
      half[out] = a;
      half[out + 1] = b;
      half[out + 2] = c;
      half[out + 3] = d;
    }
  }
  return timesCosines(half);
}

function timesCosines(rows: Float64Array): Float32Array {
  const dct = new Float32Array(DCT_SIDE * DCT_SIDE);
  for (let i = 0; i < DCT_SIDE; i++) {
    for (let j = 0; j < DCT_SIDE; j += 4) {
      let a = 0;
      let b = 0;
      let c = 0;
      let d = 0;
      for (let k = 0; k < N; k++) {
        const value = rows[i * N + k];
        const at = j * N + k;
        a = fround(a + fround(value * COSINES[at]));
        b = fround(b + fround(value * COSINES[at + N]));
        c = fround(c + fround(value * COSINES[at + 2 * N]));
        d = fround(d + fround(value * COSINES[at + 3 * N]));
      }
      const out = i * DCT_SIDE + j;
      dct[out] = a;
      dct[out + 1] = b;
      dct[out + 2] = c;
      dct[out + 3] = d;
    }
  }
  return dct;
}

/** The sum of gradients, each cut to a whole hundredth of the range, on a scale where 100 is plenty (and the most). */
export function qualityOf(picture: Float32Array): number {
  let sum = 0;
  for (let at = 0; at < picture.length - SIDE; at++) sum += gradient(picture[at], picture[at + SIDE]);
  for (let row = 0; row < picture.length; row += SIDE) {
    for (let at = row; at < row + SIDE - 1; at++) sum += gradient(picture[at], picture[at + 1]);
  }
  return Math.min(100, Math.floor(sum / 90));
}

const gradient = (u: number, v: number): number => Math.abs(Math.trunc(fround(fround(fround(u - v) * 100) / 255)));

const counts = new Uint32Array(256);

export function contrastOf(picture: Float32Array): { mean: number; deviation: number; darkest: number; brightest: number } {
  counts.fill(0);
  let sum = 0;
  let squares = 0;
  // By place: an iterator would make an object for each of the 4,096 values.
  for (let at = 0; at < picture.length; at++) {
    const value = picture[at];
    sum += value;
    squares += value * value;
    counts[Math.round(value)]++;
  }
  const mean = sum / picture.length;
  const deviation = Math.sqrt(Math.max(0, squares / picture.length - mean * mean));
  return { mean, deviation, darkest: percentile(0.01, picture.length), brightest: percentile(0.99, picture.length) };
}

function percentile(share: number, total: number): number {
  let level = 0;
  for (let seen = counts[0]; seen <= share * total && level < 255; seen += counts[level]) level++;
  return level;
}

/** `count` lines of `length` pixels; neighbouring lines are `across` apart in memory, pixels of a line `along`. */
const MARGIN = 6;
const MOST_STEP = 20;

interface Lines {
  count: number;
  length: number;
  across: number;
  along: number;
}

export function addSteps(luma: Uint8Array, { count, length, across, along }: Lines, sums: Float32Array): void {
  for (let line = MARGIN; line <= count - MARGIN; line++) {
    for (let i = 0; i < length; i++) {
      const at = line * across + i * along;
      const before = luma[at - across] + luma[at - 2 * across];
      const after = luma[at] + luma[at + across];
      const further = luma[at - 3 * across] + luma[at - 4 * across];
      const beyond = luma[at + 2 * across] + luma[at + 3 * across];
      const step = Math.abs(after - before) / 2 - (Math.abs(before - further) + Math.abs(beyond - after)) / 4;
      sums[line * length + i] += Math.max(-MOST_STEP, Math.min(MOST_STEP, step));
    }
  }
}
