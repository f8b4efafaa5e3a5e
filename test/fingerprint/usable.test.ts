import { describe, expect, it } from "vitest";
import { fingerprintFrame } from "../../src/fingerprint/fingerprint-frame.js";
import type { Frame } from "../../src/model.js";
import { chance, draw, frameOf, GOLDEN_FOLDER } from "./pictures.js";

const next = chance(7);
/** Roughly Gaussian: the sum of twelve. */
const noise = (deviation: number) => deviation * (Array.from({ length: 12 }, next).reduce((a, b) => a + b) - 6);
const wide = (valueAt: (x: number, y: number) => number) => draw(256, 144, valueAt);
const isTitle = (x: number, y: number) => y > 60 && y < 80 && x > 60 && x < 200 && ((x >> 2) + (y >> 2)) % 2 === 1;

const EXCLUDED: [name: string, frame: Frame, reason: string][] = [
  ["black", wide(() => 0), "too dark"],
  ["video black", wide(() => 16), "too dark"],
  ["slight noise on black", wide(() => 16 + noise(4)), "too dark"],
  ["noise of quality over 50 on black", wide(() => 24 + noise(8)), "too dark"],
  ["a few bright pixels on black", wide((x, y) => (x % 100 === 50 && y % 100 === 50 ? 255 : 0)), "too dark"],
  ["white", wide(() => 255), "flat"],
  ["grey", wide(() => 128), "flat"],
  ["noise of quality over 50 on grey", wide(() => 128 + noise(8)), "flat"],
  ["a near-flat gradient", wide((x) => 120 + x / 25), "flat"],
  ["a wide gradient", wide((x) => 64 + x / 2), "low detail"],
  ["seven upright bars, as of a test card", wide((x) => 235 - 32 * Math.floor((7 * x) / 256)), "low detail"],
  ["plain bands", wide((_, y) => [40, 90, 40, 200, 120][Math.floor((5 * y) / 144)]), "low detail"],
  ["a faint dark gradient", wide((x) => 8 + x / 10), "too dark"],
];

describe("a frame is excluded from matching", () => {
  it.each(EXCLUDED)("when it is %s", (_, frame, reason) => {
    expect(fingerprintFrame(frame)).toMatchObject({ usable: false, reason });
  });

  it("when a photograph has been dimmed to a twentieth", async () => {
    const frame = await frameOf(`${GOLDEN_FOLDER}images/aaa-orig.jpg`, 0.05);
    expect(fingerprintFrame(frame)).toMatchObject({ usable: false, reason: "too dark" });
  });
});

describe("a frame is kept", () => {
  it.each([1, 0.5, 0.25, 0.15])("when it is a photograph at %f of its light, as a night scene is", async (dimmed) => {
    const frame = await frameOf(`${GOLDEN_FOLDER}images/aaa-orig.jpg`, dimmed);
    expect(fingerprintFrame(frame)).toMatchObject({ usable: true });
  });

  it("when something stands before such bars", () => {
    const bars = (x: number) => 235 - 32 * Math.floor((7 * x) / 256);
    const isFigure = (x: number, y: number) => Math.hypot(x - 90, y - 80) < 45 || Math.hypot(x - 150, y - 50) < 25;
    expect(fingerprintFrame(wide((x, y) => (isFigure(x, y) ? 60 : bars(x))))).toMatchObject({ usable: true });
  });

  it("when it is a title on black", () => {
    expect(fingerprintFrame(wide((x, y) => (isTitle(x, y) ? 230 : 0)))).toMatchObject({ usable: true });
  });
});
