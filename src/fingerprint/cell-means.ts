import { bytesTo, type Integral } from "./integral.js";
import { AFTER_AT, BEFORE_AT, LINE_BYTES, NEAR_AFTER_AT, NEAR_BEFORE_AT } from "./kernel/cells.js";
import { places, workspace } from "./kernel.js";

/** Cells a side that a square is averaged into. */
export const CELLS = 8;

const AXIS_BYTES = 2 * CELLS * LINE_BYTES;

/** Where each cell begins and ends along one side, between pixels, and cut at the frame's edges. */
const spans = new Float64Array(2 * CELLS);

/**
 * Mean lumas of the 8x8 cells of a square with fractional corners around a point, row by row, cut at the frame's edges, into `means`. Between its grid points
 * the integral image is bilinear.
 */
export function cellMeans(integral: Integral, x: number, y: number, side: number, means: Float64Array): void {
  const { sums, end, width, height, rowBytes } = integral;
  const place = places(end);
  const columns = place(AXIS_BYTES);
  const rows = place(AXIS_BYTES);
  const out = place(8 * CELLS * CELLS);
  const { kernel, buffer } = workspace(place(0));
  const lines = new DataView(buffer);
  writeAxis(lines, columns, x - side / 2, side, width, (line) => bytesTo(integral, line, 0));
  for (let i = 0; i < CELLS; i++) widths[i] = spans[2 * i + 1] - spans[2 * i];
  writeAxis(lines, rows, y - side / 2, side, height, (line) => sums + line * rowBytes);
  kernel.cells(columns, columns + AXIS_BYTES, rows, rows + AXIS_BYTES, out);
  means.set(new Float64Array(buffer, out, CELLS * CELLS));
  for (let i = 0; i < means.length; i++) {
    const row = i >> 3;
    means[i] /= widths[i & 7] * (spans[2 * row + 1] - spans[2 * row]);
  }
}

const widths = new Float64Array(CELLS);

function writeAxis(
  view: DataView,
  at: number,
  from: number,
  side: number,
  length: number,
  bytesOf: (line: number) => number,
): void {
  const cell = side / CELLS;
  for (let i = 0; i < CELLS; i++) {
    const start = from + i * cell;
    spans[2 * i] = clamp(start, 0, length - 1);
    spans[2 * i + 1] = clamp(start + cell, spans[2 * i] + 1, length);
  }
  for (let i = 0; i < spans.length; i++) {
    const line = Math.min(Math.floor(spans[i]), length - 1);
    const near = spans[i] - line;
    const to = at + i * LINE_BYTES;
    view.setInt32(to + BEFORE_AT, bytesOf(line), true);
    view.setInt32(to + AFTER_AT, bytesOf(line + 1), true);
    view.setFloat64(to + NEAR_BEFORE_AT, 1 - near, true);
    view.setFloat64(to + NEAR_AFTER_AT, near, true);
  }
}

const clamp = (value: number, least: number, most: number): number => Math.min(Math.max(value, least), most);
