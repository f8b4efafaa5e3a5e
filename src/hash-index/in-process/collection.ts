import { allocateSegment, bytesOf, hashesOf, type Segment, segmentLimit } from "./segment.js";
import { SHAPES, type ShapeName } from "./shape.js";
import type { Threads, View } from "./threads.js";

/**
 * Hashes that arrive go into an open segment that is searched from end to end; a full one is merged, in another thread, with those that are
 * not much larger, so that there are few (a log-structured merge). 4,096 hashes cost a lookup 10-15 µs to go through.
 */
const OPEN_HASHES = 4096;

/** A segment is merged with newer ones when they have at least a quarter of its size: each hash is moved a handful of times in its life. */
const MERGED_RATIO = 4;

export interface Collection {
  /** Adds one hash, with the values of its columns in order. */
  append(hash: Uint8Array, values: number[]): void;
  view(): View;
  hashes(): number;
  bytes(): number;
  /** Resolves when nothing waits to be merged. */
  settled(): Promise<void>;
}

export interface CollectionOptions {
  shape: ShapeName;
  /** What was loaded. */
  loaded: Segment[];
  threads: Threads;
  nextId(): number;
  /** By number of reference: 1 for those that are gone. */
  isGone(): Uint8Array;
  onError(error: unknown): void;
}

/** All segments of one shape, oldest first, the open one last. */
export function createCollection({ shape, loaded, threads, nextId, isGone, onError }: CollectionOptions): Collection {
  let sealed = loaded.filter(({ count }) => count > 0);
  for (const segment of sealed) threads.hold(segment);
  let full: Segment[] = [];
  let open = opened();
  let merging: Promise<void> | undefined;

  function opened(): Segment {
    const segment = allocateSegment(nextId(), shape, OPEN_HASHES, false);
    threads.hold(segment);
    return segment;
  }

  async function mergeAll(): Promise<void> {
    while (full.length > 0) {
      const parts = worthMerging(sealed, full, segmentLimit(shape));
      const merged = await threads.merge(nextId(), parts, isGone());
      threads.hold(merged);
      const gone = new Set(parts);
      sealed = [...sealed.filter((s) => !gone.has(s)), ...(merged.count > 0 ? [merged] : [])];
      full = full.filter((s) => !gone.has(s));
      for (const part of parts) threads.drop(part);
    }
  }

  return {
    append(hash, values) {
      if (open.count === open.capacity) {
        full.push(open);
        open = opened();
        // What could not be merged stays searchable as it is, and is tried again with the next that is full.
        merging ??= mergeAll()
          .catch(onError)
          .finally(() => {
            merging = undefined;
          });
      }
      const place = open.count;
      hashesOf(open).set(hash, place * SHAPES[shape].hashBytes);
      for (const [column, value] of values.entries()) open.columns[column][place] = value;
      open.count++;
    },
    view: () => [...sealed, ...full, open].filter((s) => s.count > 0).map((segment) => ({ segment, count: segment.count })),
    hashes: () => [...sealed, ...full, open].reduce((sum, { count }) => sum + count, 0),
    bytes: () => [...sealed, ...full, open].reduce((sum, segment) => sum + bytesOf(segment), 0),
    settled: async () => merging,
  };
}

/** The full ones, with those indexed ones that are at most some times larger than what has been taken so far, smallest first. */
function worthMerging(sealed: Segment[], full: Segment[], limit: number): Segment[] {
  const parts = [...full];
  let size = full.reduce((sum, { count }) => sum + count, 0);
  for (const segment of [...sealed].sort((a, b) => a.count - b.count)) {
    if (segment.count > MERGED_RATIO * size || size + segment.count > limit) break;
    parts.push(segment);
    size += segment.count;
  }
  return parts;
}
