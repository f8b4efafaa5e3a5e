import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { averageTo64 } from "../../src/fingerprint/average.js";
import { blockhashOf, blockhashViews } from "../../src/fingerprint/blockhash.js";
import { distance, hashToHex } from "../../src/fingerprint/hash.js";
import { DIHEDRALS } from "../../src/model.js";
import { chance, draw, frameOf, GOLDEN_FOLDER, seenThrough } from "./pictures.js";

describe("blockhash", () => {
  it("sets the bits of the blocks that are brighter than their band's median", () => {
    const { luma, width, height } = draw(160, 90, (x) => (x < 80 ? 30 : 200));
    expect(hashToHex(blockhashOf(luma, width, height))).toBe("00ff".repeat(16));
  });

  it.each(DIHEDRALS)("seen through %s equals the blockhash of the picture turned that way", (dihedral) => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const next = chance(seed);
        const picture = draw(64, 64, () => next() * 255);
        const { luma, width, height } = seenThrough(picture, dihedral);
        expect(blockhashViews(picture.luma, 64, 64).blockhash(dihedral)).toEqual(blockhashOf(luma, width, height));
      }),
      { numRuns: 10 },
    );
  });

  it("moves little when a photograph is made smaller", async () => {
    const whole = await frameOf(`${GOLDEN_FOLDER}images/aaa-orig.jpg`);
    const small = await frameOf(`${GOLDEN_FOLDER}images/shrink-a-lot.jpg`);
    const [a, b] = [whole, small].map(({ luma, width, height }) => blockhashOf(luma, width, height));
    expect(distance(a, b)).toBeLessThanOrEqual(8);
  });
});

describe("averaging to 64x64", () => {
  it("gives, bit for bit, what its definition gives, for any size and one after the other", () => {
    const side = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.constantFrom(16, 63, 64, 65, 127, 128, 144, 192, 255, 256));
    fc.assert(
      fc.property(side, side, fc.integer(), (width, height, seed) => {
        const next = chance(seed);
        const { luma } = draw(width, height, () => next() * 255);
        const average = averageTo64(luma, width, height);
        expect(Buffer.from(average.buffer).equals(Buffer.from(byDefinition(luma, width, height).buffer))).toBe(true);
      }),
      {
        numRuns: 60,
        examples: [
          [256, 144, 1],
          [144, 256, 2],
          [256, 192, 3],
          [1, 1, 4],
          [63, 65, 5],
        ],
      },
    );
  });

  it("keeps the mean, for any size", () => {
    const sizes = fc.record({
      width: fc.integer({ min: 1, max: 200 }),
      height: fc.integer({ min: 1, max: 200 }),
      seed: fc.integer(),
    });
    fc.assert(
      fc.property(sizes, ({ width, height, seed }) => {
        const next = chance(seed);
        const { luma } = draw(width, height, () => next() * 255);
        expect(meanOf(averageTo64(luma, width, height))).toBeCloseTo(meanOf(luma), 2);
      }),
      { numRuns: 40 },
    );
  });
});

/** The mean over each area as its definition says, one value after the other. */
function byDefinition(luma: Uint8Array, width: number, height: number): Float32Array {
  const along = (from: Uint8Array | Float32Array, length: number, at: (k: number) => number, i: number): number => {
    const share = length / 64;
    const [start, end] = [i * share, i * share + share];
    let sum = 0;
    for (let k = Math.floor(start); k < Math.min(Math.ceil(end), length); k++)
      sum += from[at(k)] * (Math.min(end, k + 1) - Math.max(start, k));
    return sum / share;
  };
  const narrow = Float32Array.from({ length: 64 * height }, (_, at) =>
    along(luma, width, (k) => Math.floor(at / 64) * width + k, at % 64),
  );
  return Float32Array.from({ length: 64 * 64 }, (_, at) => along(narrow, height, (k) => k * 64 + (at % 64), Math.floor(at / 64)));
}

const meanOf = (values: Uint8Array | Float32Array): number => [...values].reduce((sum, v) => sum + v, 0) / values.length;
