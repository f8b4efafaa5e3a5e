import { viewsFromHashes } from "./fingerprint/approximate-views.js";
import { cropFrame, insideBorders } from "./fingerprint/borders.js";
import { fingerprintFrame } from "./fingerprint/fingerprint-frame.js";
import { PATCH_ALGORITHM, patchesOf } from "./fingerprint/patches.js";
import { createThinner } from "./fingerprint/thin.js";
import type { Fingerprint, Frame, MediaFile, MediaKind, MediaSource, PatchSet, Probe, Query, Reading, View } from "./model.js";

/** The I/O of a reading. */
export interface ReadSteps {
  fetch(media: { url: string } | { path: string }): Promise<MediaFile>;
  probe(file: MediaFile): Promise<Probe>;
  frames(file: MediaFile, probe: Probe, sampling: Sampling): AsyncIterable<Frame>;
}

/** `thrifty` decodes only what a scan needs; a reference, which is read once and compared for years, is decoded in full. */
export interface Sampling {
  mode: "every";
  framesPerSecond: number;
  thrifty: boolean;
}

/**
 * How densely a video is read. A scan takes two pictures a second. A reference takes four, and thins them more: any moment of it, not
 * only those that happen to be sampled alike, must lie near one that is kept.
 */
const DENSITY = {
  thrifty: { framesPerSecond: 2, withinBits: 8 },
  full: { framesPerSecond: 4, withinBits: 14 },
};

/** A longer video is read less densely, so that memory does not grow with its length: this many pictures are 2 h at two a second. */
const MOST_PICTURES = 14_400;

/** A thrifty reading with less than this share of the pictures it should have is done again in full: see `readAll`. */
const LEAST_SHARE = 0.6;

/** ... and so is one with a gap between two pictures of more than this many times what was asked for. */
const MOST_GAP_STEPS = 3;

/** A picture has more patches than an index keeps, so that those it keeps are among them. */
const PATCHES_PER_PICTURE = 48;
const PATCHES_PER_IMAGE = 96;

/** Patches are taken half as often as fingerprints: finding them costs ten times as much. */
const PATCH_STEP_MS = 900;

/** A fingerprint whose views and patches are computed only if thinning keeps it. */
type Pending = Fingerprint & { viewsOf(kind: MediaKind): View[]; frame: Frame };

/**
 * Media to fingerprints: what a scan and a registration share. The file is gone again when this returns or throws, and
 * memory does not grow with its length beyond the fingerprints themselves.
 *
 * @throws UnscannableError when it cannot be decoded; TransientError when it may be fetched later.
 */
export async function readFingerprints(steps: ReadSteps, media: MediaSource, options: { thrifty: boolean }): Promise<Reading> {
  if ("fingerprints" in media) return given(media);
  const startedAtMs = performance.now();
  const file = await steps.fetch(media);
  try {
    const fetchedAtMs = performance.now();
    const probe = await steps.probe(file);
    const read = await readAll(steps, file, probe, options.thrifty);
    const elapsedMs = performance.now() - fetchedAtMs;
    return {
      sha256: file.sha256,
      bytes: file.bytes,
      kind: probe.kind,
      durationMs: probe.kind === "image" ? 0 : Math.max(probe.durationMs, read.lastAtMs),
      fingerprints: read.fingerprints,
      patchSets: read.patchSets,
      framesRead: read.framesRead,
      framesUnusable: read.framesUnusable,
      timingsMs: { fetch: fetchedAtMs - startedAtMs, decode: elapsedMs - read.hashMs, hash: read.hashMs },
    };
  } finally {
    await file.dispose();
  }
}

/**
 * Whoever makes a file can mark all its pictures as ones that no other refers to, and so hide them from a thrifty
 * reading; some encoders do so for long stretches. Then there are too few pictures, and the file is read in full.
 */
