import { groupBy } from "../fingerprint/group.js";
import type { Agreement } from "./agreement.js";

/** Agreements of one reference that lie on one line `reference = speed * submission + offset`. */
export interface Track {
  speed: number;
  offsetMs: number;
  agreements: Agreement[];
  /** Others within {@link AROUND_MS} of it: they show the reference there as well, but a moment beside them shows the same of it more nearly. */
  around: Agreement[];
}

export type Span = { atMs: number; untilMs: number };

/** An agreement, and how near it is beside the nearest around it: 1 for that one, less the further away. */
interface Weighed extends Agreement {
  weight: number;
}

/** How far, in ms of the reference, an agreement may lie off its line. A kept moment lies within 500 ms of any other. */
const TOLERANCE_MS = 750;

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
 *
 * Where little moves, a moment agrees with all moments around the one that it is. So each counts for as much as it is near beside those. With equal
 * votes times in the reference were right to a second in 254 of 517 copies of the tuning half, and a copy was told to be reversed or half as fast; with these in 508.
 *
 * @param referenceMs how long the reference lasts; 0 of a still
 */
export function align(agreements: Agreement[], referenceMs: number): Track[] {
  const tracks: Track[] = [];
  let left: Agreement[] = surestFew(agreements);
  while (left.length > 0 && tracks.length < MAX_TRACKS) {
    const weighed = weigh(left);
    const track = strongest(weighed);
    const isFaint = (a: Weighed) => a.weight < FAINT && offLine(a, { atMs: 0, untilMs: referenceMs }, track) <= TOLERANCE_MS;
    tracks.push({ ...track, around: weighed.filter((a) => isFaint(a) && offItsLine(a, track) <= AROUND_MS) });
    const explained = new Set(track.agreements.map(atMs));
    left = weighed.filter((a) => !explained.has(a.atMs) && !isFaint(a));
  }
  return tracks;
}

/** What is as near as this to the nearest counts 1/e of it: whole pictures in bits of 256, parts in closeness (0-1). */
const NEARLY = { bits: 3, closeness: 0.045 };

/** Less than this starts no line of its own where another lies: there it is more of the same. Where none does, it may be the piece again. */
const FAINT = 0.3;

/** Nearer moments are looked for within this on the other time line: pictures and patches stand for no longer. */
const AROUND_MS = 10_000;

/** A day and more of such stretches. */
const MOST_STRETCHES = 16_384;

/**
 * Weighs each agreement beside the nearest of the same moment of the submission, and of the same moment of the reference. Whole pictures and parts are
 * weighed apart: their distances cannot be compared.
 */
function weigh(agreements: Agreement[]): Weighed[] {
  const nearness = ({ bits, closeness }: Agreement) => (bits === undefined ? closeness / NEARLY.closeness : -bits / NEARLY.bits);
  const nearestOf = (timeOf: (a: Agreement) => number, otherTimeOf: (a: Agreement) => number) => {
    const nearest = new Map<number, number>();
    // A number, since an hour's agreements are a hundred thousand: the moment, the kind, and the stretch of the other time line.
    const keyOf = (a: Agreement, shift: number) =>
      (2 * Math.round(timeOf(a)) + (a.bits === undefined ? 1 : 0)) * MOST_STRETCHES +
      Math.floor(otherTimeOf(a) / AROUND_MS) +
      1 +
      shift;
    for (const a of agreements) {
      const key = keyOf(a, 0);
      nearest.set(key, Math.max(nearest.get(key) ?? Number.NEGATIVE_INFINITY, nearness(a)));
    }
    return (a: Agreement) => Math.max(...[-1, 0, 1].map((shift) => nearest.get(keyOf(a, shift)) ?? Number.NEGATIVE_INFINITY));
  };
  const [ofMoment, ofReference] = [nearestOf(atMs, referenceAtMs), nearestOf(referenceAtMs, atMs)];
  return agreements.map((a) => ({ ...a, weight: Math.exp(2 * nearness(a) - ofMoment(a) - ofReference(a)) }));
}

