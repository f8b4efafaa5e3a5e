import { assemble } from "../webassembly/assemble.js";
import { averageRows, narrowRows } from "./kernel/average.js";
import { boxDown, turn } from "./kernel/box.js";
import { cells } from "./kernel/cells.js";
import { determinants } from "./kernel/determinants.js";
import { sumRow } from "./kernel/integral.js";
import { levels } from "./kernel/levels.js";
import { peaks } from "./kernel/peaks.js";
import { steps } from "./kernel/steps.js";
import { contrast, gradients, multiply } from "./kernel/transform.js";

/**
 * The loops over pixels, in WebAssembly with 128-bit vectors: see each function's file. They give bit for bit what the same loops give in
 * TypeScript (`test/fingerprint/kernel.test.ts`), and take about a sixth of the processor time. All arguments are addresses, numbers of bytes or counts.
 */
export interface Kernel {
  sumRow(luma: number, end: number, odd: number, even: number, row: number): number;
  determinants(table: number, at: number, out: number, columns: number, rows: number, rowBytes: number, outBytes: number): number;
  peaks(from: number, columns: number, rows: number, below: number, higher: number, least: number, out: number): number;
  cells(columns: number, columnsEnd: number, rows: number, rowsEnd: number, out: number): number;
  steps(at: number, end: number, across: number, most: number, out: number): number;
  levels(at: number, end: number, counts: number): number;
  narrowRows(row: number, width: number, rows: number, firsts: number, weights: number, turns: number, out: number): number;
  averageRows(row: number, end: number, shares: number, size: number, out: number): number;
  boxDown(from: number, columns: number, height: number, window: number, ahead: number, to: number): number;
  turn(from: number, rows: number, rowBytes: number, toRowBytes: number, to: number): number;
  multiply(a: number, end: number, b: number, bytes: number, out: number): number;
  gradients(at: number, end: number, apart: number, constants: number, mask: number): number;
  contrast(at: number, end: number, constants: number, counts: number, out: number): number;
}

/** Loops that take eight pixels or four values at a time read and write at most this far beyond the last ones. */
export const BEYOND_BYTES = 32;

const PAGE_BYTES = 65_536;

/** What a picture of 256x256 needs is there from the beginning. */
const FIRST_PAGES = 32;

interface Workspace {
  kernel: Kernel;
  memory: WebAssembly.Memory<ArrayBuffer>;
}

let made: Workspace | undefined;

function make(): Workspace {
  const memory = new WebAssembly.Memory<ArrayBuffer>({ initial: FIRST_PAGES });
  const functions = [
    sumRow,
    determinants,
    peaks,
    cells,
    steps,
    levels,
    narrowRows,
    averageRows,
    boxDown,
    turn,
    multiply,
    gradients,
    contrast,
  ];
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(assemble(functions)), { env: { memory } });
  return { kernel: exports as unknown as Kernel, memory };
}

/**
 * The loops and their memory, of at least so many bytes. Each computation lays it out for itself, from the beginning, and is done with it before
 * the next: nothing that it holds outlives a call that asks for it again.
 */
export function workspace(bytes: number): { kernel: Kernel; buffer: ArrayBuffer } {
  made ??= make();
  const missing = bytes - made.memory.buffer.byteLength;
  if (missing > 0) made.memory.grow(Math.ceil(missing / PAGE_BYTES));
  return { kernel: made.kernel, buffer: made.memory.buffer };
}

/** Hands out places of a workspace one after the other, each at a multiple of 256 bytes. */
export function places(from = 0): (bytes: number) => number {
  let next = from;
  return (bytes) => {
    const at = next;
    next += Math.ceil(bytes / 256) * 256;
    return at;
  };
}
