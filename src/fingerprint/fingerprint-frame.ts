import { DIHEDRALS, type Dihedral, type Fingerprint, type Frame, type Hash, type View } from "../model.js";
import { blockhashViews } from "./blockhash.js";
import { dihedralHash, pdqOf } from "./pdq.js";
import { type Usability, usability } from "./usable.js";

/**
 * The pipeline that every fingerprint comes from: 8-bit luma scaled so that the longest side is at most 256, then PDQ.
 * A change of any step moves hashes, and needs a new name.
 */
export const ALGORITHM = "luma256-pdq/1";

/** What one frame gives: its fingerprint, whether it may be matched, and its views, which are computed when asked for. */
export type FrameReading = Usability & {
  fingerprint: Fingerprint;
  /** PDQ's 16x16 transform. */
  dct: Float32Array;
  /** PDQ and blockhash of the frame through all eight symmetries. */
  views(): View[];
};

/** The fingerprint of one frame (or of a part of it, named by `variant`), standing for the moment `atMs` alone. */
export function fingerprintFrame(frame: Frame, variant = "full"): FrameReading {
  const { atMs, luma, width, height } = frame;
  const { dct, hash, quality } = pdqOf(luma, width, height);
  const { blockhash, picture } = blockhashViews(luma, width, height);
  return {
    ...usability(frame, quality, picture),
    fingerprint: { algorithm: ALGORITHM, variant, atMs, untilMs: atMs, pdq: hash, blockhash: blockhash("original"), quality },
    dct,
    views() {
      const hashes = viewsThrough(frame, dct);
      return DIHEDRALS.map((dihedral) => ({ dihedral, pdq: hashes[dihedral], blockhash: blockhash(dihedral) }));
    },
  };
}

/**
 * PDQ of the frame turned each way. Mirrored luma is hashed anew, because the transform's own symmetries miss by 26-40 bits
 * at this size (see `dihedralHashes`); swapping rows and columns is exact, and gives the other four.
 */
function viewsThrough(frame: Frame, dct: Float32Array): Record<Dihedral, Hash> {
  const { width, height } = frame;
  const upsideDown = upsideDownOf(frame.luma, width);
  const halfTurn = frame.luma.slice().reverse();
  const leftToRight = upsideDownOf(halfTurn, width);
  const [flipx, flipy, rotate180] = [upsideDown, leftToRight, halfTurn].map((luma) => pdqOf(luma, width, height).dct);
  return {
    original: dihedralHash(dct, "original"),
    rotate90: dihedralHash(flipy, "flipplus1"),
    rotate180: dihedralHash(rotate180, "original"),
    rotate270: dihedralHash(flipx, "flipplus1"),
    flipx: dihedralHash(flipx, "original"),
    flipy: dihedralHash(flipy, "original"),
    flipplus1: dihedralHash(dct, "flipplus1"),
    flipminus1: dihedralHash(rotate180, "flipplus1"),
  };
}

/** The picture upside down: its rows in the opposite order. */
function upsideDownOf(luma: Uint8Array, width: number): Uint8Array {
  const turned = new Uint8Array(luma.length);
  for (let at = 0; at < luma.length; at += width) turned.set(luma.subarray(at, at + width), luma.length - width - at);
  return turned;
}
