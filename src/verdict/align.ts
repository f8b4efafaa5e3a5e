import { groupBy } from "../fingerprint/group.js";
import type { Segment } from "../model.js";
import type { Agreement } from "./agreement.js";

/** Agreements of one reference that lie on one line `reference = speed * submission + offset`. */
export interface Track {
  speed: number;
  offsetMs: number;
  agreements: Agreement[];
}

/** How far, in ms of the reference, an agreement may lie off its line. A kept moment lies within 500 ms of any other. */
const TOLERANCE_MS = 750;

/** A track is cut where nothing agreed for this long. */
const GAP_MS = 10_000;

/** More tracks than this in one pair of videos say nothing new. */
const MAX_TRACKS = 24;

/** The most agreements of one moment that are looked at: a still repeated all over says no more. */
const MAX_PER_MOMENT = 8;

/** How many of the best votes are refined before one is chosen. */
const FINALISTS = 5;

/** Of a long video, as many agreements choose the line as are needed to find it; all are then laid on it. */
const MAX_VOTERS = 3_000;

/** From half to double speed in steps of 4 %, then the same reversed. */
const SPEEDS = speeds();

function speeds(): number[] {
  const forward = [1];
  for (let s = 1.04; s < 2.2; s *= 1.04) forward.push(s, 1 / s);
  return [...forward, ...forward.map((s) => -s)];
}

/**
 * Finds the lines on which agreements lie, strongest first: a Hough vote over speed and offset (VCSL's comparison, He et
 * al., CVPR 2022: Hough voting has the best recall), each line refined by least squares and the moments it explains
 * taken out before the next is sought.
 */
export function align(agreements: Agreement[]): Track[] {
  let left = surestFew(agreements);
  const tracks: Track[] = [];
  while (left.length > 0 && tracks.length < MAX_TRACKS) {
    const track = strongest(left);
    tracks.push(track);
    const explained = new Set(track.agreements.map((a) => a.atMs));
    left = left.filter((a) => !explained.has(a.atMs));
  }
  return tracks;
}

/** Of every moment of the submission the {@link MAX_PER_MOMENT} surest agreements. */
function surestFew(agreements: Agreement[]): Agreement[] {
  return [...groupBy(agreements, (a) => a.atMs).values()].flatMap((group) =>
    group.length <= MAX_PER_MOMENT ? group : group.sort((a, b) => a.doubt - b.doubt).slice(0, MAX_PER_MOMENT),
  );
}

/** How many different moments of the submission agree. */
export const momentsOf = (agreements: Agreement[]): number => new Set(agreements.map((a) => a.atMs)).size;

/** How many different moments of the reference agree. One alone says nothing of speed. */
const referenceMomentsOf = (agreements: Agreement[]): number => new Set(agreements.map((a) => a.referenceAtMs)).size;

/**
 * The lines a closer look should try. Where pictures of the submission agree with one of the reference only, as moving ones do for a second
 * or so, each of them may be the one that is it.
 */
export function linesToTry(track: Track): Track[] {
  if (referenceMomentsOf(track.agreements) > 1 || momentsOf(track.agreements) < 2) return [track];
  const offsets = track.agreements.map((a) => a.referenceAtMs - a.atMs);
  return [...new Set(offsets)].slice(0, MAX_PER_MOMENT).map((offsetMs) => ({ ...track, speed: 1, offsetMs }));
}

function strongest(agreements: Agreement[]): Track {
  const candidates = momentsOf(agreements) > 1 && referenceMomentsOf(agreements) > 1 ? SPEEDS : [1];
  const voters = evenly(agreements, MAX_VOTERS);
  const votes = candidates.map((speed) => ({ speed, ...vote(voters, speed) }));
  const finalists = votes.sort((a, b) => b.score - a.score).slice(0, FINALISTS);
  const tracks = finalists.map(({ speed, offsetMs }) => refine(speed, offsetMs, agreements));
  return tracks.reduce((a, b) => (worth(b) > worth(a) ? b : a));
}

/** At most about `count` of the items, evenly spread. */
function evenly<T>(items: T[], count: number): T[] {
  const step = Math.ceil(items.length / count);
  return step <= 1 ? items : items.filter((_, i) => i % step === 0);
}

/** Agreeing moments, less up to a half each for lying off the line; the plainest explanation wins a draw. */
function worth(track: Track): number {
  const fit = [...groupBy(track.agreements, (a) => a.atMs).values()].map(
    (group) => 1 - Math.min(...group.map((a) => offLine(a, track))) / (2 * TOLERANCE_MS),
  );
  const plain = Math.abs(track.speed - 1) < 0.02 ? 0.05 : track.speed > 0 ? 0.02 : 0;
  return fit.reduce((sum, f) => sum + f, 0) * (1 + plain);
}

/** The offset that most moments vote for. A moment votes once in a bin, with its surest agreement. */
function vote(agreements: Agreement[], speed: number): { offsetMs: number; score: number } {
  const bins = new Map<number, Map<number, number>>();
  for (const agreement of agreements) {
    const [from, to] = offsets(agreement, speed);
    const first = Math.floor(from / TOLERANCE_MS);
    const last = Math.min(Math.floor(to / TOLERANCE_MS), first + 40);
    for (let bin = first; bin <= last; bin++) {
      const moments = bins.get(bin) ?? new Map<number, number>();
      moments.set(agreement.atMs, Math.max(moments.get(agreement.atMs) ?? 0, 1 - agreement.doubt));
      bins.set(bin, moments);
    }
  }
  let best = { offsetMs: 0, score: -1 };
  for (const [bin, moments] of bins) {
    const merged = new Map(moments);
    for (const [atMs, w] of bins.get(bin + 1) ?? []) merged.set(atMs, Math.max(merged.get(atMs) ?? 0, w));
    const score = [...merged.values()].reduce((sum, w) => sum + w, 0);
    if (score > best.score) best = { offsetMs: (bin + 1) * TOLERANCE_MS, score };
  }
  return best;
}

