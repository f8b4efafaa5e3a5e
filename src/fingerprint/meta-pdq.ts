import type { Frame, Query, Reading } from "../model.js";
import { ALGORITHM, withInverted } from "./fingerprint-frame.js";
import { pdqOf } from "./pdq.js";
import { LEAST_QUALITY } from "./usable.js";

/**
 * PDQ as Meta's own tools make it of a still: of the picture at up to 512x512, by PDQ's own reduction. Under this name references keep it
 * beside our own hash, for whoever asks with such a hash or wants ours in a list. A scan never compares it with ours.
 */
export const META_ALGORITHM = "pdq";

/**
 * The variant of hashes that came in a list, made by the tools of others, and of the hash of a still that they are looked up by. They stand
 * under our own {@link ALGORITHM}, since they are near enough to be compared. Distances of ours to Meta's, of 50 corpus stills: 8 bits
 * (median; nine in ten 16) over 256 pixels a side, up to 76 on thumbnails; of 210 frames of videos 8 (20 at most) over 400 pixels,
 * 12 (34 at most) under. Meta's of the picture at 512x512 lies within 16 of Meta's of the whole picture, at the median at 0.
 */
export const LISTED = "pdq";

/** Meta's C++ makes a picture with a longer side exactly this, whatever its shape (`DOWNSAMPLE_DIMS`, pdqio.cpp). */
export const META_SIDE = 512;

/** A still's frame, with the same picture as Meta's tools would take it. */
export interface StillFrame extends Frame {
  asMeta?: Frame;
}

/** A still's reading, with what lists are looked up by; a video has nothing of the kind. */
export interface StillReading extends Reading {
  listed?: Query;
}

/**
 * Meta's hash of a still, as a query for listed hashes. Seen as it is, and in inverted colours; turned and mirrored copies are found by our
 * own hash, whose views are exact: predicted from Meta's the half turn lies 22 bits off (median of 50), a mirror image 16.
 *
 * @returns undefined where Meta's tools discard the hash, at a quality of 49 or less.
 */
export function listedQuery(frame: Frame): Query | undefined {
  const { hash, quality } = pdqOf(frame.luma, frame.width, frame.height);
  if (quality < LEAST_QUALITY) return undefined;
  const { atMs } = frame;
  return {
    ...{ algorithm: ALGORITHM, variant: LISTED, atMs, untilMs: atMs, pdq: hash, quality },
    blockhash: new Uint8Array(0),
    views: withInverted([{ dihedral: "original", pdq: hash }]),
  };
}

/** What listed hashes are looked up by beside a reading's own fingerprints. */
export const listedOf = (reading: Reading): Query | undefined => (reading as StillReading).listed;

/** All of a reading's fingerprints, that one last: what goes into a queue or is kept for look-back. */
export const withListed = (reading: Reading): Query[] => {
  const listed = listedOf(reading);
  return listed ? [...reading.fingerprints, listed] : reading.fingerprints;
};
