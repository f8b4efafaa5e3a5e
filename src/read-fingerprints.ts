import { UnscannableError } from "./errors.js";
import { viewsFromHashes } from "./fingerprint/approximate-views.js";
import { LISTED, type StillReading } from "./fingerprint/meta-pdq.js";
import { shortened } from "./fingerprint/patches.js";
import { hashFrames, type Read } from "./hash-frames.js";
import type { Frame, MediaFile, MediaSource, Probe, Reading, Stretch, Unread } from "./model.js";
import { type KeyframesApart, type Part, readFirst } from "./read-first.js";
import type { FirstLook } from "./verdict/decide.js";

/** The I/O of a reading. */
export interface ReadSteps {
  fetch(media: { url: string } | { path: string }): Promise<MediaFile>;
  probe(file: MediaFile): Promise<Probe>;
  frames(file: MediaFile, probe: Probe, sampling: Sampling): AsyncIterable<Frame>;
  /** When groups of pictures begin that refer to no picture of another, in ms since the first does; none where ends of them cannot be left out. */
  groups?(file: MediaFile, probe: Probe): Promise<number[]>;
  /** What is known of a file with these bytes, so that it need not be decoded. */
  recall?(sha256: string): Promise<Recalled | undefined>;
  /** Given, a scan reads part of a video first ({@link readFirst}), and the rest only where that may show something known. */
  keyframesFirst?: KeyframesFirst;
  /** Given, a video for which this says so is read again more densely, since what is for a person may be plain to see at other moments. */
  isWorthDenser?(reading: Reading): Promise<boolean>;
  /** Runs each stage, for whoever traces. */
  stage?: RunStage;
}

/** How a scan reads a part first, by where keyframes are: a quarter to two thirds of the cost, for what that may miss (docs/speed.md). */
export interface KeyframesFirst {
  apart: KeyframesApart;
  look(reading: Reading): Promise<FirstLook>;
  /** From 0 to less than 1, by chance: where in a video a stretch is read in full, or which groups of pictures are. */
  anywhere(): number;
}

/** Runs one stage of a story, and gives what it gives. Decoding and hashing take turns, so they are one. */
export type RunStage = <T>(stage: "fetch" | "decode" | "lookup" | "align" | "record", run: () => T) => T;

/** For who does not trace. */
export const plainly: RunStage = (_stage, run) => run();

/** What a reading says besides how it came about. */
export type Recalled = Pick<StillReading, "kind" | "durationMs" | "fingerprints" | "patchSets" | "listed">;

/** `thrifty` decodes only what a scan needs; a reference, which is read once and compared for years, is decoded in full. At most so many a second of either. */
export type Sampling =
  | { mode: "every"; framesPerSecond: number; thrifty: boolean; stretch?: Stretch; leftOut?: Stretch[] }
  | { mode: "keyframes"; framesPerSecond: number; thrifty?: undefined; stretch?: undefined; leftOut?: undefined };

/**
 * How densely a video is read, and what of it stays. A scan looks at four pictures a second and leaves out what repeats the one before.
 * A reference is read as densely and keeps one a second, more where there was nothing to compare in between: of the tuning half the same
 * copies are found as with four kept a second (but for stills of fast films), at a quarter of the bytes, since one of the scan's pictures
 * is always near one that is kept.
 *
 * What may be known but is for a person is read again, denser, and with the patches of every picture that moves: where much moves, a picture a tenth of a second from a
 * kept one is another. Of 76 copies that were for review (four sets) 24 match then, of 26 innocents none. Twelve a second is what a thrifty reading of x264's output gives.
 */
const DENSITY = {
  thrifty: { framesPerSecond: 4, withinBits: 8, shortestMs: 0 },
  denser: { framesPerSecond: 12, withinBits: 8, shortestMs: 0, dense: true },
  full: { framesPerSecond: 4, withinBits: 14, shortestMs: 900 },
};

/** A longer video is read less densely, so that memory does not grow with its length: this many pictures are 1 h at four a second. */
const MOST_PICTURES = 14_400;

/** A thrifty reading with less than this share of the pictures it should have is done again in full: see `readAll`. */
const LEAST_SHARE = 0.6;

/** ... which are so many a second: what a reading gives beyond that is welcome, but not worth a second one. */
const NEEDED_PER_SECOND = 2;

/** ... and so is one with a gap between two pictures, or after the last, of more than this many times their step. */
const MOST_GAP_STEPS = 3;

/** Pictures that end before this share of the duration that a long file claims, and the file is read as the short one that it is. */
const LEAST_OF_CLAIMED = 0.5;