/** Of every moment of the submission the {@link MAX_PER_MOMENT} surest agreements. */
function surestFew(agreements: Agreement[]): Agreement[] {
  return [...groupBy(agreements, atMs).values()].flatMap((group) =>
    group.length <= MAX_PER_MOMENT ? group : group.sort((a, b) => a.doubt - b.doubt).slice(0, MAX_PER_MOMENT),
  );
}

/** How many different moments of the submission these are of. */
export const momentsOf = (all: { atMs: number }[]): number => new Set(all.map((one) => momentAt(one.atMs))).size;

/** Pictures of one quarter of a second, of which a scan looks at one and a denser reading at several, are one moment. */
export const momentAt = (ms: number): number => Math.floor((ms + 1) / 250);

/** How many different moments of the reference agree. One alone says nothing of speed. */
const referenceMomentsOf = (agreements: Agreement[]): number => new Set(agreements.map(referenceAtMs)).size;

/**
 * The lines a closer look should try. Where pictures of the submission agree with one of the reference only, as moving ones do for a second
 * or so, each of them may be the one that is it.
 */
export function linesToTry(track: Track): Track[] {
  if (referenceMomentsOf(track.agreements) > 1 || momentsOf(track.agreements) < 2) return [track];
  const offsets = track.agreements.map((a) => a.referenceAtMs - a.atMs);
  return [...new Set(offsets)].slice(0, MAX_PER_MOMENT).map((offsetMs) => ({ ...track, speed: 1, offsetMs }));
}

type Line = Pick<Track, "speed" | "offsetMs">;
type Found = Line & { agreements: Weighed[] };

function strongest(agreements: Weighed[]): Found {
  const candidates = momentsOf(agreements) > 1 && referenceMomentsOf(agreements) > 1 ? SPEEDS : [1];
  const voters =
    agreements.length <= MAX_VOTERS
      ? agreements
      : evenly(
          agreements.filter((a) => a.weight >= FAINT),
          MAX_VOTERS,
        );
  const votes = candidates.map((speed) => ({ speed, ...vote(voters, speed) }));
  const [plainest] = votes;
  const best = [...votes].sort((a, b) => b.score - a.score).slice(0, FINALISTS);
  const finalists = best.includes(plainest) ? best : [...best, plainest];
  const lines = finalists.map(({ speed, offsetMs }) => refine(speed, offsetMs, voters));
  const { speed, offsetMs } = lines
    .map((line) => ({ ...line, worth: worth(line) }))
    .reduce((a, b) => (b.worth > a.worth ? b : a));
  return { speed, offsetMs, agreements: onLine({ speed, offsetMs }, agreements) };
}

/** At most about `count` of the items, evenly spread. */
function evenly<T>(items: T[], count: number): T[] {
  const step = Math.ceil(items.length / count);
  return step <= 1 ? items : items.filter((_, i) => i % step === 0);
}

/**
 * The weight of the agreeing moments, less up to a half each for lying off the line, counted on both time lines: one that is slow passes many moments of
 * the submission by one of the reference, which says no more than one does. The plainest explanation wins a draw.
 */
function worth(found: Found): number {
  const worthOf = (a: Weighed) => a.weight * (1 - offItsLine(a, found) / (2 * TOLERANCE_MS));
  const plain = Math.abs(found.speed - 1) < 0.02 ? 0.05 : found.speed > 0 ? 0.02 : 0;
  const [seen, known] = [atMs, referenceAtMs].map((timeOf) => sumOfMoments(found.agreements, timeOf, worthOf));
  return Math.sqrt(seen * known) * (1 + plain);
}

const atMs = (a: Agreement): number => a.atMs;
const referenceAtMs = (a: Agreement): number => a.referenceAtMs;

