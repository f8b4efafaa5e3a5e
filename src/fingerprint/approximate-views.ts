import { DIHEDRALS, type Dihedral, type Hash, type View } from "../model.js";
import { SEEN_AT } from "./blockhash.js";
import { withInverted } from "./fingerprint-frame.js";
import { SYMMETRIES } from "./pdq.js";

/**
 * The eight views of a picture of which only the hashes are known: a submission that came as hashes, or a hash list.
 * A hash keeps the signs of the transform relative to its median, not the median, so the other seven are estimates:
 * over 53 images the PDQ of a view lies 6 bits (median) and 12 bits (9 in 10) from the true one. `original` is exact.
 * A video's frames have no blockhash (of length 0), and neither have their views.
 */
export function viewsFromHashes(pdq: Hash, blockhash: Hash): View[] {
  const blockhashOf = (dihedral: Dihedral) => (blockhash.length > 0 ? turnBlockhash(blockhash, dihedral) : undefined);
  const views = DIHEDRALS.map((dihedral) =>
    dihedral === "original"
      ? { dihedral, pdq, blockhash: blockhash.length > 0 ? blockhash : undefined }
      : { dihedral, pdq: turnPdq(pdq, dihedral), blockhash: blockhashOf(dihedral) },
  );
  return withInverted(views);
}

/** PDQ's bit of row r, column c is number 16 r + c, counted from the last of its hexadecimal form. */
function turnPdq(hash: Hash, dihedral: Dihedral): Hash {
  const { transpose, negative } = SYMMETRIES[dihedral];
  const view = new Uint8Array(32);
  for (let k = 0; k < 256; k++) {
    const [row, column] = [k >> 4, k & 15];
    const bit = ((hash[31 - (k >> 3)] >> (k & 7)) & 1) ^ (negative(row, column) ? 1 : 0);
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