/**
 * Media to fingerprints: what a scan and a registration share. The file is gone again when this returns or throws, and
 * memory does not grow with its length beyond the fingerprints themselves.
 *
 * @throws UnscannableError when it cannot be decoded; TransientError when it may be fetched later.
 */
export async function readFingerprints(
  steps: ReadSteps,
  media: MediaSource,
  options: { thrifty: boolean },
): Promise<StillReading> {
  if ("fingerprints" in media) return given(media);
  const { stage = plainly, isWorthDenser = async () => false } = steps;
  const startedAtMs = performance.now();
  const file = await stage("fetch", () => steps.fetch(media));
  try {
    const fetchedAtMs = performance.now();
    const recalled = await steps.recall?.(file.sha256);
    if (recalled) return fromMemory(recalled, file, fetchedAtMs - startedAtMs);
    const { probe, read } = await stage("decode", () => probeAndRead(steps, file, options.thrifty));
    const reading = readingOf(file, probe, read, {
      fetch: fetchedAtMs - startedAtMs,
      decode: performance.now() - fetchedAtMs - read.hashMs,
    });
    if (!options.thrifty || !mayBeDenser(reading) || !(await stage("lookup", () => isWorthDenser(reading)))) return reading;
    const denser = await stage("decode", () => readDenser(steps, file, probe, reading)).catch(onlyUnscannable);
    return denser ? { ...denser, before: reading } : reading;
  } finally {
    await file.dispose();
  }
}

/** Of one of several readings: what it cannot read another may. */
function onlyUnscannable(error: unknown): undefined {
  if (!(error instanceof UnscannableError)) throw error;
}

const densityOf = (durationMs: number, { framesPerSecond: most }: { framesPerSecond: number }): number =>
  Math.min(most, MOST_PICTURES / (durationMs / 1000));

/** What was read of a file, and what was not. */
type Pictures = Read & { unread?: Unread };

function readingOf(
  { sha256, bytes }: MediaFile,
  { kind }: Probe,
  read: Pictures & { claimedMs: number },
  spentMs: { fetch: number; decode: number },
): StillReading {
  const { fingerprints, patchSets, listed, unread, framesRead, framesUnusable, hashMs } = read;
  return {
    ...{ sha256, bytes, kind, durationMs: kind === "image" ? 0 : Math.max(read.claimedMs, read.lastAtMs) },
    ...{ fingerprints, patchSets, framesRead, framesUnusable },
    ...(listed && { listed }),
    ...(unread && { unread }),
    timingsMs: { ...spentMs, hash: hashMs },
  };
}

/** A video that is not too long for it, and of which more than a part that shows nothing known was read. */
const mayBeDenser = ({ kind, durationMs, unread }: Reading): boolean =>
  kind === "video" && !unread && densityOf(durationMs, DENSITY.denser) > DENSITY.thrifty.framesPerSecond;

/** The same video again. What was spent on the first reading counts as well. */
async function readDenser({ frames }: ReadSteps, file: MediaFile, probe: Probe, first: Reading): Promise<StillReading> {
  const fromMs = performance.now();
  const { durationMs: claimedMs, kind, timingsMs } = first;
  const sampling = { mode: "every", framesPerSecond: densityOf(claimedMs, DENSITY.denser), thrifty: true } as const;
  const read = await hashFrames(frames(file, probe, sampling), kind, DENSITY.denser, true);
  const spentMs = { fetch: timingsMs.fetch, decode: timingsMs.decode + performance.now() - fromMs - read.hashMs };
  return readingOf(file, probe, { ...read, claimedMs, hashMs: timingsMs.hash + read.hashMs }, spentMs);
}

async function probeAndRead(steps: ReadSteps, file: MediaFile, thrifty: boolean) {
  const probe = await steps.probe(file);
  return { probe, read: await readAll(steps, file, probe, thrifty) };
}

function fromMemory(recalled: Recalled, { sha256, bytes }: MediaFile, fetchMs: number): StillReading {
  const moments = new Set(recalled.fingerprints.map((f) => f.atMs)).size;
  const timingsMs = { fetch: fetchMs, decode: 0, hash: 0 };
  return { ...recalled, sha256, bytes, framesRead: moments, framesUnusable: 0, timingsMs };
}

/**
 * Whoever makes a file can mark all its pictures as ones that no other refers to, and so hide them from a thrifty
 * reading; some encoders do so for long stretches. Then there are too few pictures, and the file is read in full.
 *
 * He can also claim that it lasts for hours, so that it is read thinly. When a reading in full shows that it does not, it is read as densely as
 * what it shows; a thrifty one would not do, since what it does not see may be what follows. `claimedMs` is the duration it was read for.
 */