/** Every moment counts once, with the agreement that is worth most. */
function sumOfMoments(agreements: Weighed[], timeOf: (a: Agreement) => number, worthOf: (a: Weighed) => number): number {
  const most = new Map<number, number>();
  for (const a of agreements) most.set(timeOf(a), Math.max(most.get(timeOf(a)) ?? 0, worthOf(a)));
  return [...most.values()].reduce((sum, value) => sum + value, 0);
}

/** The offset that most moments vote for. A moment votes once in a bin, with the agreement that counts most. */
function vote(agreements: Weighed[], speed: number): { offsetMs: number; score: number } {
  const bins = new Map<number, Map<number, number>>();
  for (const agreement of agreements) {
    const [from, to] = offsets(agreement, speed);
    const first = Math.floor(from / TOLERANCE_MS);
    const last = Math.min(Math.floor(to / TOLERANCE_MS), first + 40);
    for (let bin = first; bin <= last; bin++) {
      const moments = bins.get(bin) ?? new Map<number, number>();
      moments.set(agreement.atMs, Math.max(moments.get(agreement.atMs) ?? 0, agreement.weight * (1 - agreement.doubt)));
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

/** How far a moment of the submission lies from where the line says that a span of the reference is, in ms of the reference. */
export function offLine(seen: Span, known: Span, { speed, offsetMs }: Line): number {
  const a = speed * seen.atMs + offsetMs;
  const b = speed * seen.untilMs + offsetMs;
  return Math.max(0, Math.min(a, b) - known.untilMs, known.atMs - Math.max(a, b));
}

/** The same of an agreement: 0 when the line passes through its rectangle. */
const offItsLine = (a: Agreement, line: Line): number => offLine(a, { atMs: a.referenceAtMs, untilMs: a.referenceUntilMs }, line);

function refine(speed: number, offsetMs: number, agreements: Weighed[]): Found {
  let line = { speed, offsetMs };
  const weightOf = (some: Weighed[]) => sumOfMoments(some, atMs, (a) => a.weight);
  let found = onLine(line, agreements);
  for (let round = 0; round < 5; round++) {
    const better = fit(found, line);
    const again = onLine(better, agreements);
    if (weightOf(again) < weightOf(found)) break;
    line = better;
    found = again;
  }
  return { ...line, agreements: found };
}

/** Those on the line; if none are, the surest. */
function onLine(line: Line, agreements: Weighed[]): Weighed[] {
  const found = agreements.filter((a) => offItsLine(a, line) <= TOLERANCE_MS);
  return found.length > 0 ? found : [agreements.reduce((a, b) => (b.doubt < a.doubt ? b : a))];
}

/** Weighted least squares through the middles; keeps the line's speed when they do not span enough time to tilt it. */
function fit(agreements: Weighed[], line: Line): Line {
  const points = agreements
    .filter((a) => a.untilMs - a.atMs <= 2 * TOLERANCE_MS)
    .map((a) => ({ x: (a.atMs + a.untilMs) / 2, y: (a.referenceAtMs + a.referenceUntilMs) / 2, weight: a.weight }));
  if (points.length === 0) return line;
  const total = points.reduce((sum, p) => sum + p.weight, 0);
  const mean = (of: (p: (typeof points)[number]) => number) => points.reduce((sum, p) => sum + p.weight * of(p), 0) / total;
  if (points.length < 3) return { ...line, offsetMs: mean((p) => p.y - line.speed * p.x) };
  const mx = mean((p) => p.x);
  const my = mean((p) => p.y);
  const sxx = mean((p) => (p.x - mx) ** 2);
  const sxy = mean((p) => (p.x - mx) * (p.y - my));
  // Under a spread of 1 s the sampling error is larger than the tilt it would correct.
  const tilt = sxx > 1_000 ** 2 ? sxy / sxx : line.speed;
  const speed = Math.abs(tilt / line.speed - 1) < 0.15 ? tilt : line.speed;
  return { speed, offsetMs: my - speed * mx };
}
