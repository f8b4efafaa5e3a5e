/**
 * PDQ's reduction of a picture to 64x64: two passes of a box filter along rows and then columns (an approximation of
 * Wojciech Jarosz's tent filter), then 64 evenly spaced samples per side. Every sum and quotient is rounded to a 32-bit
 * float in the order of Meta's `downscaling.cpp`, so the outcome equals theirs bit for bit.
 */
export const REDUCED_SIDE = 64;

const { fround } = Math;

let scratchA = new Float32Array(0);
let scratchB = new Float32Array(0);
let sums = new Float32Array(0);
let zeros = new Float32Array(0);

/** Scratch is kept between calls and only grows: a frame's hashes run one after the other, and never overlap. */
function reserve(width: number, height: number): void {
  const size = Math.max(width, REDUCED_SIDE) * height;
  if (scratchA.length < size) {
    scratchA = new Float32Array(size);
    scratchB = new Float32Array(size);
  }
  if (sums.length < Math.max(width, REDUCED_SIDE)) {
    sums = new Float32Array(Math.max(width, REDUCED_SIDE));
    zeros = new Float32Array(sums.length);
  }
}

const windowOf = (side: number): number => Math.ceil(side / (2 * REDUCED_SIDE));

/** Mean over a sliding window within each row, shorter at both ends. */
function boxAlongRows(from: Float32Array, to: Float32Array, width: number, height: number, window: number): void {
  const ahead = (window + 2) >> 1;
  for (let row = 0; row < height; row++) {
    const base = row * width;
    const end = base + width;
    let left = base;
    let right = base;
    let out = base;
    let count = 0;
    let sum = 0;
    for (; count < ahead - 1; count++) sum = fround(sum + from[right++]);
    while (count < window) {
      count++;
      sum = fround(sum + from[right++]);
      to[out++] = sum / count;
    }
    while (right < end) {
      sum = fround(fround(sum + from[right++]) - from[left++]);
      to[out++] = sum / count;
    }
    while (out < end) {
      count--;
      sum = fround(sum - from[left++]);
      to[out++] = sum / count;
    }
  }
}

/**
 * The same within each column. All columns advance together, which reads memory in order. A row outside the window counts
 * as zeros, and adding zero rounds nothing.
 */
function boxAlongColumns(from: Float32Array, to: Float32Array, width: number, height: number, window: number): void {
  const ahead = (window + 2) >> 1;
  sums.fill(0);
  let count = 0;
  for (let step = 0; step < height + ahead - 1; step++) {
    const adding = step < height;
    const dropping = step >= window;
    const added = adding ? from.subarray(step * width, (step + 1) * width) : zeros;
    const dropped = dropping ? from.subarray((step - window) * width, (step - window + 1) * width) : zeros;
    count += Number(adding) - Number(dropping);
    const out = (step - ahead + 1) * width;
    for (let x = 0; x < width; x++) {
      const sum = fround(fround(sums[x] + added[x]) - dropped[x]);
      sums[x] = sum;
      if (out >= 0) to[out + x] = sum / count;
    }
  }
}

/** Where the decimation reads along a side: at the middles of 64 equal parts. */
function samplesOf(side: number): Int32Array {
  const samples = new Int32Array(REDUCED_SIDE);
  for (let i = 0; i < REDUCED_SIDE; i++) samples[i] = ((i + 0.5) * side) / REDUCED_SIDE;
  return samples;
}

/**
 * For 8-bit luma and windows of at most 2 (sides up to 256, what the scan feeds it) every intermediate value is a whole
 * number of sixteenths, which floats hold exactly. Nothing is rounded, so order does not matter, and both passes are one
 * 1-2-1 filter, needed only at the samples: 20 times as fast as filtering the whole of 256x144.
 */
function reduceSmall(luma: Uint8Array, width: number, height: number, into: Float32Array): void {
  const stepX = windowOf(width) - 1;
  const stepY = windowOf(height) - 1;
  const columns = samplesOf(width);
  const rows = samplesOf(height);
  for (let i = 0; i < REDUCED_SIDE; i++) {
    const a = rows[i] * width;
    const b = Math.min(rows[i] + stepY, height - 1) * width;
    const c = Math.min(rows[i] + 2 * stepY, height - 1) * width;
    for (let j = 0; j < REDUCED_SIDE; j++) {
      const p = columns[j];
      const q = Math.min(p + stepX, width - 1);
      const r = Math.min(p + 2 * stepX, width - 1);
      const middle = luma[b + p] + 2 * luma[b + q] + luma[b + r];
      into[i * REDUCED_SIDE + j] =
        (luma[a + p] + 2 * luma[a + q] + luma[a + r] + 2 * middle + luma[c + p] + 2 * luma[c + q] + luma[c + r]) / 16;
    }
  }
}

/**
 * The picture as PDQ's 64x64 floats, row-major, written into `into`. A 64x64 picture is taken as it is.
 */
export function reduceTo64(luma: Uint8Array | Float32Array, width: number, height: number, into: Float32Array): void {
  const small = luma instanceof Uint8Array && windowOf(width) <= 2 && windowOf(height) <= 2;
  if (width === REDUCED_SIDE && height === REDUCED_SIDE) into.set(luma.subarray(0, REDUCED_SIDE * REDUCED_SIDE));
  else if (small) reduceSmall(luma, width, height, into);
  else reduceAny(luma, width, height, into);
}

/** The last filter along columns runs only on the columns that are sampled, which changes no value. */
function reduceAny(luma: Uint8Array | Float32Array, width: number, height: number, into: Float32Array): void {
  const alongRows = windowOf(width);
  const alongColumns = windowOf(height);
  reserve(width, height);
  scratchA.set(luma.subarray(0, width * height));
  boxAlongRows(scratchA, scratchB, width, height, alongRows);
  boxAlongColumns(scratchB, scratchA, width, height, alongColumns);
  boxAlongRows(scratchA, scratchB, width, height, alongRows);
  const columns = samplesOf(width);
  for (let row = 0; row < height; row++) {
    for (let i = 0; i < REDUCED_SIDE; i++) scratchA[row * REDUCED_SIDE + i] = scratchB[row * width + columns[i]];
  }
  boxAlongColumns(scratchA, scratchB, REDUCED_SIDE, height, alongColumns);
  const rows = samplesOf(height);
  for (let i = 0; i < REDUCED_SIDE; i++) {
    const start = rows[i] * REDUCED_SIDE;
    into.set(scratchB.subarray(start, start + REDUCED_SIDE), i * REDUCED_SIDE);
  }
}
