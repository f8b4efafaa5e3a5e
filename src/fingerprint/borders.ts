import type { Frame } from "../model.js";
import { everySecondByLevel } from "./levels.js";

export interface Rect {
  x: number;
  y: number;
  width: number;
  height: number;
}

/**
 * A line of pixels is plain when its standard deviation is at most this (codec noise on black bars stays under 4, measured at crf 40), and
 * less in a picture of little contrast, where what is shown deviates by no more.
 */
const PLAIN_DEVIATION = { most: 8, least: 2.5, share: 0.05 };

/** A plain line continues the border while its mean stays this close to the outermost line's. */
const SAME_LEVEL = { most: 12, least: 4, share: 0.08 };

/** Borders narrower than this share of the side are within what the hash tolerates. */
const LEAST_SHARE = 0.015;

/** What remains must be at least this share of each side: a title on black is not a picture with borders. */
const LEAST_REST = 0.3;

/**
 * The picture inside plain bars (letterbox, pillarbox, padding, a coloured frame), or undefined when there are none.
 * Bars need not be black, only even: pure-black bar removal fails on codec noise.
 */
export function insideBorders(frame: Frame): Rect | undefined {
  if (!mayHaveBorders(frame)) return undefined;
  const { width, height } = frame;
  const whole = { x: 0, y: 0, width, height };
  const range = rangeOf(frame);
  const plain = { deviation: scaled(PLAIN_DEVIATION, range), level: scaled(SAME_LEVEL, range) };
  const [top, bottom] = plainEdges(height, plain, (y) => statistics(frame, y * width, 1, width));
  const rows = { ...whole, y: top, height: height - top - bottom };
  if (rows.height < LEAST_REST * height) return undefined;
  const [left, right] = plainEdges(width, plain, (x) => statistics(frame, rows.y * width + x, width, rows.height));
  const inside = { ...rows, x: left, width: width - left - right };
  if (inside.width < LEAST_REST * width) return undefined;
  const cut = Math.max((height - inside.height) / height, (width - inside.width) / width);
  return cut >= LEAST_SHARE ? inside : undefined;
}

/** Where not one of the outermost lines is plain by any measure there is nothing to look for: so it is in most pictures. */
function mayHaveBorders(frame: Frame): boolean {
  const { width, height } = frame;
  const isPlain = (from: number, step: number, count: number) =>
    statistics(frame, from, step, count).deviation <= PLAIN_DEVIATION.most;
  return (
    isPlain(0, 1, width) ||
    isPlain((height - 1) * width, 1, width) ||
    isPlain(0, width, height) ||
    isPlain(width - 1, width, height)
  );
}

/** A part of a frame as a frame of its own. */
export function cropFrame(frame: Frame, rect: Rect): Frame {
  const luma = new Uint8Array(rect.width * rect.height);
  for (let y = 0; y < rect.height; y++) {
    const from = (rect.y + y) * frame.width + rect.x;
    luma.set(frame.luma.subarray(from, from + rect.width), y * rect.width);
  }
  return { atMs: frame.atMs, width: rect.width, height: rect.height, luma };
}

interface Line {
  mean: number;
  deviation: number;
}

interface Plain {
  deviation: number;
  level: number;
}

/** How many lines at each end are plain and of one level. */
function plainEdges(count: number, plain: Plain, lineAt: (index: number) => Line): [number, number] {
  const run = (indexOf: (i: number) => number): number => {
    const first = lineAt(indexOf(0));
    if (!isBorder(first, first, plain)) return 0;
    let i = 1;
    while (i < count && isBorder(lineAt(indexOf(i)), first, plain)) i++;
    return i;
  };
  const leading = run((i) => i);
  if (leading === count) return [0, 0];
  return [leading, run((i) => count - 1 - i)];
}

const isBorder = (line: Line, first: Line, plain: Plain): boolean =>
  line.deviation <= plain.deviation && Math.abs(line.mean - first.mean) <= plain.level;

const scaled = ({ most, least, share }: { most: number; least: number; share: number }, range: number): number =>
  Math.max(least, Math.min(most, share * range));

/** From the darkest to the brightest hundredth of the picture, by every second pixel. */
function rangeOf({ luma }: Frame): number {
  const counts = everySecondByLevel(luma);
  const level = (share: number): number => {
    let at = 0;
    for (let seen = counts[0]; 2 * seen <= share * luma.length && at < 255; seen += counts[at]) at++;
    return at;
  };
  return level(0.99) - level(0.01);
}

function statistics({ luma }: Frame, from: number, step: number, count: number): Line {
  let sum = 0;
  let squares = 0;
  for (let i = 0, at = from; i < count; i++, at += step) {
    sum += luma[at];
    squares += luma[at] * luma[at];
  }
  const mean = sum / count;
  return { mean, deviation: Math.sqrt(Math.max(0, squares / count - mean * mean)) };
}
