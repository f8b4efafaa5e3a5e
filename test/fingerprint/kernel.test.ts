import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { averageTo64 } from "../../src/fingerprint/average.js";
import { blobsOf } from "../../src/fingerprint/blobs.js";
import { cellMeans } from "../../src/fingerprint/cell-means.js";
import { contrastOf } from "../../src/fingerprint/contrast.js";
import { dctOf } from "../../src/fingerprint/dct.js";
import { edgesOf } from "../../src/fingerprint/inner-boxes.js";
import { integralOf } from "../../src/fingerprint/integral.js";
import { everySecondByLevel } from "../../src/fingerprint/levels.js";
import { PATCH_UNITS, patchesOf } from "../../src/fingerprint/patches.js";
import { qualityOf } from "../../src/fingerprint/quality.js";
import { reduceTo64 } from "../../src/fingerprint/reduce.js";
import type { Frame } from "../../src/model.js";
import { chance, draw, frameOf } from "./pictures.js";
import * as plainBlobs from "./plain-blobs.js";
import * as plain from "./plain-loops.js";
import { reduceTo64 as plainReduceTo64 } from "./plain-reduce.js";

const IMAGES = fileURLToPath(new URL("../../fixtures/images/", import.meta.url));
const PHOTOGRAPHS = await Promise.all(
  readdirSync(IMAGES)
    .filter((name) => /\.(jpg|png)$/.test(name))
    .map((name) => frameOf(IMAGES + name)),
);

/** Noise, soft light, or both, cut to whole levels: with ties, black and white, of any size that a frame may have. */
const made: fc.Arbitrary<Frame> = fc
  .record({
    width: fc.integer({ min: 16, max: 256 }),
    height: fc.integer({ min: 16, max: 256 }),
    noise: fc.constantFrom(0, 3, 40, 600),
    light: fc.constantFrom(0, 90),
    seed: fc.integer(),
  })
  .map(({ width, height, noise, light, seed }) => {
    const next = chance(seed);
    const [a, b] = [4 + 20 * next(), 4 + 20 * next()];
    return draw(width, height, (x, y) => 128 + light * Math.sin(x / a) * Math.cos(y / b + x / 70) + noise * (next() - 0.5));
  });

/** Every photograph, parts of them with odd sides and from odd places, and what is {@link made}. */
function onAll(check: (frame: Frame) => void): void {
  for (const photograph of PHOTOGRAPHS) {
    check(photograph);
    const { width, height, luma } = photograph;
    check(draw(width - 37, height - 22, (x, y) => luma[(y + 11) * width + x + 19]));
  }
  fc.assert(fc.property(made, check), { numRuns: 40 });
}

