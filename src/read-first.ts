import type { Read } from "./hash-frames.js";
import type { Frame, Stretch, Unread } from "./model.js";
import type { FirstLook } from "./verdict/decide.js";

/** How far apart a video's keyframes may be to be read alone: see {@link LIMITS}. */
export type KeyframesApart = "close" | "far";

/** What of a video is read: its keyframes; a stretch, as a scan reads all of it; or all but what is left out, so. */
export type Part = "keyframes" | { stretch: Stretch } | { leftOut: Stretch[] };

/** The I/O of reading a video in part, and what decides whether that is enough. */
export interface FirstSteps {
  apart: KeyframesApart;
  /** What its container says the video lasts; 0 if it does not know. */
  claimedMs: number;
  /** From one picture that a scan of all looks at to the next. */
  scanStepMs: number;
  /** The longest time between keyframes at its start, where that is known. */
  gapAtStartMs?: number;
  /** When groups of pictures begin, in ms since the first does; none where pictures cannot be left out. */
  groups(): Promise<number[]>;
  pictures(part: Part): AsyncIterable<Frame>;
  hash(pictures: AsyncIterable<Frame>): Promise<Read>;
  /** Whether these are as many pictures as there should be of so much of a video, without a gap. */
  isEnough(read: Pick<Read, "framesRead" | "lastAtMs" | "longestGapMs">, lastsMs: number): boolean;
  look(read: Read): Promise<FirstLook>;
  /** From 0 to less than 1, by chance. */
  anywhere(): number;
}

/**
 * No more than `stepMs` apart keyframes are read alone, or `betweenCutsMs` where steps of different lengths say that the encoder puts one at every cut
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

/** A little more than the shortest piece that a scan finds nearly always; whoever makes a file chooses its keyframes, but not where this is. And so much before and after a moment that may show something known. */
const STRETCH_MS = 6_000;

/** Of a stretch; of the four pictures that a second should have. With fewer it shows no more than keyframes do. */
const LEAST_PER_SECOND = 1.6;

/** More of the video than this share in stretches costs as much as all of it. */
const MOST_IN_STRETCHES = 0.4;

/** The end of a group that is left out: of 100 excerpts of 5 s none is missed for it, of 100 of 3 s two (docs/speed.md). */
const LONGEST_END_MS = 2_000;

/** ... and no less than so many steps of a scan, so that it looks at the picture after it, by which is known whether that was stored whole. */
const LEAST_STEPS_OF_END = 1.2;

/** Two pictures that a scan looks at. */
const LEAST_OF_GROUP_MS = 500;

/** Whoever makes a file chooses its groups, but not which of so many is read whole; of fewer one is. */
const WHOLE_EVERY = 8;

/**
 * What a part of the video says, where that is all there is to read, or where nothing in it is known, and neither around moments that may be. Otherwise undefined: all
 * has to be read. Keyframes that are not far apart are the part, and a stretch somewhere; else, for who does not take `far` ones, all but the ends of groups of pictures.
 *
 * @throws UnscannableError where not one picture of a part can be decoded, or one refers to what was left out.
 */
export async function readFirst(steps: FirstSteps): Promise<{ read: Read; unread?: Unread } | undefined> {
  const { apart, claimedMs, gapAtStartMs = Number.POSITIVE_INFINITY, scanStepMs } = steps;
  if (claimedMs < SHORTEST_MS) return undefined;
  const areClose = gapAtStartMs <= Math.max(LIMITS.close.stepMs, MOST_GAP_OF_ALL * scanStepMs);
  return apart === "far" || areClose ? keyframesAlone(steps) : withoutEnds(steps);
}

async function keyframesAlone(steps: FirstSteps): Promise<{ read: Read; unread?: Unread } | undefined> {
  const { apart, claimedMs } = steps;
  const allMs = MOST_GAP_OF_ALL * steps.scanStepMs;
  const stepMs = Math.max(LIMITS[apart].stepMs, allMs);
  const betweenCutsMs = Math.max(LIMITS[apart].betweenCutsMs, allMs);
  const read = await steps.hash(upToGap(steps.pictures("keyframes"), betweenCutsMs));
  const gapMs = Math.max(read.longestGapMs, claimedMs - read.lastAtMs);
  if (gapMs <= allMs) return { read };
  const atCuts = read.shortestGapMs < SAME_STEP * read.longestGapMs;
  if (read.framesRead < LEAST_KEYFRAMES || isMostlyBlack(read) || gapMs > (atCuts ? betweenCutsMs : stepMs)) return undefined;
  const fromMs = Math.floor(steps.anywhere() * (read.lastAtMs - STRETCH_MS));
  const hashMs = await showsNothing(steps, read, [{ fromMs, lastsMs: STRETCH_MS }]);
  return hashMs === undefined ? undefined : { read: { ...read, hashMs }, unread: "between keyframes" };
}

