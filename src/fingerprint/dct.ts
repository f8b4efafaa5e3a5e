import { REDUCED_SIDE } from "./reduce.js";

/** PDQ keeps the 16 lowest frequencies per direction, without the constant one. */
export const DCT_SIDE = 16;

const { fround } = Math;
const N = REDUCED_SIDE;

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
