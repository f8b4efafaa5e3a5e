import { places, workspace } from "./kernel.js";
import { REDUCED_SIDE } from "./reduce.js";

/** PDQ keeps the 16 lowest frequencies per direction, without the constant one. */
export const DCT_SIDE = 16;

const { fround } = Math;
const N = REDUCED_SIDE;

/** Row i holds the cosine of frequency i + 1, as in Meta's `pdqhashing.cpp`. */
const COSINES = Float32Array.from({ length: DCT_SIDE * N }, (_, at) => {
  const frequency = Math.floor(at / N) + 1;
  return fround(fround(Math.sqrt(2 / N)) * Math.cos((Math.PI / 2 / N) * frequency * (2 * (at % N) + 1)));
});

/** The same with rows for columns. */
const TURNED = COSINES.map((_, at) => COSINES[(at % DCT_SIDE) * N + Math.floor(at / DCT_SIDE)]);

/**
 * The 16x16 low-frequency cosine transform of a 64x64 picture, row-major: its rows, then its columns, times the cosines. Each sum is taken in the
 * reference's order in 32-bit floats.
 */
export function dctOf(picture: Float32Array): Float32Array {
  const place = places();
  const values = place(picture.byteLength);
  const cosines = place(COSINES.byteLength);
  const turned = place(TURNED.byteLength);
  const half = place(COSINES.byteLength);
  const out = place(4 * DCT_SIDE * DCT_SIDE);
  const { kernel, buffer } = workspace(place(0));
  const words = new Float32Array(buffer);
  words.set(picture, values / 4);
  words.set(COSINES, cosines / 4);
  words.set(TURNED, turned / 4);
  kernel.multiply(cosines, cosines + COSINES.byteLength, values, 4 * N, half);
  kernel.multiply(half, half + COSINES.byteLength, turned, 4 * DCT_SIDE, out);
  return words.slice(out / 4, out / 4 + DCT_SIDE * DCT_SIDE);
}
