import { expect, test } from "vitest";
import { ourDetector } from "../../src/bench/quality/our-detector.js";
import type { Frame } from "../../src/model.js";
import { alarmsOfPatches } from "../../src/verdict/agreement.js";
import { chance } from "../fingerprint/pictures.js";

const WIDTH = 460;
const HEIGHT = 200;

/** Soft light and dark as on a wall or in a sky: random values every so many pixels, smooth in between. */
function soft(every: number, seed: number): Float32Array {
  const next = chance(Math.imul(seed, 2654435761) + 12345);
  const columns = Math.ceil(WIDTH / every) + 2;
  const rows = Math.ceil(HEIGHT / every) + 2;
  const values = Array.from({ length: columns * rows }, next);
  const eased = (t: number) => t * t * (3 - 2 * t);
  return Float32Array.from({ length: WIDTH * HEIGHT }, (_, at) => {
    const [x, y] = [at % WIDTH, Math.floor(at / WIDTH)];
    const [column, row] = [Math.floor(x / every), Math.floor(y / every)];
    const [u, v] = [eased(x / every - column), eased(y / every - row)];
    const value = (i: number, j: number) => values[(row + j) * columns + column + i];
    return (value(0, 0) * (1 - u) + value(1, 0) * u) * (1 - v) + (value(0, 1) * (1 - u) + value(1, 1) * u) * v;
  });
}

/** Five seconds along a wall (of little contrast) or a sky, with some noise. */
function film(seed: number, contrast: number): Frame[] {
  const [large, small, noise] = [soft(100, seed), soft(16, seed + 1000), soft(2, seed + 2000)];
  return Array.from({ length: 20 }, (_, n) => {
    const [left, top] = [Math.min(6 * n, WIDTH - 257), n];
    const luma = Uint8Array.from({ length: 256 * 144 }, (_, at) => {
      const i = (top + Math.floor(at / 256)) * WIDTH + left + (at % 256);
      return 150 + (large[i] - 0.5) * contrast + (small[i] - 0.5) * contrast * 0.12 + (noise[i] - 0.5) * 8;
    });
    return { atMs: n * 250, width: 256, height: 144, luma };
  });
}

const WALL = 56;
const SKY = 128;

test("a wall or a sky is not another, though their patches are much alike; the same one in another light is", async () => {
  const detector = await ourDetector();
  for (let n = 0; n < 8; n++) await detector.registerFrames!(`wall ${n}`, film(7 * n + 1, WALL), "video");
  // Of sixty these were told to match, or for a person to look at, before chance was counted among their own hits.
  for (const [seed, contrast] of [
    [500, SKY],
    [510, SKY],
    [521, WALL],
    [538, SKY],
    [544, SKY],
    [548, SKY],
  ]) {
    const { flagged, note } = await detector.checkFrames!(film(seed, contrast), "video");
    expect(flagged, `${seed}: ${note}`).not.toBe("match");
  }
  const brighter = film(1, WALL).map((frame) => ({ ...frame, luma: frame.luma.map((value) => Math.min(255, 1.1 * value)) }));
  expect(await detector.checkFrames!(brighter, "video")).toMatchObject({ flagged: "match", caseIds: ["wall 0"] });
  await detector.close?.();
});

test("patches that agree say less where as many are as near and do not", () => {
  const agreeing = [2, 3, 4];
  const alone = alarmsOfPatches(agreeing, 60, 10);
  expect(alarmsOfPatches(agreeing, 60, 10, Array(57).fill(10))).toBe(alone);
  const amid = alarmsOfPatches(agreeing, 60, 10, Array(57).fill(1));
  expect(amid).toBeGreaterThan(1e3 * alone);
  expect(alarmsOfPatches(agreeing, 60, 10, Array(20).fill(1))).toBeLessThan(amid);
});
