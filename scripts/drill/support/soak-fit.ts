/** A straight line through samples, by least squares, with how sure its slope is. */
export interface Trend {
  mean: number;
  /** A change of the value in an hour. */
  perHour: number;
  /** 95 % confidence: so much more or less. Infinite with too few samples. */
  give: number;
}

/** What is said of a trend: it grows, it does not, or the samples are too few or too uneven to tell. */
export type Finding = "flat" | "grows" | "undecided";

/** Samples close together are alike, and would make the fit look surer than it is: it is made through the means of so many stretches. */
const STRETCHES = 12;

/** Of Student's distribution, two-sided 95 %, for 1 to 10 degrees of freedom. */
const STUDENT = [12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];

const HOUR_MS = 3_600_000;

export interface Point {
  atMs: number;
  value: number;
}

/** @param points in order of time. */
export function trendOf(points: Point[]): Trend {
  const means = stretchesOf(points);
  const mean = average(points.map(({ value }) => value));
  if (means.length < 3) return { mean, perHour: 0, give: Number.POSITIVE_INFINITY };
  const [x0, y0] = [average(means.map(({ atMs }) => atMs)), average(means.map(({ value }) => value))];
  const spread = sum(means.map(({ atMs }) => (atMs - x0) ** 2));
  const slope = sum(means.map(({ atMs, value }) => (atMs - x0) * (value - y0))) / spread;
  const rest = sum(means.map(({ atMs, value }) => (value - y0 - slope * (atMs - x0)) ** 2));
  const freedom = means.length - 2;
  const error = Math.sqrt(rest / freedom / spread);
  return { mean, perHour: slope * HOUR_MS, give: STUDENT[Math.min(freedom, STUDENT.length) - 1] * error * HOUR_MS };
}

/**
 * The rule: it grows when the least that it grows by, with 95 % confidence, is more than `mostPerHour`; it is flat when the most is not;
 * otherwise a longer run has to tell.
 */
export function findingOf({ perHour, give }: Trend, mostPerHour: number): Finding {
  if (perHour - give > mostPerHour) return "grows";
  return perHour + give <= mostPerHour ? "flat" : "undecided";
}

function stretchesOf(points: Point[]): Point[] {
  const each = Math.max(1, Math.ceil(points.length / STRETCHES));
  return Array.from({ length: Math.ceil(points.length / each) }, (_, i) => {
    const stretch = points.slice(i * each, (i + 1) * each);
    return { atMs: average(stretch.map(({ atMs }) => atMs)), value: average(stretch.map(({ value }) => value)) };
  });
}

const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);
const average = (values: number[]): number => sum(values) / values.length;
