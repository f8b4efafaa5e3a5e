import { bytesTo, type Integral } from "./integral.js";
import { TABLE_BYTES } from "./kernel/determinants.js";
import { BEYOND_BYTES, places, workspace } from "./kernel.js";

/** Filters are evaluated at every second pixel. */
export const STEP = 2;

/** Determinants for filters of several sizes, at every {@link STEP}th pixel. Valid as long as the integral image. */
export interface Layers {
  columns: number;
  rows: number;
  layers: Layer[];
  /** Addresses of a threshold, and of what is found. */
  threshold: number;
  found: number;
}

export interface Layer {
  side: number;
  /** Address of the responses. */
  at: number;
  response: Float32Array;
}

/** The determinant of the Hessian for each filter that fits into the picture, 0 where it does not fit. */
export function layersOf(integral: Integral, filterSides: number[]): Layers {
  const { width, height } = integral;
  const [columns, rows] = [Math.floor(width / STEP), Math.floor(height / STEP)];
  const sides = filterSides.filter((side) => side < Math.min(width, height));
  const place = places(integral.end);
  const table = place(TABLE_BYTES);
  const ats = sides.map(() => place(4 * columns * rows + BEYOND_BYTES));
  const threshold = place(4);
  const found = place(4 * columns * rows);
  const { buffer } = workspace(place(0));
  const layers = sides.map((side, i) => ({ side, at: ats[i], response: new Float32Array(buffer, ats[i], columns * rows) }));
  for (const layer of layers) fill(layer, integral, columns, table);
  return { columns, rows, layers, threshold, found };
}

/** A box of pixels: from its left and top to its right and bottom, which are outside of it, relative to a pixel. */
type Box = [left: number, top: number, right: number, bottom: number];

/**
 * The eight boxes of a filter: twice the outer one and the one in its middle, and the four corners. Weight 0.9 after Bay et al. The sum of a box is
 * a difference of four values of the integral image, whole numbers, so it does not depend on the order in which they are added.
 */
function boxesOf(side: number): Box[] {
  const lobe = side / 3;
  const half = (side - 1) / 2;
  const long = 2 * lobe - 1;
  // Where boxes begin and end along the axis that is derived (the outer box, and the one in its middle) and along the other.
  const outer = -half;
  const outerEnd = side - half;
  const middle = -((lobe - 1) >> 1);
  const middleEnd = middle + lobe;
  const beside = -((long - 1) >> 1);
  const besideEnd = beside + long;
  return [
    [outer, beside, outerEnd, besideEnd],
    [middle, beside, middleEnd, besideEnd],
    [beside, outer, besideEnd, outerEnd],
    [beside, middle, besideEnd, middleEnd],
    [1, -lobe, lobe + 1, 0],
    [-lobe, 1, 0, lobe + 1],
    [-lobe, -lobe, 0, 0],
    [1, 1, lobe + 1, lobe + 1],
  ];
}

function fill({ side, at, response }: Layer, integral: Integral, columns: number, table: number): void {
  const { kernel, buffer } = workspace(0);
  const corners = boxesOf(side).flatMap(([left, top, right, bottom]) => [
    bytesTo(integral, right, bottom),
    bytesTo(integral, left, bottom),
    bytesTo(integral, right, top),
    bytesTo(integral, left, top),
  ]);
  new Int32Array(buffer, table).set(corners);
  const scale = 1 / (255 * side * side);
  new Float64Array(buffer, table + 4 * corners.length).set([scale * scale, 0.81]);
  response.fill(0);
  const margin = (side - 1) / 2 + 1;
  const first = Math.ceil(margin / STEP);
  const count = (length: number) => Math.max(0, Math.ceil((length - margin) / STEP) - first);
  kernel.determinants(
    table,
    integral.sums + first * (STEP * integral.rowBytes + 4),
    at + 4 * first * (columns + 1),
    count(integral.width),
    count(integral.height),
    STEP * integral.rowBytes,
    4 * columns,
  );
}

/** Places of a layer whose value is more than `least` and above all eight around them, and all nine in the layers below and above; in order. */
export function peaksOf({ layers, columns, rows, threshold, found }: Layers, i: number, least: number): Int32Array {
  const { kernel, buffer } = workspace(0);
  new Float32Array(buffer, threshold)[0] = least;
  const { at } = layers[i];
  const distanceTo = (other: Layer | undefined) => (other ? other.at - at : 0);
  const from = at + 4 * (columns + 1);
  const stop = kernel.peaks(from, columns, rows - 2, distanceTo(layers[i - 1]), distanceTo(layers[i + 1]), threshold, found);
  return new Int32Array(buffer, found, (stop - found) / 4).map((address) => (address - at) / 4);
}
