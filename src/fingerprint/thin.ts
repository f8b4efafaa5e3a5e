import type { Fingerprint } from "../model.js";
import { distance } from "./hash.js";

export interface ThinOptions {
  /**
   * A fingerprint this near to the last kept one of its variant adds nothing. Measured at 2 frames a second: six still
   * pictures with fresh noise, as H.264 at crf 28 and 40, stay within 6 bits of the frame before; nine moving clips differ
   * by 16 or more, and one of flowing water by 4-14.
   */
  withinBits: number;
  /** No fingerprint stands for more than this. */
  longestMs: number;
  /** Fingerprints follow each other no closer than this, unless there was nothing to compare in between. */
  shortestMs: number;
}

/** Nothing to compare for so long is a gap, after which the first fingerprint is kept. */
const GAP_MS = 600;

export const THIN_DEFAULTS: ThinOptions = { withinBits: 8, longestMs: 10_000, shortestMs: 0 };

export interface Thinner<T extends Fingerprint> {
  /** Takes the next fingerprint in time; returns the ones that are complete. */
  push(fingerprint: T): T[];
  /** Returns what is still held, and starts afresh. */
  flush(): T[];
}

/**
 * Thins a stream of fingerprints, given in order of time: one within `withinBits` of the last kept one of the same
 * variant is left out, and the kept one's `untilMs` moves to cover it. Inputs are not changed. A kept fingerprint comes out
 * once its successor is known, so that its `untilMs` is final.
 */
export function createThinner<T extends Fingerprint>(options: Partial<ThinOptions> = {}): Thinner<T> {
  const { withinBits, longestMs, shortestMs } = { ...THIN_DEFAULTS, ...options };
  const held = new Map<string, T>();
  const lastMs = new Map<string, number>();
  return {
    push(next) {
      const last = held.get(next.variant);
      const apartMs = next.atMs - (lastMs.get(next.variant) ?? next.atMs);
      lastMs.set(next.variant, next.untilMs);
      const covered =
        last &&
        next.untilMs - last.atMs <= longestMs &&
        last.algorithm === next.algorithm &&
        distance(last.pdq, next.pdq) <= withinBits;
      if (last && !covered && apartMs <= GAP_MS && next.atMs - last.atMs < shortestMs) return [];
      held.set(next.variant, covered ? { ...last, untilMs: Math.max(last.untilMs, next.untilMs) } : { ...next });
      return last && !covered ? [last] : [];
    },
    flush() {
      const rest = [...held.values()].sort((a, b) => a.atMs - b.atMs);
      held.clear();
      lastMs.clear();
      return rest;
    },
  };
}

/** A whole list thinned by {@link createThinner}, in order of time. */
export function thin<T extends Fingerprint>(fingerprints: Iterable<T>, options: Partial<ThinOptions> = {}): T[] {
  const thinner = createThinner<T>(options);
  const kept: T[] = [];
  for (const fingerprint of fingerprints) kept.push(...thinner.push(fingerprint));
  return [...kept, ...thinner.flush()].sort((a, b) => a.atMs - b.atMs);
}
