import type { AlertMatch } from "../../casework/alerts.js";
import { clock } from "./format.js";
import { tenth, xml } from "./svg.js";

/** Units of the drawing; it is as wide as its place allows. */
const WIDTH = 720;
const EDGE = 8;
const UPPER_Y = 34;
const LOWER_Y = 126;
const BAR = 14;
const HEIGHT = 176;
/** A span is never drawn thinner than can be seen. */
const LEAST_WIDTH = 3;
const MOST_SPANS = 60;
const TICKS = 4;

/**
 * Two timelines, this upload's above the known material's, drawn to one scale, with a band between the spans that agree (crossed when the
 * material runs backwards). Undefined for a still: there is no time to draw. No text in it but times, so it needs no language.
 */
export function timelineOf(match: AlertMatch, submissionMs: number, label: string): string | undefined {
  const longestMs = Math.max(submissionMs, match.reference.durationMs);
  if (longestMs <= 0 || match.segments.length === 0) return undefined;
  const x = (ms: number) => tenth(EDGE + (Math.min(Math.max(ms, 0), longestMs) / longestMs) * (WIDTH - 2 * EDGE));
  const spans = match.segments.slice(0, MOST_SPANS).map((s) => ({
    upper: widened(x(s.submissionFromMs), x(s.submissionToMs)),
    lower: widened(x(s.referenceFromMs), x(s.referenceToMs)),
  }));
  const backwards = match.transform.speed < 0;
  const bands = spans.map(({ upper, lower }) => {
    const [left, right] = backwards ? [lower[1], lower[0]] : lower;
    return `<path class="band" d="M${upper[0]} ${UPPER_Y + BAR}L${upper[1]} ${UPPER_Y + BAR}L${right} ${LOWER_Y}L${left} ${LOWER_Y}Z"/>`;
  });
  const agreeing = spans.flatMap(({ upper, lower }) => [bar("agrees", upper, UPPER_Y), bar("agrees", lower, LOWER_Y)]);
  return [
    `<svg class="timeline" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${xml(label)}">`,
    ...bands,
    bar("whole", [x(0), x(submissionMs)], UPPER_Y),
    bar("whole", [x(0), x(match.reference.durationMs)], LOWER_Y),
    ...agreeing,
    ...ticks(submissionMs, x, UPPER_Y - 8),
    ...ticks(match.reference.durationMs, x, LOWER_Y + BAR + 18),
    "</svg>",
  ].join("");
}

const widened = (from: number, to: number): [number, number] => [from, tenth(Math.max(to, from + LEAST_WIDTH))];

const bar = (kind: string, [from, to]: [number, number], y: number) =>
  `<rect class="${kind}" x="${from}" y="${y}" width="${tenth(Math.max(0, to - from))}" height="${BAR}" rx="3"/>`;

/** The beginning, the end, and what fits between without crowding. */
function ticks(durationMs: number, x: (ms: number) => number, y: number): string[] {
  if (durationMs <= 0) return [];
  const room = x(durationMs) - x(0);
  const count = room < 80 ? 0 : room < 240 ? 1 : TICKS;
  const at = count === 0 ? [durationMs] : Array.from({ length: count + 1 }, (_, i) => (durationMs * i) / count);
  return at.map((ms) => {
    const anchor = ms === 0 ? "start" : ms === durationMs && room > 40 ? "end" : "middle";
    return `<text${ms === 0 || ms === durationMs ? "" : ' class="between"'} x="${Math.max(x(ms), room > 40 ? 0 : EDGE + 14)}" y="${y}" text-anchor="${anchor}">${clock(ms)}</text>`;
  });
}
