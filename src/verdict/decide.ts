import type {
  Dihedral,
  Fingerprint,
  Found,
  Hit,
  Match,
  MediaKind,
  ReferenceSummary,
  Segment,
  Transform,
  Verdict,
} from "../model.js";
import { align, distinctFrames, groupBy, segmentsOf, type Track } from "./align.js";
import { reasonsFor } from "./explain.js";
import type { Policy } from "./policy.js";

/** What a verdict needs to know of the submission besides its fingerprints. */
export interface Judged {
  kind: MediaKind;
  durationMs: number;
  fingerprints: Fingerprint[];
  framesRead: number;
  framesUnusable: number;
}

/** Half the time between sampled frames: by so much a span is known to be longer than its frames. */
const HALF_STEP_MS = 250;

/** How the submission was turned, seen from the view of it that looks like the reference. */
const TURNS: Record<Dihedral, Pick<Transform, "mirrored" | "rotatedDeg">> = {
  original: { mirrored: false, rotatedDeg: 0 },
  rotate90: { mirrored: false, rotatedDeg: 270 },
  rotate180: { mirrored: false, rotatedDeg: 180 },
  rotate270: { mirrored: false, rotatedDeg: 90 },
  flipx: { mirrored: true, rotatedDeg: 180 },
  flipy: { mirrored: true, rotatedDeg: 0 },
  flipplus1: { mirrored: true, rotatedDeg: 90 },
  flipminus1: { mirrored: true, rotatedDeg: 270 },
};

/**
 * The verdict on a submission: `match` or `review` when known material was found in it, `unscannable` when not one
 * frame could be compared, otherwise `clear`. Pure: the same hits and policy give the same verdict.
 */
export function decide(judged: Judged, found: Pick<Found, "hits" | "references">, policy: Policy): Verdict {
  const matches = [...groupBy(found.hits, (h) => h.referenceId)]
    .map(([id, hits]) => matchOf(found.references.get(id), hits, judged, policy))
    .filter((m): m is Match => m !== undefined)
    .sort((a, b) => b.confidence - a.confidence);
  const usable = judged.fingerprints.length > 0;
  const kind = matches.some((m) => m.verdict === "match")
    ? "match"
    : matches.length > 0
      ? "review"
      : usable
        ? "clear"
        : "unscannable";
  return { kind, matches, reasons: reasonsFor(kind, matches, judged), policyVersion: policy.version };
}

/** The verdict on media that could not be read at all. */
export function unscannable(reason: string, policy: Policy): Verdict {
  return { kind: "unscannable", matches: [], reasons: [reason], policyVersion: policy.version };
}

function matchOf(reference: ReferenceSummary | undefined, hits: Hit[], judged: Judged, policy: Policy): Match | undefined {
  if (!reference) return undefined;
  const [dihedral, best] = strongestView(hits);
  const tracks = align(best, judged.fingerprints);
  const durations = { submissionMs: judged.durationMs, referenceMs: reference.durationMs };
  const segments = tracks
    .filter((t) => t === tracks[0] || distinctFrames(t.hits) >= policy.minFrames)
    .flatMap((t) => segmentsOf(t, judged.fingerprints, durations, HALF_STEP_MS));
  const nearest = nearestHits(best);
  const match = {
    caseId: reference.caseId,
    algorithm: judged.fingerprints[best[0].query].algorithm,
    reference,
    transform: transformOf(dihedral, tracks[0], best, judged.fingerprints),
    segments,
    framesAgreeing: nearest.length,
    medianDistanceBits: median(nearest.map((h) => h.pdqDistance)),
    coverageOfReference: coverage(
      segments.map((s) => [s.referenceFromMs, s.referenceToMs]),
      reference.durationMs,
    ),
    coverageOfSubmission: coverage(
      segments.map((s) => [s.submissionFromMs, s.submissionToMs]),
      judged.durationMs,
    ),
  };
  const verdict = judge(match, nearest, spanMs(segments), judged, policy);
  return { ...match, verdict, confidence: confidenceOf(nearest) };
}

/** The dihedral under which most distinct frames were hit, nearer ones counting more. */
function strongestView(hits: Hit[]): [Dihedral, Hit[]] {
  const groups = groupBy(hits, (h) => h.dihedral);
  const weight = (group: Hit[]) => nearestHits(group).reduce((sum, h) => sum + 1 - h.pdqDistance / 64, 0);
  return [...groups].reduce((a, b) => (weight(b[1]) > weight(a[1]) ? b : a));
}

/** The nearest hit of every query frame. */
function nearestHits(hits: Hit[]): Hit[] {
  const nearest = new Map<number, Hit>();
  for (const hit of hits) {
    const known = nearest.get(hit.query);
    if (!known || hit.pdqDistance < known.pdqDistance) nearest.set(hit.query, hit);
  }
  return [...nearest.values()];
}

function judge(
  match: { coverageOfReference: number; coverageOfSubmission: number; reference: ReferenceSummary },
  nearest: Hit[],
  sharedMs: number,
  judged: Judged,
  policy: Policy,
): "match" | "review" {
  const sure = nearest.filter((h) => h.pdqDistance <= policy.stillBits || h.blockhashDistance <= policy.stillBlockhashBits);
  if (sure.length === 0) return "review";
  if (judged.kind === "image" || match.reference.kind === "image") return "match";
  const most = Math.max(match.coverageOfReference, match.coverageOfSubmission) >= policy.minCoverage;
  if (most) return "match";
  return nearest.length >= policy.minFrames && sharedMs >= policy.minSpanMs ? "match" : "review";
}

/** How sure we are that the frames show the same, from 0 to 1: every agreeing frame halves the doubt, a near one more so. */
function confidenceOf(nearest: Hit[]): number {
  const doubt = nearest.reduce((product, h) => product * (0.02 + 0.5 * (h.pdqDistance / 31) ** 2), 1);
  return Math.round((1 - Math.min(doubt, 0.6)) * 1000) / 1000;
}

function transformOf(dihedral: Dihedral, track: Track, hits: Hit[], fingerprints: Fingerprint[]): Transform {
  const cropped = hits.some((h) => h.referenceVariant !== "full" || fingerprints[h.query].variant !== "full");
  return { ...TURNS[dihedral], speed: Math.round(track.speed * 100) / 100, cropped };
}

const spanMs = (segments: Segment[]): number => unionMs(segments.map((s) => [s.submissionFromMs, s.submissionToMs]));

/** Share of `durationMs` that the spans cover together; 1 for a still, which has no duration. */
function coverage(spans: [number, number][], durationMs: number): number {
  if (durationMs <= 0) return 1;
  return Math.round(Math.min(1, unionMs(spans) / durationMs) * 1000) / 1000;
}

function unionMs(spans: [number, number][]): number {
  let total = 0;
  let reach = Number.NEGATIVE_INFINITY;
  for (const [from, to] of [...spans].sort((a, b) => a[0] - b[0])) {
    total += Math.max(0, to - Math.max(from, reach));
    reach = Math.max(reach, to);
  }
  return total;
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const mid = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[mid] : (sorted[mid - 1] + sorted[mid]) / 2;
}
