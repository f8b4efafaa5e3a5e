import { DIHEDRALS, type Dihedral, type Hash } from "../model.js";
import { DCT_SIDE, dctOf } from "./dct.js";
import { qualityOf } from "./quality.js";
import { REDUCED_SIDE, reduceTo64 } from "./reduce.js";

/** A value nearer to the median than this is on one side of it by chance: noise of one grey level moves each value by 1. */
const CHANCE = 1;

/** Meta's `MIN_HASHABLE_DIM`: a smaller picture gets the hash of all zeros and quality 0. */
const MIN_SIDE = 5;

const reduced = new Float32Array(REDUCED_SIDE * REDUCED_SIDE);

/**
 * Meta's PDQ of a picture, bit for bit as their C++ computes it from the same luma (row-major, 0-255).
 * "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm", 2019; `pdqhashing.cpp`.
 *
 * @returns `dct`: 16x16 floats, row-major, what {@link dihedralHashes} needs; `hash`: 256 bits; `quality`: 0-100; `decided`: how many of the bits are
 * no chance (ours; Meta's has none).
 */
export function pdqOf(
  luma: Uint8Array | Float32Array,
  width: number,
  height: number,
): { dct: Float32Array; hash: Hash; quality: number; decided: number } {
  if (luma.length < width * height) throw new RangeError(`luma holds ${luma.length} values, and ${width}x${height} needs more`);
  if (width < MIN_SIDE || height < MIN_SIDE) {
    return { dct: new Float32Array(DCT_SIDE * DCT_SIDE), hash: new Uint8Array(32), quality: 0, decided: 0 };
  }
  reduceTo64(luma, width, height, reduced);
  const dct = dctOf(reduced);
  const median = medianOf(dct);
  return { dct, hash: bitsAbove(dct, median), quality: qualityOf(reduced), decided: decidedBits(dct, median) };
}

function decidedBits(dct: Float32Array, median: number): number {
  let decided = 0;
  for (let at = 0; at < dct.length; at++) if (Math.abs(dct[at] - median) >= CHANCE) decided++;
  return decided;
}

/** A bit is set where the value is above the median. Bit 0 is the last of the hexadecimal form. */
function bitsAbove(dct: Float32Array, median: number): Hash {
  const hash = new Uint8Array(32);
  for (let byte = 0; byte < hash.length; byte++) {
    let bits = 0;
    for (let bit = 0; bit < 8; bit++) bits |= Number(dct[8 * byte + bit] > median) << bit;
    hash[31 - byte] = bits;
  }
  return hash;
}

const shuffled = new Float32Array(DCT_SIDE * DCT_SIDE);

/** The lower median, the 128th of 256 values, which is what Torben's method in the reference returns. By quickselect. */
function medianOf(values: Float32Array): number {
  shuffled.set(values);
  const wanted = values.length / 2 - 1;
  let low = 0;
  let high = values.length - 1;
  while (low < high) {
    const pivot = shuffled[wanted];
    let i = low;
    let j = high;
    while (i <= j) {
      while (shuffled[i] < pivot) i++;
      while (pivot < shuffled[j]) j--;
      if (i > j) break;
      const swap = shuffled[i];
      shuffled[i++] = shuffled[j];
      shuffled[j--] = swap;
    }
    if (j < wanted) low = i;
    if (wanted < i) high = j;
  }
  return shuffled[wanted];
}

/** For each symmetry: swap rows and columns of the transform or not, and which of its signs turn. */
export const SYMMETRIES: Record<Dihedral, { transpose: boolean; negative: (row: number, column: number) => boolean }> = {
  original: { transpose: false, negative: () => false },
  rotate90: { transpose: true, negative: (_, column) => column % 2 === 0 },
  rotate180: { transpose: false, negative: (row, column) => (row + column) % 2 === 1 },
  rotate270: { transpose: true, negative: (row) => row % 2 === 0 },
  flipx: { transpose: false, negative: (row) => row % 2 === 0 },
  flipy: { transpose: false, negative: (_, column) => column % 2 === 0 },
  flipplus1: { transpose: true, negative: () => false },
  flipminus1: { transpose: true, negative: (row, column) => (row + column) % 2 === 1 },
};

const transposed = (at: number): number => DCT_SIDE * (at % DCT_SIDE) + Math.floor(at / DCT_SIDE);

/** Where each value of a transform goes to when rows become columns. */
const TRANSPOSED = Uint8Array.from({ length: DCT_SIDE * DCT_SIDE }, (_, at) => transposed(at));

/** Two symmetries turn the same signs, one of which also makes rows columns: they have the same values, and so the same median. */
const BY_SIGNS = DIHEDRALS.filter((dihedral) => !SYMMETRIES[dihedral].transpose).map((upright) => {
  const signs = signsOf(upright);
  const turned = DIHEDRALS.find(
    (other) => SYMMETRIES[other].transpose && signsOf(other).every((sign, at) => sign === signs[at]),
  )!;
  return { signs, upright, turned };
});

function signsOf(dihedral: Dihedral): Float32Array {
  const { negative } = SYMMETRIES[dihedral];
  return Float32Array.from({ length: DCT_SIDE * DCT_SIDE }, (_, at) => (negative(at >> 4, at & 15) ? -1 : 1));
}

const signed = new Float32Array(DCT_SIDE * DCT_SIDE);
const turned = new Float32Array(DCT_SIDE * DCT_SIDE);

/**
 * The hash through each of the eight symmetries, from the transform that {@link pdqOf} returned; `rotate90` is counterclockwise, `flipx`
 * upside down, `flipy` left to right. As Meta's `pdqDihedralHash256esFromFloatLuma` gives them. Only for 64x64
 * pictures, and for `flipplus1`, is this the hash of the picture turned that way: PDQ's filter reaches further ahead than
 * back, so a mirrored larger picture is sampled up to 3 pixels beside. On 47 pictures of 256 pixels a median of 26 bits for
 * a mirror image and 40 for half a turn.
 */
export function dihedralHashes(dct: Float32Array): Record<Dihedral, Hash> {
  const hashes: Partial<Record<Dihedral, Hash>> = {};
  for (const pair of BY_SIGNS) {
    for (let at = 0; at < signed.length; at++) signed[at] = pair.signs[at] * dct[at];
    for (let at = 0; at < signed.length; at++) turned[TRANSPOSED[at]] = signed[at];
    const median = medianOf(signed);
    hashes[pair.upright] = bitsAbove(signed, median);
    hashes[pair.turned] = bitsAbove(turned, median);
  }
  return hashes as Record<Dihedral, Hash>;
}
