import type { TimelineUpload } from "../../casework/statistics.js";
import type { Format } from "./format.js";
import { tenth, xml } from "./svg.js";

const WIDTH = 720;
const HEIGHT = 180;
const LEFT = 40;
const RIGHT = 12;
const TOP = 12;
const BOTTOM = 26;
/** A longer history is drawn by every nth upload: more points than pixels say nothing. */
const MOST_POINTS = 400;
const MOST_DOTS = 60;

/**
 * The uploads of a case as stairs: one step up for each, in time. Undefined when there are none. `label` is what a screen reader says.
 */
export function reuploadChart(uploads: TimelineUpload[], label: string, f: Format): string | undefined {
  if (uploads.length === 0) return undefined;
  const times = uploads.map(({ at }) => at.getTime()).sort((a, b) => a - b);
  const [from, to] = spanOf(times);
  const x = (ms: number) => tenth(LEFT + ((ms - from) / (to - from)) * (WIDTH - LEFT - RIGHT));
  const y = (count: number) => tenth(HEIGHT - BOTTOM - (count / times.length) * (HEIGHT - TOP - BOTTOM));
  const step = Math.ceil(times.length / MOST_POINTS);
  const points = times.map((ms, i) => ({ ms, count: i + 1 })).filter(({ count }) => count % step === 0 || count === times.length);
  const stairs = points.map(({ ms, count }) => `H${x(ms)}V${y(count)}`).join("");
  const line = `M${x(from)} ${y(0)}${stairs}H${x(to)}`;
  return [
    `<svg class="reuploads" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${xml(label)}">`,
    ...marks(times.length).map(
      (n) =>
        `<path class="grid" d="M${LEFT} ${y(n)}H${WIDTH - RIGHT}"/><text x="${LEFT - 6}" y="${y(n) + 4}" text-anchor="end">${n}</text>`,
    ),
    `<path class="area" d="${line}V${y(0)}Z"/>`,
    `<path class="line" d="${line}"/>`,
    ...(points.length <= MOST_DOTS ? points.map(({ ms, count }) => `<circle cx="${x(ms)}" cy="${y(count)}" r="3.5"/>`) : []),
    `<text x="${LEFT}" y="${HEIGHT - 8}" text-anchor="start">${xml(f.day(new Date(from)))}</text>`,
    `<text x="${WIDTH - RIGHT}" y="${HEIGHT - 8}" text-anchor="end">${xml(f.day(new Date(to)))}</text>`,
    "</svg>",
  ].join("");
}

/** From the first upload to the last; a day around it when that is no time at all. */
function spanOf(times: number[]): [number, number] {
  const [first, last] = [times[0], times[times.length - 1]];
  return last - first < 3_600_000 ? [first - 43_200_000, last + 43_200_000] : [first, last];
}

/** Nought, the whole, and the middle if it is a whole number of uploads. */
const marks = (count: number): number[] => [0, ...(count >= 4 ? [Math.round(count / 2)] : []), count];
