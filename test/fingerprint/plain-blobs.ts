/**
 * The loops of `src/fingerprint/kernel` as they were before they were in WebAssembly: what these give is what indexes hold.
 */
import type { Blob } from "../../src/fingerprint/blobs.js";
import type { Frame } from "../../src/model.js";

/** Sides of the box filters, in pixels: they find blobs of 2 to 13 pixels (standard deviation = 1.2 side / 9, Bay et al.). */
const FILTER_SIDES = [15, 21, 27, 39, 51, 75, 99];

/** Filters are evaluated at every second pixel. */
const STEP = 2;

/** Below this (of the determinant with luma scaled to 0-1) a blob is noise. It goes with the square of contrast: a tenth of this is for dark films. */
const LEAST_STRENGTH = 2e-6;

/** Points this close to the edge, in sigmas, have too little around them to be told apart. */
const MARGIN_SIGMAS = 4.5;

/** Sums of all pixels above and to the left, (width + 1) x (height + 1), row-major. */
interface Integral {
  sums: Int32Array;
  width: number;
  height: number;
}

export function integralOf({ luma, width, height }: Frame): Integral {
  const sums = new Int32Array((width + 1) * (height + 1));
  for (let y = 0; y < height; y++) {
    let row = 0;
    const out = (y + 1) * (width + 1) + 1;
    for (let x = 0; x < width; x++) {
      row += luma[y * width + x];
      sums[out + x] = sums[out + x - width - 1] + row;
    }
  }
  return { sums, width, height };
}

interface Layer {
  side: number;
  response: Float32Array;
}

export function blobsOf(integral: Integral): Blob[] {
  const { width, height } = integral;
  const columns = Math.floor(width / STEP);
  const rows = Math.floor(height / STEP);
  const layers = FILTER_SIDES.filter((side) => side < Math.min(width, height)).map((side) => ({
    side,
    response: determinants(integral, side, columns, new Float32Array(columns * rows)),
  }));
  const blobs: Blob[] = [];
  for (let i = 0; i < layers.length; i++) {
    const { response } = layers[i];
    const places = peaksOf(response, layers[i - 1]?.response, layers[i + 1]?.response, columns, rows);
    for (const at of places) {
      const strength = response[at];
      const x = ((at % columns) + parabola(response[at - 1], strength, response[at + 1])) * STEP;
      const y = (Math.floor(at / columns) + parabola(response[at - columns], strength, response[at + columns])) * STEP;
      const sigma = (1.2 / 9) * sideBetween(layers, i, at);
      const margin = MARGIN_SIGMAS * sigma;
      if (x >= margin && y >= margin && x <= width - margin && y <= height - margin) blobs.push({ x, y, sigma, strength });
    }
  }
  return blobs.sort((a, b) => b.strength - a.strength);
}

/** Offset of the top of the parabola through three equidistant values, -0.5 to 0.5. */
function parabola(before: number, at: number, after: number): number {
  const bend = before - 2 * at + after;
  return bend >= 0 ? 0 : Math.max(-0.5, Math.min(0.5, (0.5 * (before - after)) / bend));
}

/** The filter side at the top of the parabola over neighbouring layers, on a logarithmic scale. */
function sideBetween(layers: Layer[], i: number, at: number): number {
  const [below, above] = [layers[i - 1], layers[i + 1]];
  if (!below || !above) return layers[i].side;
  const shift = parabola(below.response[at], layers[i].response[at], above.response[at]);
  return layers[i].side * (shift > 0 ? (above.side / layers[i].side) ** shift : (layers[i].side / below.side) ** shift);
}

/** Places whose value is above all eight around them, and all nine in the layers below and above. */
function peaksOf(
  response: Float32Array,
  below: Float32Array | undefined,
  above: Float32Array | undefined,
  columns: number,
  rows: number,
): number[] {
  const places: number[] = [];
  for (let row = 1; row < rows - 1; row++) {
    const end = (row + 1) * columns - 1;
    for (let at = row * columns + 1; at < end; at++) {
      const value = response[at];
      if (value < LEAST_STRENGTH || response[at - 1] >= value || response[at + 1] >= value) continue;
      if (isAtLeast(response, at - columns, value) || isAtLeast(response, at + columns, value)) continue;
      if (below !== undefined && !isAbove(below, at, columns, value)) continue;
      if (above !== undefined && !isAbove(above, at, columns, value)) continue;
      places.push(at);
    }
  }
  return places;
}

/** Whether the value at a place or at one beside it is no less than `value`. */
const isAtLeast = (response: Float32Array, at: number, value: number): boolean =>
  response[at] >= value || response[at - 1] >= value || response[at + 1] >= value;

/** Whether `value` is above all nine around a place of another layer. */
const isAbove = (response: Float32Array, at: number, columns: number, value: number): boolean =>
  !isAtLeast(response, at, value) && !isAtLeast(response, at - columns, value) && !isAtLeast(response, at + columns, value);

