import type { Frame } from "../model.js";
import type { Rect } from "./borders.js";
import { BEYOND_BYTES, places, workspace } from "./kernel.js";

/**
 * A step of brightness counts up to this many grey levels, so that a few hard edges do not make a line, and a line needs this many on
 * average. Codec noise, grain and texture raise a step and what it is compared with alike, and cancel.
 */
const MOST_STEP = 20;
const LEAST_STEP = 4;

/** A side stands out along at least this share of its length. */
const LEAST_SHARE = 0.55;

/** A box is at least this share of the picture's width and height: hashes of smaller ones say little. */
const LEAST_SIDE = 0.3;

/** Lines in each direction that are tried, no two nearer than this. */
const MOST_LINES = 6;
const APART = 3;

/** A second box is wanted where two stand side by side, or a window in a desktop. */
const MOST_BOXES = 2;

/** Boxes that have more than this in common are one. */
const SAME_BOX = 0.8;

/** A step is compared with those up to 4 pixels from it. */
const MARGIN = 6;

/** Quarters of a grey level that steps are counted in, and how many pictures' steps 16 bits hold the sums of. */
const QUARTERS = 4;
const MOST_PICTURES = Math.floor(32_767 / (QUARTERS * MOST_STEP));

/**
 * Sums, over pictures, of how much more each line of pixels differs from the one before it than its neighbours do, in quarters of a grey
 * level, at y * width + x: `rows` between row y - 1 and row y, `columns` between column x - 1 and column x. Nothing within {@link MARGIN} of the
 * edges. Valid until the workspace is used for something else.
 */
export interface Edges {
  width: number;
  height: number;
  pictures: number;
  rows: Int16Array;
  columns: Int16Array;
}

/**
 * The edges in pictures of one size, at least one.
 *
 * @throws RangeError of more than 409 pictures.
 */
export function edgesOf(frames: Frame[]): Edges {
  if (frames.length > MOST_PICTURES)
    throw new RangeError(`edges of ${frames.length} pictures: at most ${MOST_PICTURES} are added up`);
  const { width, height } = frames[0];
  const size = width * height;
  const place = places(BEYOND_BYTES);
  const pixels = place(size + BEYOND_BYTES);
  const sums = [place(2 * size + BEYOND_BYTES), place(2 * size + BEYOND_BYTES)];
  const { kernel, buffer } = workspace(place(0));
  const [rows, columns] = sums.map((at) => new Int16Array(buffer, at, size).fill(0));
  const first = MARGIN * width;
  const last = (height - MARGIN + 1) * width;
  for (const { luma } of frames) {
    new Uint8Array(buffer).set(luma, pixels);
    kernel.steps(pixels + first, pixels + last, width, QUARTERS * MOST_STEP, sums[0] + 2 * first);
    kernel.steps(pixels, pixels + size, 1, QUARTERS * MOST_STEP, sums[1]);
  }
  return { width, height, pictures: frames.length, rows, columns };
}

/** A place where a box may end. An edge of the picture itself has no `counts`. */
interface End {
  at: number;
  /** How many of the line's first n pixels stand out. */
  counts?: Int32Array;
}

/**
 * Rectangles that something else was put into or around: their sides are straight, upright steps of brightness that stand where they are
 * for all pictures, or edges of the picture. Best first, at most two. An inset, one half of two videos side by side, a picture between
 * bars of noise or on a blurred copy of itself, a window on a desktop, what is below a caption.
 *
 * Measured on 74 files of eight such attacks, of seven videos and an image: in 70 the right box is one of the two, its sides within 1 %
 * of the picture's. In 39 files that are re-encoded, mirrored, cropped, grainy, or carry a logo, none is found.
 *
 * @param across also those that reach from edge to edge, two each way. One picture of bricks or lines of text has so many straight steps that
 *   better boxes lie inside the one that was put in.
 */
