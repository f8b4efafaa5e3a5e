import {
  allocateSegment,
  bytesOf,
  fillPostings,
  HIT_NUMBERS,
  hashesOf,
  type Segment,
} from "../../hash-index/in-process/segment.js";
import { startThreads, type Threads, type View } from "../../hash-index/in-process/threads.js";
import { MAX_WITHIN_BITS } from "../../hash-index/lookup.js";
import { generateHashes, generateSubmission } from "./generate.js";

/** A submission that is looked up: 60 frames in eight views. */
export const FRAMES_ASKED = 60;
export const HASHES_ASKED = 480;

/** Hashes that fit a core's cache: what a linear scan is timed on, to its advantage. */
const CACHED_HASHES = 8_192;

/** Submissions looked up before the clock starts. */
const WARM_UP = 12;

/** Of the index in the memory of one process, at one size. */
export interface InMemoryResult {
  hashes: number;
  buildMs: number;
  bytesPerHash: number;
  oneThreadPerS: number;
  allThreadsPerS: number;
  /** Of all threads, by the processor time they took: what counts on a machine that does other things too. */
  perCpuS: number;
  /** Of {@link HASHES_ASKED} hashes, one submission at a time with all threads. */
  submissionMs: { p50: number; p99: number };
  /** All threads comparing with every hash, by the same vector instructions, from their caches. */
  linearPerS: number;
  /** Queries whose answers were compared with those of a loop in JavaScript over all hashes. */
  verified: number;
  /** Hits of those. */
  verifiedHits: number;
}

export interface InMemoryOptions {
  threads: number;
  submissions: number;
  verified: number;
}

/** Builds an index of made-up hashes, measures it, and throws when one answer differs from brute force. */
export async function measureInMemory(hashes: number, options: InMemoryOptions): Promise<InMemoryResult> {
  const segment = allocateSegment(1, "fingerprints", hashes, true);
  generateHashes(hashesOf(segment), 2);
  segment.count = hashes;
  const builtFromMs = performance.now();
  fillPostings(segment);
  const buildMs = performance.now() - builtFromMs;
  const submissions = Array.from({ length: options.submissions }, (_, i) =>
    generateSubmission(hashesOf(segment), FRAMES_ASKED, i + 3),
  );
  const one = startThreads(1);
  const all = startThreads(options.threads);
  try {
    const verifiedHits = await verify(all, segment, submissions, options.verified);
    one.hold(segment);
    const { perS: oneThreadPerS } = await timed(one, [{ segment, count: hashes }], submissions.slice(0, options.submissions / 2));
    const { perS: allThreadsPerS, perCpuS, eachMs } = await timed(all, [{ segment, count: hashes }], submissions);
    return {
      hashes,
      buildMs,
      bytesPerHash: bytesOf(segment) / hashes,
      oneThreadPerS,
      allThreadsPerS,
      perCpuS,
      submissionMs: { p50: percentile(eachMs, 0.5), p99: percentile(eachMs, 0.99) },
      linearPerS: await linearPerS(all, hashes, submissions),
      verified: options.verified,
      verifiedHits,
    };
  } finally {
    await one.close();
    await all.close();
  }
}

interface Timing {
  perS: number;
  perCpuS: number;
  eachMs: number[];
}

async function timed(threads: Threads, view: View, submissions: Uint8Array[]): Promise<Timing> {
  // The loops are compiled anew once they have run for a while.
  for (const queries of submissions.slice(0, WARM_UP)) await threads.search(view, queries, MAX_WITHIN_BITS);
  const eachMs: number[] = [];
  const cpuFrom = process.cpuUsage();
  for (const queries of submissions) {
    const fromMs = performance.now();
    await threads.search(view, queries, MAX_WITHIN_BITS);
    eachMs.push(performance.now() - fromMs);
  }
  const cpu = process.cpuUsage(cpuFrom);
  const totalMs = eachMs.reduce((sum, ms) => sum + ms, 0);
  const asked = 1000 * HASHES_ASKED * submissions.length;
  return { perS: asked / totalMs, perCpuS: asked / ((cpu.user + cpu.system) / 1000), eachMs };
}

/** What a linear scan of `hashes` would do if memory were no slower than the cache. */
async function linearPerS(threads: Threads, hashes: number, submissions: Uint8Array[]): Promise<number> {
  const cached = allocateSegment(2, "fingerprints", CACHED_HASHES, false);
  generateHashes(hashesOf(cached), 2);
  threads.hold(cached);
  const { perS } = await timed(threads, [{ segment: cached, count: CACHED_HASHES }], submissions.slice(0, 20));
  return (perS * CACHED_HASHES) / hashes;
}

/** Compares the first `count` queries that are of known material, and as many that are not, with a loop over everything. */
async function verify(threads: Threads, segment: Segment, submissions: Uint8Array[], count: number): Promise<number> {
  threads.hold(segment);
  const known = submissions[0];
  const queries = new Uint8Array(32 * count);
  for (let i = 0; i < count; i++) queries.set(known.subarray(32 * 4 * i, 32 * (4 * i + 1)), 32 * i);
  const numbers = await threads.search([{ segment, count: segment.count }], queries, MAX_WITHIN_BITS);
  const found = Array.from({ length: numbers.length / HIT_NUMBERS }, (_, i) => {
    const at = HIT_NUMBERS * i;
    return `${numbers[at]} ${numbers[at + 2]} ${numbers[at + 3]}`;
  });
  const expected = bruteForce(hashesOf(segment), queries);
  if (found.sort().join() !== expected.sort().join())
    throw new Error(`bench index: the index found ${found.length} hits where brute force finds ${expected.length}`);
  return expected.length;
}

function bruteForce(hashes: Uint8Array, queries: Uint8Array): string[] {
  const known = new Uint32Array(hashes.buffer, hashes.byteOffset, hashes.length / 4);
  const asked = new Uint32Array(queries.buffer);
  const found: string[] = [];
  for (let query = 0; query < asked.length / 8; query++)
    for (let place = 0; place < known.length / 8; place++) {
      let bits = 0;
      for (let word = 0; word < 8 && bits <= MAX_WITHIN_BITS; word++)
        bits += bitsSet(known[8 * place + word] ^ asked[8 * query + word]);
      if (bits <= MAX_WITHIN_BITS) found.push(`${query} ${place} ${bits}`);
    }
  return found;
}

/** Hacker's Delight, figure 5-2. */
function bitsSet(value: number): number {
  const pairs = value - ((value >>> 1) & 0x55555555);
  const fours = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** The value that a share `p` of the values do not exceed. */
export function percentile(values: number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)];
}
