import { DIHEDRALS, type Dihedral, type Hash, type View } from "../model.js";
import { withInverted } from "./fingerprint-frame.js";

/** For each symmetry: where a cell of a square grid is seen, in cells of `side`. */
const SEEN_AT: Record<Dihedral, (row: number, column: number, last: number) => [number, number]> = {
  original: (row, column) => [row, column],
  rotate90: (row, column, last) => [column, last - row],
  rotate180: (row, column, last) => [last - row, last - column],
  rotate270: (row, column, last) => [last - column, row],
  flipx: (row, column, last) => [last - row, column],
  flipy: (row, column, last) => [row, last - column],
  flipplus1: (row, column) => [column, row],
  flipminus1: (row, column, last) => [last - column, last - row],
};

/** Which signs of PDQ's transform turn under a symmetry, and whether rows and columns change places. */
const SIGNS: Record<Dihedral, { transpose: boolean; turned: (row: number, column: number) => boolean }> = {
  original: { transpose: false, turned: () => false },
  rotate90: { transpose: true, turned: (_, column) => column % 2 === 0 },
  rotate180: { transpose: false, turned: (row, column) => (row + column) % 2 === 1 },
  rotate270: { transpose: true, turned: (row) => row % 2 === 0 },
  flipx: { transpose: false, turned: (row) => row % 2 === 0 },
  flipy: { transpose: false, turned: (_, column) => column % 2 === 0 },
  flipplus1: { transpose: true, turned: () => false },
  flipminus1: { transpose: true, turned: (row, column) => (row + column) % 2 === 1 },
};

/**
 * The eight views of a picture of which only the hashes are known: a submission that came as hashes, or a hash list.
 * A hash keeps the signs of the transform relative to its median, not the median, so the other seven are estimates:
 * over 53 images the PDQ of a view lies 6 bits (median) and 12 bits (9 in 10) from the true one. `original` is exact.
 */
export function viewsFromHashes(pdq: Hash, blockhash: Hash): View[] {
  const views = DIHEDRALS.map((dihedral) =>
    dihedral === "original"
      ? { dihedral, pdq, blockhash }
      : { dihedral, pdq: turnPdq(pdq, dihedral), blockhash: turnBlockhash(blockhash, dihedral) },
  );
  return withInverted(views);
}

/** PDQ's bit of row r, column c is number 16 r + c, counted from the last of its hexadecimal form. */
function turnPdq(hash: Hash, dihedral: Dihedral): Hash {
  const { transpose, turned } = SIGNS[dihedral];
  const view = new Uint8Array(32);
  for (let k = 0; k < 256; k++) {
    const [row, column] = [k >> 4, k & 15];
    const bit = ((hash[31 - (k >> 3)] >> (k & 7)) & 1) ^ (turned(row, column) ? 1 : 0);
    const to = transpose ? column * 16 + row : k;
    if (bit) view[31 - (to >> 3)] |= 1 << (to & 7);
  }
  return view;
}

/** Blockhash's bit of row r, column c is number 16 r + c, counted from the first. */
function turnBlockhash(hash: Hash, dihedral: Dihedral): Hash {
  const view = new Uint8Array(32);
  for (let at = 0; at < 256; at++) {
    const [row, column] = SEEN_AT[dihedral](at >> 4, at & 15, 15);
    const from = row * 16 + column;
    if ((hash[from >> 3] >> (7 - (from & 7))) & 1) view[at >> 3] |= 0x80 >> (at & 7);
  }
  return view;
}
