import type { Segment } from "../model.js";
import type { Agreement } from "./agreement.js";
import { momentsOf, type Track } from "./align.js";

/**
 * The tracks that are told: the strongest, and others of at least so many moments. Not one inside a stronger one that has as many moments there: those
 * are pictures that look like another moment as well.
 */
export const tracksToTell = (tracks: Track[], leastMoments: number): Track[] =>
  tracks.filter((track, i) => i === 0 || (momentsOf(track.agreements) >= leastMoments && !isWithin(track, tracks.slice(0, i))));

function isWithin(track: Track, stronger: Track[]): boolean {
  const [from, to] = endsOf(track);
  return stronger.some((other) => {
    const [first, last] = endsOf(other);
    const between = other.agreements.filter((a) => a.atMs >= from && a.atMs <= to);
    return first <= from && last >= to && momentsOf(between) >= momentsOf(track.agreements);
  });
}

function endsOf({ agreements }: Track): [number, number] {
  const times = agreements.map((a) => a.atMs);
  return [Math.min(...times), Math.max(...times)];
}

/** A track is cut where nothing agreed for this long. */
const GAP_MS = 10_000;

/** Pictures and sound of one file may end this far apart, and a duration is that of the longer. */
const TOGETHER_MS = 500;

/** Whether the line says that both videos begin and end together. */
export function isTogether(track: Track, { submissionMs, referenceMs }: Durations): boolean {
  const [from, to] = coveredBy(track, referenceMs);
  return Math.abs(from) <= TOGETHER_MS && Math.abs(to - submissionMs) <= TOGETHER_MS;
}

/** A piece that begins or ends this near to where both videos do lies there: half a step of a scan, and half of what a reference keeps. */
const AT_END_MS = 1_000;

/** Whether what was seen lies at the beginning of both videos, or at the end of both, as an intro does. */
export function isAtOneEnd(seen: Segment[], { submissionMs, referenceMs }: Durations): boolean {
  if (seen.length === 0) return false;
  const begins = ({ submissionFromMs, referenceFromMs }: Segment) => Math.max(submissionFromMs, referenceFromMs) <= AT_END_MS;
  const ends = ({ submissionToMs, referenceToMs }: Segment) =>
    Math.max(submissionMs - submissionToMs, referenceMs - referenceToMs) <= AT_END_MS;
  return seen.every(begins) || seen.every(ends);
}

/** Of both videos, in ms; 0 of a still. */
interface Durations {
  submissionMs: number;
  referenceMs: number;
}

/** Which part of the submission's time line the reference, laid along the line, covers. A still covers all. */
const coveredBy = ({ speed, offsetMs }: Track, referenceMs: number): number[] =>
  [0, referenceMs || Number.POSITIVE_INFINITY].map((ms) => (ms - offsetMs) / speed).sort((a, b) => a - b);

/**
 * The spans of a track on both timelines, cut where nothing agreed for 10 s. `halfStepMs` is half the sampling step. A span that ends a
 * little before either video does is taken to reach that end, unless only what was seen is asked for (`onlySeen`).
 */
export function segmentsOf(track: Track, durations: Durations, halfStepMs: number, onlySeen = false): Segment[] {
  const [earliest, latest] = coveredBy(track, durations.referenceMs);
  const around = track.around.filter((a) => a.atMs >= earliest - halfStepMs && a.untilMs <= latest + halfStepMs);
  const runs: Agreement[][] = [];
  let reach = Number.NEGATIVE_INFINITY;
  for (const agreement of [...track.agreements, ...around].sort((a, b) => a.atMs - b.atMs)) {
    if (agreement.atMs - reach > GAP_MS) runs.push([]);
    runs[runs.length - 1].push(agreement);
    reach = Math.max(reach, agreement.untilMs);
  }
  return runs.map((run) => segmentOf(run, track, durations, halfStepMs, onlySeen));
}

/**
 * A span whose end lies this near to an end of either video reaches it: a reference's moments, or its patches, are not denser. Where both begin and
 * end together it reaches as far as it is not cut.
 */
const REACH_MS = { whole: 600, parts: 1_500, together: GAP_MS };

function reachOf(run: Agreement[], track: Track, durations: Durations): number {
  if (isTogether(track, durations)) return REACH_MS.together;
  return 2 * run.filter((a) => a.part).length > run.length ? REACH_MS.parts : REACH_MS.whole;
}

function segmentOf(run: Agreement[], track: Track, durations: Durations, halfStepMs: number, onlySeen: boolean): Segment {
  const { speed, offsetMs } = track;
  const onReference = (ms: number) => (durations.referenceMs === 0 ? 0 : speed * ms + offsetMs);
  const limits = {
    submissionMs: durations.submissionMs || Number.POSITIVE_INFINITY,
    referenceMs: durations.referenceMs || Number.POSITIVE_INFINITY,
  };
  const [first, last] = coveredBy(track, durations.referenceMs);
  const earliest = Math.max(0, first);
  const latest = Math.min(limits.submissionMs, last);
  let from = within(Math.min(...run.map((a) => a.atMs)) - halfStepMs, 0, limits.submissionMs);
  let to = within(Math.max(...run.map((a) => a.untilMs)) + halfStepMs, 0, limits.submissionMs);
  const reachMs = onlySeen ? 0 : reachOf(run, track, durations);
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