describe("the loops in WebAssembly give bit for bit what they gave in TypeScript", () => {
  it("blobs", () => {
    let met = 0;
    onAll((frame) => {
      const blobs = blobsOf(integralOf(frame));
      expect(blobs).toEqual(plainBlobs.blobsOf(plainBlobs.integralOf(frame)));
      met += blobs.length;
    });
    expect(met).toBeGreaterThan(1_000);
  });

  it("which blobs patches are taken of, and in which order", () => {
    onAll((frame) => {
      const longer = Math.max(frame.width, frame.height);
      const chosen = plainBlobs.chosenOf(plainBlobs.blobsOf(plainBlobs.integralOf(frame)), frame, 96);
      const places = chosen.flatMap(({ x, y, sigma }) =>
        [x, y, 10 * sigma].map((length) => Math.round((length / longer) * PATCH_UNITS)),
      );
      expect([...patchesOf(frame, 96).places]).toEqual(places);
    });
  });

  it("means of cells, also of squares that reach beyond the frame", () => {
    const next = chance(5);
    onAll((frame) => {
      const before = plainBlobs.integralOf(frame);
      const integral = integralOf(frame);
      for (let i = 0; i < 12; i++) {
        const [x, y, side] = [next() * frame.width, next() * frame.height, 8 + next() * 140];
        const means = new Float64Array(64);
        cellMeans(integral, x, y, side, means);
        expect(means).toEqual(plain.cellMeans(before, x, y, side));
      }
    });
  });

  it("the average, its transform, quality and contrast", () => {
    onAll(({ luma, width, height }) => {
      const picture = averageTo64(luma, width, height);
      expect(picture).toEqual(plain.averageTo64(luma, width, height));
      expect(dctOf(picture)).toEqual(plain.dctOf(picture));
      expect(qualityOf(picture)).toBe(plain.qualityOf(picture));
      expect(contrastOf(picture)).toEqual(plain.contrastOf(picture));
    });
  });

  it("the average of pictures larger than a frame, and smaller than the average", () => {
    const next = chance(8);
    for (const [width, height] of [
      [1023, 641],
      [640, 1200],
      [17, 63],
      [5, 300],
    ]) {
      const { luma } = draw(width, height, () => 256 * next());
      expect(averageTo64(luma, width, height)).toEqual(plain.averageTo64(luma, width, height));
    }
  });

  it("the transform and the quality of pictures whose values are not whole", () => {
    const next = chance(9);
    for (let i = 0; i < 20; i++) {
      const picture = Float32Array.from({ length: 64 * 64 }, () => 255 * next());
      expect(dctOf(picture)).toEqual(plain.dctOf(picture));
      expect(qualityOf(picture)).toBe(plain.qualityOf(picture));
      expect(contrastOf(picture)).toEqual(plain.contrastOf(picture));
    }
  });

  it("PDQ's own reduction, of pictures of many sizes, whole values and others", () => {
    const next = chance(11);
    const reduced = (reduce: typeof reduceTo64, luma: Uint8Array | Float32Array, width: number, height: number) => {
      const into = new Float32Array(64 * 64);
      reduce(luma, width, height, into);
      return into;
    };
    for (const [width, height] of [
      [512, 512],
      [511, 385],
      [300, 257],
      [1023, 641],
      [129, 700],
      [17, 63],
      [5, 300],
      [400, 7],
    ]) {
      const luma = Float32Array.from({ length: width * height }, () => 255 * next());
      for (const values of [luma, Uint8Array.from(luma)])
        expect(reduced(reduceTo64, values, width, height)).toEqual(reduced(plainReduceTo64, values, width, height));
    }
  });

  it("how many of every second pixel have each level, for any number of pixels", () => {
    onAll(({ luma }) => {
      for (const length of [luma.length, luma.length - 3, 5]) {
        const counts = new Uint32Array(256);
        for (let i = 0; i < length; i += 2) counts[luma[i]]++;
        expect(everySecondByLevel(luma.subarray(0, length))).toEqual(counts);
      }
    });
  });

  it("edges of several pictures together", () => {
    onAll((frame) => {
      const { width, height } = frame;
      const mirrored = draw(width, height, (x, y) => frame.luma[y * width + width - 1 - x]);
      const { rows, columns } = edgesOf([frame, mirrored, frame]);
      const sums = { rows: new Float32Array(width * height), columns: new Float32Array(width * height) };
      for (const { luma } of [frame, mirrored, frame]) {
        plain.addSteps(luma, { count: height, length: width, across: width, along: 1 }, sums.rows);
        plain.addSteps(luma, { count: width, length: height, across: 1, along: width }, sums.columns);
      }
      const wrong: [number, number][] = [];
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          const isRow = y >= 6 && y <= height - 6;
          const isColumn = x >= 6 && x <= width - 6;
          if (isRow && rows[y * width + x] / 4 !== sums.rows[y * width + x]) wrong.push([x, y]);
          if (isColumn && columns[y * width + x] / 4 !== sums.columns[x * height + y]) wrong.push([x, y]);
        }
      }
      expect(wrong).toEqual([]);
    });
  });
});

it("edges of more pictures than their sums have room for are refused", () => {
  const frame = draw(16, 16, () => 0);
  expect(() => edgesOf(Array.from({ length: 410 }, () => frame))).toThrow(RangeError);
  expect(edgesOf(Array.from({ length: 409 }, () => frame)).pictures).toBe(409);
});
