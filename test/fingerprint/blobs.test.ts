import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Blob, blobsOf } from "../../src/fingerprint/blobs.js";
import { integralOf } from "../../src/fingerprint/integral.js";
import type { Frame } from "../../src/model.js";
import { chance, draw } from "./pictures.js";

const SIDES = [15, 21, 27, 39, 51, 75, 99];
const LEAST_STRENGTH = 2e-6;

/** Soft spots of light and dark at any size, on a slope, with noise: what has blobs, and ties. */
function spots(width: number, height: number, count: number, noise: number, seed: number): Frame {
  const next = chance(seed);
  const made = Array.from({ length: count }, () => ({
    x: next() * width,
    y: next() * height,
    sigma: 2 + next() * 12,
    light: next() * 240 - 120,
  }));
  return draw(width, height, (x, y) => {
    const light = made.reduce((sum, s) => sum + s.light * Math.exp(-((x - s.x) ** 2 + (y - s.y) ** 2) / (2 * s.sigma ** 2)), 0);
    return 120 + 0.2 * x + light + noise * (next() - 0.5);
  });
}

/** The determinant of the Hessian by the boxes' definition, each pixel of a box added by itself; 0 where the filter does not fit. */
function responseAt({ luma, width, height }: Frame, side: number, column: number, row: number): number {
  const [x, y, half, lobe] = [2 * column, 2 * row, (side - 1) / 2, side / 3];
  if (x < half + 1 || y < half + 1 || x + half + 1 >= width || y + half + 1 >= height) return 0;
  const box = (left: number, top: number, w: number, h: number): number => {
    let sum = 0;
    for (let j = top; j < top + h; j++) for (let i = left; i < left + w; i++) sum += luma[j * width + i];
    return sum;
  };
  const [middle, long] = [(lobe - 1) / 2, 2 * lobe - 1];
  const dxx = box(x - half, y - lobe + 1, side, long) - 3 * box(x - middle, y - lobe + 1, lobe, long);
  const dyy = box(x - lobe + 1, y - half, long, side) - 3 * box(x - lobe + 1, y - middle, long, lobe);
  const dxy =
    box(x + 1, y - lobe, lobe, lobe) +
    box(x - lobe, y + 1, lobe, lobe) -
    box(x - lobe, y - lobe, lobe, lobe) -
    box(x + 1, y + 1, lobe, lobe);
  const scale = 1 / (255 * side * side);
  return Math.fround(scale * scale * (dxx * dyy - 0.81 * dxy * dxy));
}

/** Where the determinant is above all 26 around it, in place and filter size. Blobs too near the edge are among them. */
function peaksByDefinition(frame: Frame): { column: number; row: number; strength: number; layer: number }[] {
  const [columns, rows] = [frame.width >> 1, frame.height >> 1];
  const layers = SIDES.filter((side) => side < Math.min(frame.width, frame.height)).map((side) =>
    Float32Array.from({ length: columns * rows }, (_, at) => responseAt(frame, side, at % columns, Math.floor(at / columns))),
  );
  return layers.flatMap((layer, i) =>
    Array.from(layer, (strength, at) => ({
      column: at % columns,
      row: Math.floor(at / columns),
      strength,
      layer: i,
    })).filter(
      ({ column, row, strength }) =>
        strength >= LEAST_STRENGTH &&
        column > 0 &&
        row > 0 &&
        column < columns - 1 &&
        row < rows - 1 &&
        [i - 1, i, i + 1].every((other) =>
          [-1, 0, 1].every((dy) =>
            [-1, 0, 1].every((dx) => {
              const isItself = other === i && dx === 0 && dy === 0;
              return isItself || !layers[other] || layers[other][(row + dy) * columns + column + dx] < strength;
            }),
          ),
        ),
    ),
  );
}

/** A blob is placed between pixels, at most half a step from where the peak is. */
const isAt = (blob: Blob, peak: { column: number; row: number; strength: number }): boolean =>
  blob.strength === peak.strength && Math.abs(blob.x - 2 * peak.column) <= 1 && Math.abs(blob.y - 2 * peak.row) <= 1;

const inside =
  ({ width, height }: Frame) =>
  ({ x, y, sigma }: Blob) => {
    const margin = 4.5 * sigma;
    return x >= margin && y >= margin && x <= width - margin && y <= height - margin;
  };

describe("blobs", () => {
  it("are the peaks of the determinant of the Hessian, exactly, strongest first", () => {
    const sizes = fc.record({
      width: fc.integer({ min: 16, max: 110 }),
      height: fc.integer({ min: 16, max: 110 }),
      count: fc.integer({ min: 0, max: 12 }),
      noise: fc.constantFrom(0, 4, 60),
      seed: fc.integer(),
    });
    let met = 0;
    fc.assert(
      fc.property(sizes, ({ width, height, count, noise, seed }) => {
        const frame = spots(width, height, count, noise, seed);
        const blobs = blobsOf(integralOf(frame));
        const peaks = peaksByDefinition(frame);
        for (const blob of blobs) expect(peaks.some((peak) => isAt(blob, peak))).toBe(true);
        expect(blobs.every(inside(frame))).toBe(true);
        // Those that are left out are nearer to the edge than a blob of the next filter's size may be.
        const clear = peaks.filter(({ column, row, layer }) => {
          const margin = 0.6 * (SIDES[layer + 1] ?? SIDES[layer]) + 1;
          const [x, y] = [2 * column, 2 * row];
          return x >= margin && y >= margin && x <= width - margin && y <= height - margin;
        });
        met += clear.length;
        for (const peak of clear) expect(blobs.some((blob) => isAt(blob, peak))).toBe(true);
        expect(blobs.map((b) => b.strength)).toEqual(blobs.map((b) => b.strength).sort((a, b) => b - a));
      }),
      { numRuns: 25, seed: 3 },
    );
    expect(met).toBeGreaterThan(25);
  });

  it("of pictures of different sizes in turn do not depend on the picture before", () => {
    const [small, large] = [spots(90, 60, 8, 4, 1), spots(200, 150, 20, 4, 2)];
    const alone = [small, large].map((frame) => blobsOf(integralOf(frame)));
    expect(alone[1].length).toBeGreaterThan(5);
    expect([large, small].map((frame) => blobsOf(integralOf(frame)))).toEqual([alone[1], alone[0]]);
  });
});
