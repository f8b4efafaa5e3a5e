import type { Fingerprint, Hit, Segment } from "../model.js";

/** Hits of one reference under one dihedral that lie on one line `reference = speed * submission + offset`. */
export interface Track {
  speed: number;
  offsetMs: number;
  hits: Hit[];
}

/** How far, in ms of the reference, a hit may lie off its line. Frames are sampled every 500 ms on both sides. */
const TOLERANCE_MS = 750;

/** A track is cut where nothing agreed for this long. */
const GAP_MS = 10_000;

/** More tracks than this in one pair of videos say nothing new. */
const MAX_TRACKS = 24;

/** The most hits of one query frame in one reference that are looked at: a still repeated all over says no more. */
const MAX_HITS_PER_FRAME = 8;

/** From half to double speed in steps of 4 %, then the same reversed; 1 first, so that it wins a draw. */
const SPEEDS = speeds();

function speeds(): number[] {
  const forward = [1];
  for (let s = 1.04; s < 2.2; s *= 1.04) forward.push(s, 1 / s);
  return [...forward, ...forward.map((s) => -s)];
}

/**
 * Finds the lines on which hits agree in time, strongest first: a Hough vote over speed and offset (after Law-To et
 * al. and VCSL's comparison, He et al., CVPR 2022: Hough voting has the best recall), each line then refined by least
 * squares and its hits taken out before the next is sought.
 *
 * @param hits of one reference and one dihedral
 */
export function align(hits: Hit[], fingerprints: Fingerprint[]): Track[] {
  let left = nearestPerFrame(hits);
  const tracks: Track[] = [];
  while (left.length > 0 && tracks.length < MAX_TRACKS) {
    const track = strongest(left, fingerprints);
    tracks.push(track);
    const taken = new Set(track.hits);
    left = left.filter((hit) => !taken.has(hit));
  }
  return tracks;
}

function nearestPerFrame(hits: Hit[]): Hit[] {
  return [...groupBy(hits, (h) => h.query).values()].flatMap((group) =>
    group.length <= MAX_HITS_PER_FRAME ? group : group.sort((a, b) => a.pdqDistance - b.pdqDistance).slice(0, MAX_HITS_PER_FRAME),
  );
}

/** Items by key, in order of first appearance. */
export function groupBy<K, T>(items: T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}

/** How many of the best votes are refined before one is chosen. */
const FINALISTS = 5;

function strongest(hits: Hit[], fingerprints: Fingerprint[]): Track {
  const candidates = distinctFrames(hits) > 1 ? SPEEDS : [1];
  const votes = candidates.map((speed) => ({ speed, ...vote(hits, fingerprints, speed) }));
  const finalists = votes.sort((a, b) => b.score - a.score).slice(0, FINALISTS);
  const tracks = finalists.map(({ speed, offsetMs }) => refine(speed, offsetMs, hits, fingerprints));
  return tracks.reduce((a, b) => (worth(b, fingerprints) > worth(a, fingerprints) ? b : a));
}

/** Agreeing frames, less up to a half each for lying off the line; the plainest explanation wins a draw. */
function worth(track: Track, fingerprints: Fingerprint[]): number {
  const frames = groupBy(track.hits, (h) => h.query);
  const fit = [...frames.values()].map((group) => {
    const off = Math.min(...group.map((h) => offLine(h, fingerprints[h.query], track.speed, track.offsetMs)));
    return 1 - off / (2 * TOLERANCE_MS);
  });
  const plain = Math.abs(track.speed - 1) < 0.02 ? 0.05 : track.speed > 0 ? 0.02 : 0;
  return fit.reduce((sum, f) => sum + f, 0) * (1 + plain);
}

/** The offset that most frames vote for. A frame votes once in a bin, with its nearest hit. */
function vote(hits: Hit[], fingerprints: Fingerprint[], speed: number): { offsetMs: number; score: number } {
  const bins = new Map<number, Map<number, number>>();
  for (const hit of hits) {
    const [from, to] = offsets(hit, fingerprints[hit.query], speed);
    const weight = 1 - hit.pdqDistance / 64;
    const last = Math.min(Math.floor(to / TOLERANCE_MS), Math.floor(from / TOLERANCE_MS) + 40);
    for (let bin = Math.floor(from / TOLERANCE_MS); bin <= last; bin++) {
      const frames = bins.get(bin) ?? new Map<number, number>();
      frames.set(hit.query, Math.max(frames.get(hit.query) ?? 0, weight));
      bins.set(bin, frames);
    }
  }
  let best = { offsetMs: 0, score: -1 };
  for (const [bin, frames] of bins) {
    const merged = new Map(frames);
    for (const [q, w] of bins.get(bin + 1) ?? []) merged.set(q, Math.max(merged.get(q) ?? 0, w));
    const score = [...merged.values()].reduce((sum, w) => sum + w, 0);
    if (score > best.score) best = { offsetMs: (bin + 1) * TOLERANCE_MS, score };
  }
  return best;
}

