import { TAPS } from "./kernel/average.js";
import { BEYOND_BYTES, places, workspace } from "./kernel.js";

const SIDE = 64;

/** Of a line that is cut into 64 equal parts: which of its values each part covers, and how much of each. */
interface Parts {
  /** Of each part: its first value, and how many it covers. */
  first: Int32Array;
  count: Int32Array;
  /** Of each part, {@link TAPS} values at a time: how many 64ths of each are in it. */
  weights: Int16Array;
  turns: number;
  /** The same of all values that a part covers, 0-1, `stride` for each part. */
  shares: Float64Array;
  stride: number;
  /** Values a part; seldom a whole number. */
  size: number;
}

/** By length of line. A frame's sides are at most 256, so there are few. */
const partsByLength = new Map<number, Parts>();

function partsOf(length: number): Parts {
  const known = partsByLength.get(length);
  if (known) return known;
  // A 64th of a whole number: what it and its multiples share with a value is a whole number of 64ths, which floats hold exactly.
  const size = length / SIDE;
  const first = Int32Array.from({ length: SIDE }, (_, i) => Math.floor(i * size));
  const count = first.map((start, i) => Math.min(Math.ceil((i + 1) * size), length) - start);
  const stride = Math.max(...count);
  const turns = Math.ceil(stride / TAPS);
  const weights = new Int16Array(turns * SIDE * TAPS);
  const shares = new Float64Array(SIDE * stride);
  for (let i = 0; i < SIDE; i++) {
    for (let k = 0; k < count[i]; k++) {
      const value = first[i] + k;
      const share = Math.min((i + 1) * size, value + 1) - Math.max(i * size, value);
      shares[i * stride + k] = share;
      weights[(Math.floor(k / TAPS) * SIDE + i) * TAPS + (k % TAPS)] = SIDE * share;
    }
  }
  const parts = { first, count, weights, turns, shares, stride, size };
  partsByLength.set(length, parts);
  return parts;
}

/** The mean over each of 64x64 equal areas, pixels on a border counted by the share inside. Row-major, 0-255. */
export function averageTo64(luma: Uint8Array, width: number, height: number): Float32Array {
  const across = partsOf(width);
  const down = partsOf(height);
  const place = places();
  const pixels = place(width * height + TAPS * across.turns + BEYOND_BYTES);
  const firsts = place(across.first.byteLength);
  const weights = place(across.weights.byteLength);
  const narrow = place(4 * SIDE * height);
  const shares = place(down.shares.byteLength);
  const size = place(8);
  const out = place(4 * SIDE * SIDE);
  const { kernel, buffer } = workspace(place(0));
  new Uint8Array(buffer).set(luma.length > width * height ? luma.subarray(0, width * height) : luma, pixels);
  new Int32Array(buffer, firsts).set(across.first);
  new Int16Array(buffer, weights).set(across.weights);
  new Float64Array(buffer, shares).set(down.shares);
  new Float64Array(buffer, size)[0] = down.size;
  kernel.narrowRows(pixels, width, height, firsts, weights, across.turns, narrow);
  const rowBytes = 4 * SIDE;
  for (let i = 0; i < SIDE; i++) {
    const row = narrow + down.first[i] * rowBytes;
    kernel.averageRows(row, row + down.count[i] * rowBytes, shares + 8 * i * down.stride, size, out + i * rowBytes);
  }
  return new Float32Array(buffer, out, SIDE * SIDE).slice();
}
