import { cropFrame, insideBorders } from "./fingerprint/borders.js";
import { createBoxReader } from "./fingerprint/box-reader.js";
import { type FrameReading, fingerprintFrame } from "./fingerprint/fingerprint-frame.js";
import { listedQuery, type StillFrame } from "./fingerprint/meta-pdq.js";
import { createPatchReader } from "./fingerprint/patch-reader.js";
import { createThinner, type ThinOptions } from "./fingerprint/thin.js";
import type { Fingerprint, Frame, MediaKind, Query, View } from "./model.js";

/** A fingerprint whose views are computed only if thinning keeps it. */
type Pending = Fingerprint & { viewsOf(): View[] };

/** What of the pictures stays; `dense` also of patches. */
export type Thinning = Pick<ThinOptions, "withinBits" | "shortestMs"> & { dense?: boolean };

/** What a file's pictures say, and how they came. */
export type Read = Awaited<ReturnType<typeof hashFrames>>;

/**
 * Hashes pictures, given in order of time, whole and in parts, and keeps of them what differs.
 *
 * @param scanning also what pictures show inside of rectangles, and stills turned; known material is kept as it is, since a scan does so already.
 */
export async function hashFrames(frames: AsyncIterable<StillFrame>, kind: MediaKind, thinning: Thinning, scanning: boolean) {
  const thinner = createThinner<Pending>(thinning);
  const patches = createPatchReader(kind, thinning, scanning);
  const fingerprints: Query[] = [];
  const keep = ({ viewsOf, ...fingerprint }: Pending) => fingerprints.push({ ...fingerprint, views: viewsOf() });
  const boxes = createBoxReader(kind, (picture, variant) => {
    const { usable, fingerprint, views } = fingerprintFrame(picture, variant, kind);
    if (usable) thinner.push({ ...fingerprint, viewsOf: views }).forEach(keep);
  });
  const read = {
    framesRead: 0,
    framesUnusable: 0,
    lastAtMs: 0,
    longestGapMs: 0,
    shortestGapMs: Number.POSITIVE_INFINITY,
    hashMs: 0,
  };
  let listed: Query | undefined;
  for await (const frame of frames) {
    const fromMs = performance.now();
    const { whole, inside, picture } = readingsOf(frame, kind);
    const usable = [whole, ...(inside ? [inside] : [])].filter((reading) => reading.usable);
    for (const { fingerprint, views } of usable) thinner.push({ ...fingerprint, viewsOf: views }).forEach(keep);
    if (scanning) boxes.push(frame);
    const innermost = inside ?? whole;
    if (innermost.usable || innermost.hasContrast) patches.push(picture, innermost.fingerprint.pdq);
    // What is too flat or dark for our hash is so for Meta's.
    if (frame.asMeta && whole.usable) listed = listedQuery(frame.asMeta);
    const gapMs = frame.atMs - read.lastAtMs;
    if (read.framesRead > 0) read.shortestGapMs = Math.min(read.shortestGapMs, gapMs);
    read.longestGapMs = Math.max(read.longestGapMs, gapMs);
    read.framesRead++;
    if (usable.length === 0) read.framesUnusable++;
    read.lastAtMs = frame.atMs;
    read.hashMs += performance.now() - fromMs;
  }
  boxes.flush();
  thinner.flush().forEach(keep);
  fingerprints.sort((a, b) => a.atMs - b.atMs);
  return { ...read, fingerprints, patchSets: patches.sets, listed };
}

/**
 * The frame as it is and, where it has borders, the picture inside them, with whether each has enough detail. Patches are taken
 * from `picture`, inside the borders: the edges of bars look alike in all videos.
 */
function readingsOf(frame: Frame, kind: MediaKind): { whole: FrameReading; inside?: FrameReading; picture: Frame } {
  const borders = insideBorders(frame);
  const whole = fingerprintFrame(frame, "full", kind);
  if (!borders) return { whole, picture: frame };
  const picture = cropFrame(frame, borders);
  return { whole, inside: fingerprintFrame(picture, "inside borders", kind), picture };
}