/**
 * The determinant of the Hessian at every second pixel, 0 where the filter does not fit. Weight 0.9 after Bay et al. The sum of a box is
 * a difference of four values of the integral image, whole numbers, so it does not depend on the order in which they are added.
 */
function determinants({ sums, width, height }: Integral, side: number, columns: number, response: Float32Array): Float32Array {
  response.fill(0);
  const lobe = side / 3;
  const half = (side - 1) / 2;
  const scale = 1 / (255 * side * side);
  const square = scale * scale;
  const stride = width + 1;
  const long = 2 * lobe - 1;
  // Where boxes begin and end, from the pixel, along the axis that is derived (the outer box, and the one in its middle) and along the other.
  const outer = -half;
  const outerEnd = side - half;
  const middle = -((lobe - 1) >> 1);
  const middleEnd = middle + lobe;
  const beside = -((long - 1) >> 1);
  const besideEnd = beside + long;
  const [outerRows, outerRowsEnd] = [outer * stride, outerEnd * stride];
  const [middleRows, middleRowsEnd] = [middle * stride, middleEnd * stride];
  const first = Math.ceil((half + 1) / STEP);
  for (let row = first; row * STEP + half + 1 < height; row++) {
    for (let column = first; column * STEP + half + 1 < width; column++) {
      const at = row * STEP * stride + column * STEP;
      const up = at + beside * stride;
      const down = at + besideEnd * stride;
      const dxx =
        sums[down + outerEnd] -
        sums[down + outer] -
        sums[up + outerEnd] +
        sums[up + outer] -
        3 * (sums[down + middleEnd] - sums[down + middle] - sums[up + middleEnd] + sums[up + middle]);
      const left = at + beside;
      const right = at + besideEnd;
      const dyy =
        sums[right + outerRowsEnd] -
        sums[left + outerRowsEnd] -
        sums[right + outerRows] +
        sums[left + outerRows] -
        3 * (sums[right + middleRowsEnd] - sums[left + middleRowsEnd] - sums[right + middleRows] + sums[left + middleRows]);
      const above = at - lobe * stride;
      const under = at + stride;
      const below = under + lobe * stride;
      // The boxes at the upper right and lower left, less those at the upper left and lower right.
      const upper = sums[at + lobe + 1] - sums[at + 1] - sums[at] + sums[at - lobe];
      const highest = sums[above + lobe + 1] - sums[above + 1] - sums[above] + sums[above - lobe];
      const lower = sums[under + lobe + 1] - sums[under + 1] - sums[under] + sums[under - lobe];
      const lowest = sums[below + lobe + 1] - sums[below + 1] - sums[below] + sums[below - lobe];
      const dxy = upper - highest - (lowest - lower);
      response[row * columns + column] = square * (dxx * dyy - 0.81 * dxy * dxy);
    }
  }
  return response;
}

/** The blobs that a picture's patches are taken of, from all of them in order. */
export function chosenOf(blobs: Blob[], frame: Frame, count: number): Blob[] {
  const chosen: Blob[] = [];
  for (const blob of spread(blobs, frame)) {
    if (chosen.length === count) break;
    if (!isNearAny(chosen, blob)) chosen.push(blob);
  }
  return chosen;
}

/** Cells a side in which blobs compete with each other. */
const GRID = 4;

/** By this factor each blob of a cell counts less than the one before it. At 0.7 insets lose more than borders win; without, two borders more are missed. */
const DECAY = 0.85;

/**
 * Blobs in a new order, so that a bright caption or a busy background does not take all places (after the adaptive non-maximal suppression
 * of Brown, Szeliski, Winder, CVPR 2005): the second of a cell counts 0.85 of its strength, the third 0.72, and so on.
 */
function spread(blobs: Blob[], { width, height }: Frame): Blob[] {
  const rank = new Map<number, number>();
  return blobs
    .map((blob) => {
      const cell = Math.floor((GRID * blob.x) / width) + GRID * Math.floor((GRID * blob.y) / height);
      const before = rank.get(cell) ?? 0;
      rank.set(cell, before + 1);
      return { blob, worth: blob.strength * DECAY ** before };
    })
    .sort((a, b) => b.worth - a.worth)
    .map(({ blob }) => blob);
}

function isNearAny(chosen: Blob[], blob: Blob): boolean {
  for (let i = 0; i < chosen.length; i++) if (isNear(chosen[i], blob)) return true;
  return false;
}

const isNear = (a: Blob, b: Blob): boolean =>
  Math.max(a.sigma, b.sigma) / Math.min(a.sigma, b.sigma) < 1.5 &&
  Math.hypot(a.x - b.x, a.y - b.y) < 2 * Math.min(a.sigma, b.sigma);
