import type { Read } from "./hash-frames.js";

/** How far apart a video's keyframes may be to be read first: see {@link LIMITS}. */
export type KeyframesApart = "close" | "far";

/** A part of a video, in ms of its time line. */
export interface Stretch {
  fromMs: number;
  lastsMs: number;
}

/** The I/O of reading keyframes first, and what decides whether they are enough. */
export interface KeyframeSteps {
  apart: KeyframesApart;
  /** What its container says the video lasts; 0 if it does not know. */
  claimedMs: number;
  /** From one picture that a scan of all looks at to the next. */
  scanStepMs: number;
  /** The longest time between keyframes at its start, where that is known: `close` ones are looked for only where that is close. */
  gapAtStartMs?: number;
  /** Reads and hashes keyframes, and ends at the first gap of more than so long between two. */
  keyframes(longestGapMs: number): Promise<Read>;
  /** Reads and hashes a part of the video as a scan reads all of it. */
  stretch(part: Stretch): Promise<Read>;
  mayShowKnown(read: Read): Promise<boolean>;
  /** From 0 to less than 1, by chance. */
  anywhere(): number;
}

/**
 * No more than `stepMs` apart keyframes are read first, or `betweenCutsMs` where steps of different lengths say that the encoder puts one at every cut
 * (x264: there, and every 250 pictures). A second is how telephones write, and a scan, which looks four times a second, may see a quarter more: of 2,550 altered copies that match two would
 * be missed (docs/speed.md). Five seconds apart or at cuts an excerpt may show no keyframe that resembles what is known.
 */
const LIMITS: Record<KeyframesApart, { stepMs: number; betweenCutsMs: number }> = {
  close: { stepMs: 1_300, betweenCutsMs: 1_300 },
  far: { stepMs: 5_000, betweenCutsMs: 12_000 },
};

const SAME_STEP = 0.8;

/** What is shorter is read as quickly with all the rest. */
const SHORTEST_MS = 20_000;

/** So few keyframes are, too. */
const LEAST_KEYFRAMES = 6;

/** Keyframes that come as densely as a scan looks, with gaps of so many steps at most, are all that there is to read: all pictures are stored whole, or the video lasts hours. */
const MOST_GAP_OF_ALL = 1.5;

/** A little more than the shortest piece that a scan finds nearly always; whoever makes a file chooses its keyframes, but not where this is. */
const STRETCH_MS = 6_000;

/** A stretch with fewer pictures, of the 24 that it should have, shows no more than keyframes do. */
const LEAST_OF_STRETCH = 10;

/**
 * What the keyframes say, where they are all there is to read (`isAll`), or speak for what lies between them, and neither in them nor in a stretch that is read in full,
 * somewhere in the video, anything may be known. Otherwise undefined: all has to be read.
 *
 * @throws UnscannableError where not one picture of either can be decoded.
 */
export async function readKeyframes(steps: KeyframeSteps): Promise<{ read: Read; isAll: boolean } | undefined> {
  const { apart, claimedMs, gapAtStartMs = Number.POSITIVE_INFINITY } = steps;
  const allMs = MOST_GAP_OF_ALL * steps.scanStepMs;
  const stepMs = Math.max(LIMITS[apart].stepMs, allMs);
  const betweenCutsMs = Math.max(LIMITS[apart].betweenCutsMs, allMs);
  if (claimedMs < SHORTEST_MS || (apart === "close" && gapAtStartMs > stepMs)) return undefined;
  const read = await steps.keyframes(betweenCutsMs);
  const gapMs = Math.max(read.longestGapMs, claimedMs - read.lastAtMs);
  if (gapMs <= allMs) return { read, isAll: true };
  const atCuts = read.shortestGapMs < SAME_STEP * read.longestGapMs;
  const mostUnusable = 2 * read.framesUnusable > read.framesRead;
  if (read.framesRead < LEAST_KEYFRAMES || mostUnusable || gapMs > (atCuts ? betweenCutsMs : stepMs)) return undefined;
  if (await steps.mayShowKnown(read)) return undefined;
  const stretch = await steps.stretch({
    fromMs: Math.floor(steps.anywhere() * (read.lastAtMs - STRETCH_MS)),
    lastsMs: STRETCH_MS,
  });
  if (stretch.framesRead < LEAST_OF_STRETCH || (await steps.mayShowKnown(stretch))) return undefined;
  return { read: { ...read, hashMs: read.hashMs + stretch.hashMs }, isAll: false };
}