/** The offsets at which the line passes through the agreement's rectangle (both moments may stand for a span of time). */
function offsets(a: Agreement, speed: number): [number, number] {
  const from = speed * a.atMs;
  const to = speed * a.untilMs;
  return [a.referenceAtMs - Math.max(from, to), a.referenceUntilMs - Math.min(from, to)];
}

/** Distance of the agreement's rectangle from the line, in ms of the reference; 0 when the line passes through it. */
function offLine(a: Agreement, { speed, offsetMs }: { speed: number; offsetMs: number }): number {
  const [from, to] = offsets(a, speed);
  return Math.max(0, from - offsetMs, offsetMs - to);
}

function refine(speed: number, offsetMs: number, agreements: Agreement[]): Track {
  let line = { speed, offsetMs };
  const onLine = (l: typeof line) => agreements.filter((a) => offLine(a, l) <= TOLERANCE_MS);
  let found = onLine(line);
  for (let round = 0; round < 5; round++) {
    const better = fit(found, line);
    const again = onLine(better);
    if (momentsOf(again) < momentsOf(found)) break;
    line = better;
    found = again;
  }
  if (found.length === 0) found = [agreements.reduce((a, b) => (b.doubt < a.doubt ? b : a))];
  return { ...line, agreements: found };
}

/** Least squares through the middles; keeps the line's speed when they do not span enough time to tilt it. */
function fit(agreements: Agreement[], line: { speed: number; offsetMs: number }): { speed: number; offsetMs: number } {
  const points = agreements
    .filter((a) => a.untilMs - a.atMs <= 2 * TOLERANCE_MS)
    .map((a) => ({ x: (a.atMs + a.untilMs) / 2, y: (a.referenceAtMs + a.referenceUntilMs) / 2 }));
  if (points.length === 0) return line;
  if (points.length < 3) return { ...line, offsetMs: mean(points.map((p) => p.y - line.speed * p.x)) };
  const mx = mean(points.map((p) => p.x));
  const my = mean(points.map((p) => p.y));
  const sxx = mean(points.map((p) => (p.x - mx) ** 2));
  const sxy = mean(points.map((p) => (p.x - mx) * (p.y - my)));
  // Under a spread of 1 s the sampling error is larger than the tilt it would correct.
  const tilt = sxx > 1_000 ** 2 ? sxy / sxx : line.speed;
  const speed = Math.abs(tilt / line.speed - 1) < 0.15 ? tilt : line.speed;
  return { speed, offsetMs: my - speed * mx };
}

const mean = (values: number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length;

/**
 * The spans of a track on both timelines, cut where nothing agreed for 10 s. `halfStepMs` is half the sampling step. A span that ends a
 * little before either video does is taken to reach that end, unless only what was seen is asked for (`onlySeen`).
 */
export function segmentsOf(
  track: Track,
  durations: { submissionMs: number; referenceMs: number },
  halfStepMs: number,
  onlySeen = false,
): Segment[] {
  const runs: Agreement[][] = [];
  let reach = Number.NEGATIVE_INFINITY;
  for (const agreement of [...track.agreements].sort((a, b) => a.atMs - b.atMs)) {
    if (agreement.atMs - reach > GAP_MS) runs.push([]);
    runs[runs.length - 1].push(agreement);
    reach = Math.max(reach, agreement.untilMs);
  }
  return runs.map((run) => segmentOf(run, track, durations, halfStepMs, onlySeen));
}

/** A span whose end lies this near to an end of either video reaches it: a reference's moments, or its patches, are not denser. */
const REACH_MS = 600;
const REACH_OF_PATCHES_MS = 1_500;

function segmentOf(
  run: Agreement[],
  track: Track,
  durations: { submissionMs: number; referenceMs: number },
  halfStepMs: number,
  onlySeen: boolean,
): Segment {
  const { speed, offsetMs } = track;
  const onReference = (ms: number) => (durations.referenceMs === 0 ? 0 : speed * ms + offsetMs);
  const limits = {
    submissionMs: durations.submissionMs || Number.POSITIVE_INFINITY,
    referenceMs: durations.referenceMs || Number.POSITIVE_INFINITY,
  };
  // The part of the submission's time line that the reference, laid along the line, covers.
  const bounds = [0, limits.referenceMs].map((ms) => (ms - offsetMs) / speed).sort((a, b) => a - b);
  const earliest = Math.max(0, bounds[0]);
  const latest = Math.min(limits.submissionMs, bounds[1]);
  let from = within(Math.min(...run.map((a) => a.atMs)) - halfStepMs, 0, limits.submissionMs);
  let to = within(Math.max(...run.map((a) => a.untilMs)) + halfStepMs, 0, limits.submissionMs);
  const furthestMs = 2 * run.filter((a) => a.part).length > run.length ? REACH_OF_PATCHES_MS : REACH_MS;
  const reachMs = onlySeen ? 0 : furthestMs;
  if (Math.abs(from - earliest) <= reachMs) from = Math.min(from, earliest);
  if (Math.abs(latest - to) <= reachMs) to = Math.max(to, latest);
  const ends = [from, to].map((ms) => within(onReference(ms), 0, limits.referenceMs)).sort((a, b) => a - b);
  return {
    submissionFromMs: Math.round(from),
    submissionToMs: Math.round(to),
    referenceFromMs: Math.round(ends[0]),
    referenceToMs: Math.round(ends[1]),
  };
}

const within = (value: number, least: number, most: number): number => Math.min(Math.max(value, least), most);
