import { assemble } from "../../webassembly/assemble.js";
import { filter, locate } from "./kernel/filter.js";
import { gather, touch, touchEach } from "./kernel/gather.js";
import { equal, scan, scanEqual } from "./kernel/scan.js";
import { verify } from "./kernel/verify.js";

/**
 * The innermost loops, in WebAssembly with 128-bit vectors. At 3 million hashes they take between a quarter and a sixth of the
 * processor time of the same loops in JavaScript over the same memory.
 *
 * All of them take a query at `q` and write pairs (place, distance) from `out` on, at most `cap`; they return how many. The 32 bytes
 * at `q` are the hash, then follow its first and second band again (so that the last bands have neighbours), and at `q + 40` and `q + 44` where
 * to go on: a call that ran out of room is repeated until `q + 40` is {@link NO_MORE}.
 */
export interface Kernel {
  /** The steps by which hashes of 256 bits within 31 bits are found by their bands' postings: see each function below. */
  gather(q: number, ranges: number, layout: number): number;
  touch(q: number, ranges: number, layout: number): number;
  touchEach(list: number, count: number, base: number, shift: number): number;
  filter(q: number, ranges: number, list: number, cap: number, layout: number): number;
  locate(q: number, list: number, places: number, count: number, layout: number): number;
  verify(q: number, places: number, count: number, out: number, within: number, layout: number): number;
  /** Hashes of 256 bits within `within` bits: all of them are looked at, from `q + 44` until `end`. */
  scan(q: number, out: number, cap: number, within: number, hashes: number, end: number): number;
  /** Hashes of 64 bits that equal one of the query's 4 bands and are within `within` bits. */
  equal(q: number, out: number, cap: number, within: number, layout: number, end: number): number;
  /** As `scan`, for 64 bits: those `equal` finds. */
  scanEqual(q: number, out: number, cap: number, within: number, hashes: number, end: number): number;
}

/** What a call that finished leaves at `q + 40`. */
export const NO_MORE = 0xffff_ffff;
/** WebAssembly's 4 GiB. */
export const MAXIMUM_PAGES = 65_536;
const MODULE = new WebAssembly.Module(
  assemble([gather, touch, touchEach, filter, locate, verify, scan, equal, scanEqual], MAXIMUM_PAGES),
);

/** The loops on one memory. */
export function kernelOn(memory: WebAssembly.Memory): Kernel {
  return new WebAssembly.Instance(MODULE, { env: { memory } }).exports as unknown as Kernel;
}
