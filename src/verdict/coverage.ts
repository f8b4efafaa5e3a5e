import type { Match, Segment } from "../model.js";

/** How much of the submission the segments cover together, in ms. */
export const spanMs = (segments: Segment[]): number => unionMs(segments.map((s) => [s.submissionFromMs, s.submissionToMs]));

/** The shares of both videos that the segments cover; 1 of a still. */
export const coverages = (
  segments: Segment[],
  { submissionMs, referenceMs }: { submissionMs: number; referenceMs: number },
): Pick<Match, "coverageOfReference" | "coverageOfSubmission"> => ({
  coverageOfReference: coverage(
    segments.map((s) => [s.referenceFromMs, s.referenceToMs]),
    referenceMs,
  ),
  coverageOfSubmission: coverage(
    segments.map((s) => [s.submissionFromMs, s.submissionToMs]),
    submissionMs,
  ),
});

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
