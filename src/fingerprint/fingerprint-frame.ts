import { DIHEDRALS, type Fingerprint, type Frame, type View } from "../model.js";
import { blockhashViews } from "./blockhash.js";
import { dihedralHashes, pdqOf } from "./pdq.js";
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
      const hashes = dihedralHashes(dct);
      return DIHEDRALS.map((dihedral) => ({ dihedral, pdq: hashes[dihedral], blockhash: blockhash(dihedral) }));
    },
  };
}
