import type { Hash } from "../../model.js";

const SIDE = 32;
const KEPT = 8;

const cosines = Array.from({ length: KEPT }, (_, k) =>
  Float64Array.from({ length: SIDE }, (_, n) => Math.cos((Math.PI * k * (2 * n + 1)) / (2 * SIDE))),
);

/**
 * The 64-bit DCT hash as Thorn's `perception.hashers.PHash` has it by default: area-averaged to 32×32, the 8×8 lowest frequencies, a bit for
 * each that is at least the median. 8 bytes.
 */
export function phashOf(luma: Uint8Array, width: number, height: number): Hash {
  const small = areaAverage(luma, width, height);
  const rows = cosines.map((cosine) =>
    Float64Array.from({ length: SIDE }, (_, y) => dot(small.subarray(y * SIDE, (y + 1) * SIDE), cosine)),
  );
  const values: number[] = [];
  for (let v = 0; v < KEPT; v++) for (let u = 0; u < KEPT; u++) values.push(dot(rows[u], cosines[v]));
  const sorted = [...values].sort((a, b) => a - b);
  const median = (sorted[31] + sorted[32]) / 2;
  const hash = new Uint8Array(8);
  values.forEach((value, i) => {
    if (value >= median) hash[i >> 3] |= 128 >> (i & 7);
  });
  return hash;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** Every target pixel is the mean of the source pixels it covers (at least one). */
function areaAverage(luma: Uint8Array, width: number, height: number): Float64Array {
  const out = new Float64Array(SIDE * SIDE);
  for (let y = 0; y < SIDE; y++) {
    const [y0, y1] = covered(y, height);
    for (let x = 0; x < SIDE; x++) {
      const [x0, x1] = covered(x, width);
      let sum = 0;
      for (let j = y0; j < y1; j++) for (let i = x0; i < x1; i++) sum += luma[j * width + i];
      out[y * SIDE + x] = sum / ((y1 - y0) * (x1 - x0));
    }
  }
  return out;
}

function covered(index: number, size: number): [number, number] {
  const from = Math.floor((index * size) / SIDE);
  return [from, Math.max(from + 1, Math.floor(((index + 1) * size) / SIDE))];
}
