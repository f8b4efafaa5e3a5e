import { DIHEDRALS, type Fingerprint, type Frame, type MediaKind, type View } from "../model.js";
import { blockhashViews } from "./blockhash.js";
import { complement } from "./hash.js";
import { dihedralHashes, pdqOf } from "./pdq.js";
import { type Usability, usability } from "./usable.js";

/**
 * The pipeline that every fingerprint comes from: 8-bit luma scaled so that the longest side is at most 256, averaged to
 * 64x64, then PDQ, which takes a picture of that size as it is. A change of any step moves hashes, and needs a new name.
 *
 * PDQ's own reduction samples off-centre: at 256 pixels a mirrored photograph is up to 78 bits from what the transform's
 * symmetries promise (47 photographs: median 26), and a copy shrunk to 160 pixels lies 14 bits away (median; most 56). Of the
 * average, all eight symmetries are exact, and the shrunk copy lies 4 bits away (median; most 24). The price is distance to
 * hashes that Meta's tools make of the same file: 8-10 bits on large photographs, more on thumbnails.
 */
export const ALGORITHM = "luma64-pdq/1";

/** What one frame gives: its fingerprint, whether it may be matched, and its views, which are computed when asked for. */
export type FrameReading = Usability & {
  fingerprint: Fingerprint;
  /** PDQ's 16x16 transform. */
  dct: Float32Array;
  /** PDQ (and, of a still, blockhash) of the frame through all eight symmetries, and of its negative. */
  views(): View[];
};

/** What a frame of a video has in place of a blockhash, which says nothing between videos and costs a third of a fingerprint. */
const NO_BLOCKHASH = new Uint8Array(0);

/** The fingerprint of one frame (or of a part of it, named by `variant`), standing for the moment `atMs` alone. */
export function fingerprintFrame(frame: Frame, variant = "full", kind: MediaKind = "image"): FrameReading {
  const { atMs, luma, width, height } = frame;
  const { blockhash, picture } = blockhashViews(luma, width, height);
  const { dct, hash, quality, decided } = pdqOf(picture, 64, 64);
  return {
    ...usability(frame, { quality, decided }, picture),
    fingerprint: {
      ...{ algorithm: ALGORITHM, variant, atMs, untilMs: atMs, pdq: hash, quality },
      blockhash: kind === "image" ? blockhash("original") : NO_BLOCKHASH,
    },
    dct,
    views() {
      const hashes = dihedralHashes(dct);
      return withInverted(
        DIHEDRALS.map((dihedral) => ({
          dihedral,
          pdq: hashes[dihedral],
          blockhash: kind === "image" ? blockhash(dihedral) : undefined,
        })),
      );
    },
  };
}

/** The eight views of a picture, and the first (as it is) in inverted colours. */
export const withInverted = (views: View[]): View[] => [
  ...views,
  { dihedral: "original", pdq: complement(views[0].pdq), blockhash: views[0].blockhash && complement(views[0].blockhash) },
];
