import { describe, expect, it } from "vitest";
import { createThinner, thin } from "../../src/fingerprint/thin.js";
import type { Fingerprint } from "../../src/model.js";

/** A fingerprint whose hash has the first `bits` bits set: two of them differ by the difference. */
function fingerprintOf(atMs: number, bits: number, variant = "full", algorithm = "a/1"): Fingerprint {
  const pdq = Uint8Array.from({ length: 32 }, (_, i) => 0xff00 >> Math.min(8, Math.max(0, bits - 8 * i)));
  return { algorithm, variant, atMs, untilMs: atMs, pdq, blockhash: new Uint8Array(32), quality: 100 };
}

const spans = (kept: Fingerprint[]) => kept.map((f) => [f.atMs, f.untilMs]);

// biome-ignore format: one case per line
const TABLE: [name: string, frames: [atMs: number, bits: number][], spans: number[][]][] = [
  ["nothing", [], []],
  ["one frame", [[0, 0]], [[0, 0]]],
  ["a static scene", [[0, 0], [500, 8], [1000, 4]], [[0, 1000]]],
  ["motion", [[0, 0], [500, 9], [1000, 18]], [[0, 0], [500, 500], [1000, 1000]]],
  ["a slow drift, measured from the kept frame", [[0, 0], [500, 6], [1000, 12], [1500, 18]], [[0, 500], [1000, 1500]]],
  ["a long static scene", [[0, 0], [5000, 0], [10_000, 0], [10_500, 0], [12_000, 0]], [[0, 10_000], [10_500, 12_000]]],
  ["a return to an earlier scene", [[0, 0], [500, 100], [1000, 0]], [[0, 0], [500, 500], [1000, 1000]]],
];

describe("thinning", () => {
  it.each(TABLE)("of %s", (_, frames, expected) => {
    expect(spans(thin(frames.map(([atMs, bits]) => fingerprintOf(atMs, bits))))).toEqual(expected);
  });

  it("keeps one in so much time, and the first after a gap", () => {
    const moving = [0, 250, 500, 750, 1000, 1250, 3000, 3250].map((atMs) => fingerprintOf(atMs, atMs / 20));
    expect(spans(thin(moving, { shortestMs: 900 }))).toEqual([
      [0, 0],
      [1000, 1000],
      [3000, 3000],
    ]);
    const blinking = [fingerprintOf(0, 0), fingerprintOf(250, 60), fingerprintOf(950, 120)];
    expect(spans(thin(blinking, { shortestMs: 2_000 }))).toEqual([
      [0, 0],
      [950, 950],
    ]);
  });

  it("follows its options", () => {
    const frames = [fingerprintOf(0, 0), fingerprintOf(500, 3), fingerprintOf(1000, 3)];
    expect(spans(thin(frames, { withinBits: 2 }))).toEqual([
      [0, 0],
      [500, 1000],
    ]);
    expect(spans(thin(frames, { longestMs: 600 }))).toEqual([
      [0, 500],
      [1000, 1000],
    ]);
  });

  it("keeps variants apart, and algorithms", () => {
    const variants = [fingerprintOf(0, 0), fingerprintOf(0, 0, "inner"), fingerprintOf(500, 0), fingerprintOf(500, 0, "inner")];
    expect(thin(variants).map((f) => [f.variant, f.untilMs])).toEqual([
      ["full", 500],
      ["inner", 500],
    ]);
    expect(thin([fingerprintOf(0, 0), fingerprintOf(500, 0, "full", "b/1")])).toHaveLength(2);
  });

  it("as a stream hands out a fingerprint once its span is final, and the last one when flushed", () => {
    const thinner = createThinner();
    expect(spans(thinner.push(fingerprintOf(0, 0)))).toEqual([]);
    expect(spans(thinner.push(fingerprintOf(500, 1)))).toEqual([]);
    expect(spans(thinner.push(fingerprintOf(1000, 50)))).toEqual([[0, 500]]);
    expect(spans(thinner.flush())).toEqual([[1000, 1000]]);
    expect(thinner.flush()).toEqual([]);
  });

  it("leaves its input as it was", () => {
    const first = fingerprintOf(0, 0);
    thin([first, fingerprintOf(500, 0)]);
    expect(first.untilMs).toBe(0);
  });
});