async function readAll(steps: ReadSteps, file: MediaFile, probe: Probe, thrifty: boolean) {
  const { framesPerSecond: most, withinBits } = thrifty ? DENSITY.thrifty : DENSITY.full;
  const framesPerSecond = Math.min(most, MOST_PICTURES / (probe.durationMs / 1000));
  const sampling = { mode: "every", framesPerSecond, thrifty } as const;
  const read = await readFrames(steps.frames(file, probe, sampling), probe.kind, withinBits);
  const seconds = Math.max(probe.durationMs, read.lastAtMs) / 1000;
  const stepMs = 1000 / Math.min(framesPerSecond, probe.framesPerSecond || framesPerSecond);
  const enough = read.longestGapMs <= MOST_GAP_STEPS * stepMs && read.framesRead >= (LEAST_SHARE * seconds * 1000) / stepMs;
  if (!thrifty || probe.kind === "image" || enough) return read;
  return readFrames(steps.frames(file, probe, { ...sampling, thrifty: false }), probe.kind, withinBits);
}

async function readFrames(frames: AsyncIterable<Frame>, kind: MediaKind, withinBits: number) {
  const patches = kind === "image" ? PATCHES_PER_IMAGE : PATCHES_PER_PICTURE;
  const thinner = createThinner<Pending>({ withinBits });
  const fingerprints: Query[] = [];
  const patchSets: PatchSet[] = [];
  const read = { fingerprints, patchSets, framesRead: 0, framesUnusable: 0, lastAtMs: 0, longestGapMs: 0, hashMs: 0 };
  const keep = ({ viewsOf, frame, ...fingerprint }: Pending) => {
    fingerprints.push({ ...fingerprint, views: viewsOf(kind) });
    const apartMs = fingerprint.untilMs - (patchSets.at(-1)?.untilMs ?? Number.NEGATIVE_INFINITY);
    if (fingerprint.variant === "full" && apartMs >= PATCH_STEP_MS) {
      const { atMs, untilMs } = fingerprint;
      patchSets.push({ algorithm: PATCH_ALGORITHM, atMs, untilMs, ...patchesOf(frame, patches) });
    }
  };
  for await (const frame of frames) {
    const fromMs = performance.now();
    const usable = fingerprintsOf(frame);
    for (const fingerprint of usable) thinner.push(fingerprint).forEach(keep);
    read.framesRead++;
    if (usable.length === 0) read.framesUnusable++;
    read.longestGapMs = Math.max(read.longestGapMs, frame.atMs - read.lastAtMs);
    read.lastAtMs = frame.atMs;
    read.hashMs += performance.now() - fromMs;
  }
  thinner.flush().forEach(keep);
  fingerprints.sort((a, b) => a.atMs - b.atMs);
  return read;
}

/**
 * The frame as it is and, where it has borders, the picture inside them; each only if it has enough detail. Patches are taken
 * inside the borders: the edges of bars look alike in all videos.
 */
function fingerprintsOf(frame: Frame): Pending[] {
  const borders = insideBorders(frame);
  const inside = borders ? cropFrame(frame, borders) : frame;
  const parts = [fingerprintFrame(frame), ...(borders ? [fingerprintFrame(inside, "inside borders")] : [])];
  return parts.filter((part) => part.usable).map(({ fingerprint, views }) => ({ ...fingerprint, viewsOf: views, frame: inside }));
}

/** Hashes that were made elsewhere. Their mirrored and turned views can only be estimated. */
function given(media: Extract<MediaSource, { fingerprints: unknown }>): Reading {
  return {
    sha256: media.sha256,
    bytes: 0,
    kind: media.kind,
    durationMs: media.durationMs,
    fingerprints: media.fingerprints.map((f) => ({ ...f, views: viewsFromHashes(f.pdq, f.blockhash) })),
    patchSets: media.patchSets,
    framesRead: media.fingerprints.length,
    framesUnusable: 0,
    timingsMs: { fetch: 0, decode: 0, hash: 0 },
  };
}