/** The offsets at which the line passes through the hit's rectangle (both frames may stand for a span of time). */
function offsets(hit: Hit, f: Fingerprint, speed: number): [number, number] {
  const a = speed * f.atMs;
  const b = speed * f.untilMs;
  return [hit.referenceAtMs - Math.max(a, b), hit.referenceUntilMs - Math.min(a, b)];
}

/** Distance of the hit's rectangle from the line, in ms of the reference; 0 when the line passes through it. */
function offLine(hit: Hit, f: Fingerprint, speed: number, offsetMs: number): number {
  const [from, to] = offsets(hit, f, speed);
  return Math.max(0, from - offsetMs, offsetMs - to);
}

function refine(speed: number, offsetMs: number, hits: Hit[], fingerprints: Fingerprint[]): Track {
  let line = { speed, offsetMs };
  let inliers = onLine(line, hits, fingerprints);
  for (let round = 0; round < 5; round++) {
    const better = fit(inliers, fingerprints, line);
    const found = onLine(better, hits, fingerprints);
    if (distinctFrames(found) < distinctFrames(inliers)) break;
    line = better;
    inliers = found;
  }
  if (inliers.length === 0) inliers = [hits.reduce((a, b) => (b.pdqDistance < a.pdqDistance ? b : a))];
  return { ...line, hits: inliers };
}

const onLine = (line: { speed: number; offsetMs: number }, hits: Hit[], fingerprints: Fingerprint[]) =>
  hits.filter((h) => offLine(h, fingerprints[h.query], line.speed, line.offsetMs) <= TOLERANCE_MS);

export const distinctFrames = (hits: Hit[]): number => new Set(hits.map((h) => h.query)).size;

/** Least squares through the middles of the hits; keeps the line when they do not span enough time to tilt it. */
function fit(
  hits: Hit[],
  fingerprints: Fingerprint[],
  line: { speed: number; offsetMs: number },
): { speed: number; offsetMs: number } {
  const points = hits.map((h) => {
    const f = fingerprints[h.query];
    return {
      x: (f.atMs + f.untilMs) / 2,
      y: (h.referenceAtMs + h.referenceUntilMs) / 2,
      held: f.untilMs - f.atMs > 2 * TOLERANCE_MS,
    };
  });
  const sharp = points.filter((p) => !p.held);
  if (sharp.length < 3) return line;
  const mx = mean(sharp.map((p) => p.x));
  const my = mean(sharp.map((p) => p.y));
  const sxx = mean(sharp.map((p) => (p.x - mx) ** 2));
  const sxy = mean(sharp.map((p) => (p.x - mx) * (p.y - my)));
  // Under a spread of 1 s the sampling error is larger than the tilt it would correct.
  const tilt = sxx > 1_000 ** 2 && Math.sign(sxy) === Math.sign(line.speed) ? sxy / sxx : line.speed;
  const speed = Math.abs(tilt / line.speed - 1) < 0.15 ? tilt : line.speed;
  return { speed, offsetMs: my - speed * mx };
}

const mean = (values: number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length;

/** The spans of a track on both timelines, cut where nothing agreed for 10 s. `halfStepMs` is half the sampling step. */
export function segmentsOf(
  track: Track,
  fingerprints: Fingerprint[],
  durations: { submissionMs: number; referenceMs: number },
  halfStepMs: number,
): Segment[] {
  const sorted = [...track.hits].sort((a, b) => fingerprints[a.query].atMs - fingerprints[b.query].atMs);
  const runs: Hit[][] = [];
  let reach = Number.NEGATIVE_INFINITY;
  for (const hit of sorted) {
    const f = fingerprints[hit.query];
    if (f.atMs - reach > GAP_MS) runs.push([]);
    runs[runs.length - 1].push(hit);
    reach = Math.max(reach, f.untilMs);
  }
  return runs.map((run) => {
    const clampTo = (limitMs: number) => (ms: number) =>
      Math.round(Math.min(Math.max(ms, 0), limitMs || Number.POSITIVE_INFINITY));
    const onSubmission = clampTo(durations.submissionMs);
    const onReference = clampTo(durations.referenceMs);
    return {
      submissionFromMs: onSubmission(Math.min(...run.map((h) => fingerprints[h.query].atMs)) - halfStepMs),
      submissionToMs: onSubmission(Math.max(...run.map((h) => fingerprints[h.query].untilMs)) + halfStepMs),
      referenceFromMs: onReference(Math.min(...run.map((h) => h.referenceAtMs)) - halfStepMs),
      referenceToMs: onReference(Math.max(...run.map((h) => h.referenceUntilMs)) + halfStepMs),
    };
  });
}