async function readAll(steps: ReadSteps, file: MediaFile, probe: Probe, thrifty: boolean) {
  const density = thrifty ? DENSITY.thrifty : DENSITY.full;
  const readAt = (framesPerSecond: number, how: { thrifty: boolean }) =>
    hashFrames(steps.frames(file, probe, { mode: "every", framesPerSecond, ...how }), probe.kind, density, thrifty);
  const claimedMs = probe.durationMs;
  const framesPerSecond = densityOf(claimedMs, density);
  const part = thrifty && probe.kind === "video" ? await inPart(steps, file, probe, framesPerSecond) : undefined;
  if (part) return { ...part, claimedMs };
  let read: Pictures = await readAt(framesPerSecond, { thrifty });
  if (probe.kind === "image") return { ...read, claimedMs };
  if (thrifty && !isEnough(read, probe, framesPerSecond)) read = await readAt(framesPerSecond, { thrifty: false });
  const { lastAtMs } = read;
  if (framesPerSecond >= NEEDED_PER_SECOND || lastAtMs >= LEAST_OF_CLAIMED * claimedMs) return { ...read, claimedMs };
  return { ...(await readAt(densityOf(lastAtMs, density), { thrifty: false })), claimedMs: lastAtMs };
}

/** What a part of a video says, where no more has to be read. */
async function inPart(
  { keyframesFirst: how, frames, groups = async () => [], stage = plainly }: ReadSteps,
  file: MediaFile,
  probe: Probe,
  framesPerSecond: number,
): Promise<Pictures | undefined> {
  if (!how) return undefined;
  const { durationMs: claimedMs, keyframeGapMs: gapAtStartMs } = probe;
  const samplingOf = (part: Part): Sampling => {
    if (part === "keyframes") return { mode: "keyframes", framesPerSecond };
    const density = "stretch" in part ? DENSITY.thrifty : { framesPerSecond };
    return { mode: "every", framesPerSecond: density.framesPerSecond, thrifty: true, ...part };
  };
  const told = await readFirst({
    ...{ apart: how.apart, anywhere: how.anywhere, claimedMs, gapAtStartMs, scanStepMs: 1000 / framesPerSecond },
    groups: () => groups(file, probe),
    pictures: (part) => frames(file, probe, samplingOf(part)),
    hash: (pictures) => hashFrames(pictures, "video", DENSITY.thrifty, true),
    isEnough: (read, durationMs) => isEnough(read, { ...probe, durationMs }, framesPerSecond),
    look: (read) => stage("lookup", () => how.look(readingOf(file, probe, { ...read, claimedMs }, { fetch: 0, decode: 0 }))),
  }).catch(onlyUnscannable);
  return told && { ...told.read, unread: told.unread };
}

/** Whether there are as many pictures as there should be, without a gap, also after the last. */
function isEnough(read: Pick<Read, "lastAtMs" | "longestGapMs" | "framesRead">, probe: Probe, framesPerSecond: number): boolean {
  const needed = Math.min(framesPerSecond, NEEDED_PER_SECOND);
  const stepMs = 1000 / Math.min(needed, probe.framesPerSecond || needed);
  const lastsMs = Math.max(probe.durationMs, read.lastAtMs);
  const gapMs = Math.max(read.longestGapMs, lastsMs - read.lastAtMs);
  return gapMs <= MOST_GAP_STEPS * stepMs && read.framesRead >= (LEAST_SHARE * lastsMs) / stepMs;
}

/** Hashes that were made elsewhere. Their mirrored and turned views can only be estimated. One of variant {@link LISTED} is Meta's of a still. */
function given(media: Extract<MediaSource, { fingerprints: unknown }>): StillReading {
  const withViews = media.fingerprints.map((f) => ({ ...f, views: viewsFromHashes(f.pdq, f.blockhash) }));
  const listed = withViews.find((f) => f.variant === LISTED);
  const own = withViews.filter((f) => f.variant !== LISTED);
  return {
    ...(listed && { listed }),
    sha256: media.sha256,
    bytes: 0,
    kind: media.kind,
    durationMs: media.durationMs,
    fingerprints: own.length > 0 ? own : withViews,
    patchSets: media.patchSets.map(shortened),
    framesRead: media.fingerprints.length,
    framesUnusable: 0,
    timingsMs: { fetch: 0, decode: 0, hash: 0 },
  };
}