async function withoutEnds(steps: FirstSteps): Promise<{ read: Read; unread?: Unread } | undefined> {
  const { claimedMs } = steps;
  const leftOut = endsOf(await steps.groups(), steps);
  if (leftOut.length === 0) return undefined;
  const seen = { framesRead: 0, lastAtMs: 0, longestGapMs: 0 };
  const read = await steps.hash(
    watched(steps.pictures({ leftOut }), ({ atMs }) => {
      const readMs = atMs - leftOutBefore(atMs, leftOut);
      seen.framesRead++;
      seen.longestGapMs = Math.max(seen.longestGapMs, readMs - seen.lastAtMs);
      seen.lastAtMs = readMs;
    }),
  );
  if (isMostlyBlack(read) || !steps.isEnough(seen, claimedMs - leftOutBefore(claimedMs, leftOut))) return undefined;
  const hashMs = await showsNothing(steps, read, []);
  return hashMs === undefined ? undefined : { read: { ...read, hashMs }, unread: "before keyframes" };
}

/** The time spent on hashing where nothing known is shown by what was read, by these stretches, or around moments of either that may show some; undefined where all has to be read. */
async function showsNothing(steps: FirstSteps, read: Read, stretches: Stretch[]): Promise<number | undefined> {
  const { claimedMs } = steps;
  const first = await steps.look(read);
  if (!first.isClear) return undefined;
  let { hashMs } = read;
  const moments = [...first.momentsMs];
  const shows = async (stretch: Stretch, andAround: boolean) => {
    const part = await steps.hash(steps.pictures({ stretch }));
    hashMs += part.hashMs;
    if (part.framesRead < (LEAST_PER_SECOND * stretch.lastsMs) / 1000) return true;
    const { isClear, momentsMs } = await steps.look(part);
    if (andAround) moments.push(...momentsMs.map((atMs) => stretch.fromMs + atMs));
    return !isClear;
  };
  for (const stretch of stretches) if (await shows(stretch, true)) return undefined;
  const around = aroundOf(moments, claimedMs);
  if (lengthOf(around) > MOST_IN_STRETCHES * claimedMs) return undefined;
  for (const stretch of around) if (await shows(stretch, false)) return undefined;
  return hashMs;
}

/** Stretches around these moments; one for those whose stretches meet. */
function aroundOf(momentsMs: number[], claimedMs: number): Stretch[] {
  const around: Stretch[] = [];
  for (const atMs of [...momentsMs].sort((a, b) => a - b)) {
    const [fromMs, toMs] = [Math.max(0, atMs - STRETCH_MS), Math.min(claimedMs, atMs + STRETCH_MS)];
    const last = around.at(-1);
    if (last && fromMs <= last.fromMs + last.lastsMs) last.lastsMs = toMs - last.fromMs;
    else around.push({ fromMs, lastsMs: toMs - fromMs });
  }
  return around;
}

const lengthOf = (parts: Stretch[]): number => parts.reduce((sum, { lastsMs }) => sum + lastsMs, 0);

const isMostlyBlack = ({ framesUnusable, framesRead }: Read): boolean => 2 * framesUnusable > framesRead;

/** The last group has none, since where it ends is not known. */
function endsOf(startsMs: number[], { anywhere, scanStepMs }: FirstSteps): Stretch[] {
  const wholeEvery = Math.min(WHOLE_EVERY, startsMs.length - 1);
  const whole = Math.floor(anywhere() * wholeEvery);
  return startsMs.slice(1).flatMap((nextMs, group) => {
    const lastsMs = Math.min(LONGEST_END_MS, nextMs - startsMs[group] - LEAST_OF_GROUP_MS);
    return lastsMs >= LEAST_STEPS_OF_END * scanStepMs && group % wholeEvery !== whole
      ? [{ fromMs: nextMs - lastsMs, lastsMs }]
      : [];
  });
}

const leftOutBefore = (atMs: number, leftOut: Stretch[]): number =>
  leftOut.reduce((sum, { fromMs, lastsMs }) => sum + Math.min(lastsMs, Math.max(0, atMs - fromMs)), 0);

/** The frames up to the first that comes more than so long after the one before. */
async function* upToGap(frames: AsyncIterable<Frame>, longestMs: number): AsyncGenerator<Frame> {
  let lastMs: number | undefined;
  for await (const frame of frames) {
    yield frame;
    if (lastMs !== undefined && frame.atMs - lastMs > longestMs) return;
    lastMs = frame.atMs;
  }
}

async function* watched(frames: AsyncIterable<Frame>, watch: (frame: Frame) => void): AsyncGenerator<Frame> {
  for await (const frame of frames) {
    watch(frame);
    yield frame;
  }
}
