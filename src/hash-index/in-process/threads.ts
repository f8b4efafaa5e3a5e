import { availableParallelism } from "node:os";
import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import type { BuildWork } from "./build-thread.js";
import { type Loaded, type LoadOptions, loadSegments } from "./load.js";
import type { SearchMessage } from "./search-thread.js";
import { emptyHits, HIT_NUMBERS, mergeSegments, type Searcher, type Segment, SLOTS, search, searcherOf } from "./segment.js";
import { SHAPES } from "./shape.js";

/** Which segments to search, and how many hashes of each there were when the question was asked. */
export type View = { segment: Segment; count: number }[];

/** Where searching and building happen. */
export interface Threads {
  /** Gives a segment to every thread, before it may be in a view. */
  hold(segment: Segment): void;
  /** Takes it away again; searches under way still have it. */
  drop(segment: Segment): void;
  /** Four numbers a hit: query, segment's id, place and distance. */
  search(view: View, queries: Uint8Array, withinBits: number): Promise<Uint32Array>;
  merge(id: number, parts: Segment[], isGone: Uint8Array): Promise<Segment>;
  load(options: LoadOptions): Promise<Loaded>;
  close(): Promise<void>;
}

/** As many threads as there are cores, but no more than 8: beyond that memory is what all wait for. */
export const usualThreads = (): number => Math.min(8, availableParallelism());

/** `count` threads for searching and one at a time for building; 0 does everything where it is asked for. */
export function startThreads(count: number): Threads {
  return count === 0 ? thisThread() : otherThreads(Math.min(count, SLOTS));
}

function thisThread(): Threads {
  const searchers = new Map<number, Searcher>();
  return {
    hold: (segment) => void searchers.set(segment.id, searcherOf(segment, 0)),
    drop: (segment) => void searchers.delete(segment.id),
    search: async (view, queries, withinBits) => {
      const hits = emptyHits();
      for (const { segment, count } of view) search(searchers.get(segment.id)!, queries, count, withinBits, hits);
      return hits.numbers.subarray(0, HIT_NUMBERS * hits.length);
    },
    merge: async (...about) => mergeSegments(...about),
    load: loadSegments,
    close: async () => {},
  };
}

/** The thread's file has the extension that this file has: compiled or not. */
const entry = (name: string) => new URL(`./${name}${extname(import.meta.url)}`, import.meta.url);

type Waiting = { resolve(numbers: Uint32Array): void; reject(error: Error): void };

function startSearcher(slot: number) {
  const worker = new Worker(entry("search-thread"), { workerData: { slot } });
  const waiting = new Map<number, Waiting>();
  let failure: Error | undefined;
  let tickets = 0;
  const fail = (error: Error) => {
    failure = error;
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  worker.on("error", fail);
  worker.on("exit", () => fail(failure ?? new Error("a search thread has ended")));
  worker.on("message", ({ ticket, numbers }: { ticket: number; numbers: Uint32Array }) => {
    waiting.get(ticket)?.resolve(numbers);
    waiting.delete(ticket);
    if (waiting.size === 0) worker.unref();
  });
  // Nothing but a search that is waited for keeps the process alive.
  worker.unref();
  return {
    tell: (message: SearchMessage) => worker.postMessage(message),
    ask: (view: [number, number][], queries: Uint8Array, withinBits: number) =>
      new Promise<Uint32Array>((resolve, reject) => {
        if (failure) return reject(failure);
        const ticket = ++tickets;
        waiting.set(ticket, { resolve, reject });
        worker.ref();
        worker.postMessage({ search: { ticket, view, queries, withinBits } } satisfies SearchMessage);
      }),
    close: () => worker.terminate(),
  };
}

function otherThreads(count: number): Threads {
  const searchers = Array.from({ length: count }, (_, slot) => startSearcher(slot));
  const builders = new Set<Worker>();
  const build = <T>(work: BuildWork): Promise<T> =>
    new Promise((resolve, reject) => {
      const worker = new Worker(entry("build-thread"), { workerData: work });
      builders.add(worker);
      worker.once("message", resolve);
      worker.once("error", reject);
      worker.once("exit", () => {
        builders.delete(worker);
        reject(new Error("a build thread has ended"));
      });
    });
  return {
    hold: (segment) => searchers.forEach((searcher) => void searcher.tell({ hold: segment })),
    drop: ({ id }) => searchers.forEach((searcher) => void searcher.tell({ drop: id })),
    search: async (view, queries, withinBits) => {
      if (view.length === 0 || queries.length === 0) return new Uint32Array(0);
      const { hashBytes } = SHAPES[view[0].segment.shape];
      const wanted = view.map(({ segment, count: hashes }): [number, number] => [segment.id, hashes]);
      const parts = inParts(queries, hashBytes, searchers.length);
      const found = await Promise.all(
        parts.map(({ from, part }, i) => searchers[i].ask(wanted, part, withinBits).then((n) => moved(n, from))),
      );
      return joined(found);
    },
    merge: (id, parts, isGone) => build({ merge: { id, parts, isGone } }),
    load: (options) => build({ load: options }),
    close: async () => {
      await Promise.all([...searchers.map((searcher) => searcher.close()), ...[...builders].map((b) => b.terminate())]);
    },
  };
}

/** The queries in as many equal parts, each a copy that begins at query `from`. */
function inParts(queries: Uint8Array, hashBytes: number, parts: number): { from: number; part: Uint8Array }[] {
  const each = Math.ceil(queries.length / hashBytes / parts);
  const found = Array.from({ length: parts }, (_, i) => ({
    from: i * each,
    part: queries.slice(i * each * hashBytes, (i + 1) * each * hashBytes),
  }));
  return found.filter(({ part }) => part.length > 0);
}

function moved(numbers: Uint32Array, from: number): Uint32Array {
  for (let at = 0; at < numbers.length; at += HIT_NUMBERS) numbers[at] += from;
  return numbers;
}

function joined(parts: Uint32Array[]): Uint32Array {
  const all = new Uint32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
