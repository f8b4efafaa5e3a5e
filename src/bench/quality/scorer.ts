import type { Segment } from "../../model.js";
import { cpuSeconds } from "./cpu.js";
import type { AttackedFile, Claim, Detector, DetectorResult, InnocentFile, KnownFile, Truth } from "./types.js";

/** What one detector said about one known inside one attacked file. */
export interface AttackOutcome {
  attack: string;
  group: string;
  known: string;
  caseId: string;
  path: string;
  verdict: DetectorResult["flagged"];
  /** The verdict was `match` and named this case. */
  matched: boolean;
  /** `match` or `review`, and named this case. */
  flagged: boolean;
  /** Cases found that are not in the file. */
  wrongCases: string[];
  /** How far the found span's ends are from the true ones, on the submission's time line: the worse of the two. */
  spanErrorMs?: number;
  /** How far the reference times are from the true ones: the worst over the ends of all segments. */
  mappingErrorMs?: number;
  note?: string;
}

export interface InnocentOutcome {
  name: string;
  category: string;
  path: string;
  verdict: DetectorResult["flagged"];
  caseIds: string[];
  note?: string;
}

export interface Cost {
  cpuSecondsPerMinute: number;
  fingerprintsPerMinute: number;
  registeredMinutes: number;
  checkedMinutes: number;
  cpuSecondsPerImage: number;
}

export interface Score {
  detector: string;
  attacks: AttackOutcome[];
  innocents: InnocentOutcome[];
  /** Every case named in any file, and whether it is in it. */
  claims: (Claim & { right: boolean })[];
  cost: Cost;
}

export interface Job {
  known: (KnownFile & { durationMs: number })[];
  attacked: AttackedFile[];
  /** Registered after the attacks were checked: known material that only the innocents are measured against. */
  knownForInnocents: KnownFile[];
  innocents: InnocentFile[];
  onProgress?: (text: string) => void;
}

/** Registers the known files, shows the detector every attacked and every innocent file, and keeps what it says. */
export async function score(detector: Detector, job: Job): Promise<Score> {
  const videos = job.known.filter((known) => known.kind === "video");
  const images = job.known.filter((known) => known.kind === "image");
  const { fingerprints } = await detector.register(videos);
  await detector.register(images);
  const attacks: AttackOutcome[] = [];
  const claims: Score["claims"] = [];
  const spent = { video: 0, image: 0, minutes: 0, images: 0 };
  for (const [index, file] of job.attacked.entries()) {
    const before = cpuSeconds();
    const result = await detector.check(file.path, file.kind);
    spent[file.kind] += cpuSeconds() - before;
    if (file.kind === "video") spent.minutes += file.durationMs / 60_000;
    else spent.images++;
    attacks.push(...judge(file, result));
    const there = file.truth.map((truth) => truth.caseId);
    claims.push(...(result.claims ?? []).map((claim) => ({ ...claim, right: there.includes(claim.caseId) })));
    if (index % 50 === 49) job.onProgress?.(`${detector.name}: ${index + 1} of ${job.attacked.length} attacked files`);
  }
  await detector.register(job.knownForInnocents);
  const innocents: InnocentOutcome[] = [];
  for (const { name, category, path, kind } of job.innocents) {
    const { flagged, caseIds, note, claims: named = [] } = await detector.check(path, kind);
    innocents.push({ name, category, path, verdict: flagged, caseIds, note });
    claims.push(...named.map((claim) => ({ ...claim, right: false })));
  }
  const registeredMinutes = videos.reduce((sum, known) => sum + known.durationMs, 0) / 60_000;
  const cost = {
    cpuSecondsPerMinute: spent.video / spent.minutes,
    fingerprintsPerMinute: fingerprints / registeredMinutes,
    registeredMinutes,
    checkedMinutes: spent.minutes,
    cpuSecondsPerImage: spent.image / spent.images,
  };
  return { detector: detector.name, attacks, innocents, claims, cost };
}

/** One outcome for each known that is in the file. */
export function judge(file: AttackedFile, result: DetectorResult): AttackOutcome[] {
  const expected = [...new Set(file.truth.map((truth) => truth.caseId))];
  const wrongCases = result.flagged === "match" ? result.caseIds.filter((id) => !expected.includes(id)) : [];
  return expected.map((caseId) => {
    const named = result.caseIds.includes(caseId);
    const matched = named && result.flagged === "match";
    const segments = result.segments.filter((segment) => segment.caseId === caseId);
    const truth = file.truth.filter((t) => t.caseId === caseId);
    const located = file.located && matched && segments.length > 0;
    return {
      attack: file.attack,
      group: file.group,
      known: file.known,
      caseId,
      path: file.path,
      verdict: result.flagged,
      matched,
      flagged: named && (matched || result.flagged === "review"),
      wrongCases,
      spanErrorMs: located ? spanError(truth, segments) : undefined,
      mappingErrorMs: located ? mappingError(truth, segments) : undefined,
      note: result.note,
    };
  });
}

/** Compares the outermost ends of what was found with those of the truth, on the submission's time line. */
export function spanError(truth: Truth[], segments: Segment[]): number {
  const from = Math.min(...segments.map((s) => s.submissionFromMs)) - Math.min(...truth.map((t) => t.fromMs));
  const to = Math.max(...segments.map((s) => s.submissionToMs)) - Math.max(...truth.map((t) => t.toMs));
  return Math.max(Math.abs(from), Math.abs(to));
}

/** The largest difference, over both ends of every segment, between the reference time claimed and the one shown there. */
export function mappingError(truth: Truth[], segments: Segment[]): number {
  const errors = segments.flatMap((s) => {
    // A reversed copy may be told with either end first.
    const [first, last] = [knownAt(truth, s.submissionFromMs), knownAt(truth, s.submissionToMs)];
    const forward = Math.max(Math.abs(s.referenceFromMs - first), Math.abs(s.referenceToMs - last));
    const backward = Math.max(Math.abs(s.referenceFromMs - last), Math.abs(s.referenceToMs - first));
    return [first > last ? Math.min(forward, backward) : forward];
  });
  return Math.max(...errors);
}

/** The time of the known that is seen at `atMs` of the attacked file; outside of every span, that of the nearest end. */
export function knownAt(truth: Truth[], atMs: number): number {
  const gap = (t: Truth) => Math.max(t.fromMs - atMs, atMs - t.toMs, 0);
  const nearest = truth.reduce((best, t) => (gap(t) < gap(best) ? t : best));
  const inside = Math.min(Math.max(atMs, nearest.fromMs), nearest.toMs);
  return nearest.knownFromMs + (inside - nearest.fromMs) * nearest.speed;
}
