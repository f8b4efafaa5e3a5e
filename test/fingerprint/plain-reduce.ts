/** PDQ's reduction to 64x64 as `src/fingerprint/kernel/box.ts` had it before it was in WebAssembly. */
const REDUCED_SIDE = 64;

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

/** Of pictures of any size; one of 64x64 is filtered as well. */
export function reduceTo64(luma: Uint8Array | Float32Array, width: number, height: number, into: Float32Array): void {
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