export function boxesOf({ width, height, pictures, rows, columns }: Edges, across: boolean): Rect[] {
  const xs = endsOf({ sums: columns, count: width, length: height, across: 1, along: width }, pictures);
  const ys = endsOf({ sums: rows, count: height, length: width, across: width, along: 1 }, pictures);
  const boxes: { box: Rect; worth: number }[] = [];
  for (const [left, right] of pairsOf(xs, LEAST_SIDE * width)) {
    for (const [top, bottom] of pairsOf(ys, LEAST_SIDE * height)) {
      const worth = worthOf([left, right], top.at, bottom.at) + worthOf([top, bottom], left.at, right.at);
      if (worth > 0) boxes.push({ box: { x: left.at, y: top.at, width: right.at - left.at, height: bottom.at - top.at }, worth });
    }
  }
  const byWorth = boxes.sort((a, b) => b.worth - a.worth).map(({ box }) => box);
  if (!across) return unlike(byWorth);
  const whole = [byWorth.filter((box) => box.height === height), byWorth.filter((box) => box.width === width)];
  return [...new Set([...unlike(byWorth), ...whole.flatMap(unlike)])];
}

/** The first boxes that have little in common. */
function unlike(boxes: Rect[]): Rect[] {
  const chosen: Rect[] = [];
  for (const box of boxes) {
    if (chosen.length < MOST_BOXES && chosen.every((other) => commonShare(other, box) < SAME_BOX)) chosen.push(box);
  }
  return chosen;
}

const pairsOf = (ends: End[], least: number): [End, End][] =>
  ends.flatMap((a) => ends.filter((b) => b.at - a.at >= least).map((b): [End, End] => [a, b]));

/** Pixels of the sides that stand out beyond half of them; nothing for the whole picture, less than any sum where a side does not stand out. */
function worthOf(sides: End[], from: number, to: number): number {
  let worth = 0;
  for (const { counts } of sides) {
    if (!counts) continue;
    const seen = counts[to] - counts[from];
    if (seen < LEAST_SHARE * (to - from)) return Number.NEGATIVE_INFINITY;
    worth += seen - (to - from) / 2;
  }
  return worth;
}

/** What two rectangles have in common, as a share of what they cover together. */
function commonShare(a: Rect, b: Rect): number {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  const common = Math.max(0, width) * Math.max(0, height);
  return common / (a.width * a.height + b.width * b.height - common);
}

/** `count` lines of `length` sums; neighbouring lines are `across` apart, neighbours on a line `along`. */
interface Lines {
  sums: Int16Array;
  count: number;
  length: number;
  across: number;
  along: number;
}

/** The edges of the picture, and the lines that stand out most along some stretch that is long enough for a side. */
function endsOf(all: Lines, pictures: number): End[] {
  const { count, length } = all;
  const lines: { at: number; worth: number }[] = [];
  for (let at = MARGIN; at <= count - MARGIN; at++) {
    const stretch = bestStretch(all, at, pictures);
    if (stretch.length >= 0.9 * LEAST_SIDE * length) lines.push({ at, worth: stretch.worth });
  }
  const chosen: End[] = [];
  for (const { at } of lines.sort((a, b) => b.worth - a.worth)) {
    if (chosen.length === MOST_LINES) break;
    if (chosen.some((other) => Math.abs(other.at - at) <= APART)) continue;
    chosen.push({ at, counts: countsOf(all, at, pictures) });
  }
  return [{ at: 0 }, ...chosen, { at: count }];
}

/** The stretch of a line whose steps, each less the least that counts, have the largest sum (Kadane). */
function bestStretch({ sums, length, across, along }: Lines, line: number, pictures: number): { length: number; worth: number } {
  let longest = 0;
  let most = 0;
  let worth = 0;
  let from = 0;
  for (let i = 0, at = line * across; i < length; i++, at += along) {
    worth += sums[at] / QUARTERS / pictures - LEAST_STEP;
    if (worth <= 0) {
      worth = 0;
      from = i + 1;
    } else if (worth > most) {
      most = worth;
      longest = i + 1 - from;
    }
  }
  return { length: longest, worth: most };
}

function countsOf({ sums, length, across, along }: Lines, line: number, pictures: number): Int32Array {
  const counts = new Int32Array(length + 1);
  const least = QUARTERS * LEAST_STEP * pictures;
  for (let i = 0; i < length; i++) counts[i + 1] = counts[i] + Number(sums[line * across + i * along] >= least);
  return counts;
}
