import { bmvbhash } from "blockhash-core";
import { DIHEDRALS, type Dihedral, type Hash } from "../model.js";
import { averageTo64 } from "./average.js";
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
