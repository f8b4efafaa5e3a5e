import { expect, test } from "vitest";
import { FRAMES_EACH, generateHashes, generateSubmission } from "../../src/bench/index/generate.js";
import { percentile } from "../../src/bench/index/in-memory.js";
import { slope } from "../../src/bench/index.js";
import { distance } from "../../src/fingerprint/hash.js";

const COUNT = 60_000;
const hashes = new Uint8Array(32 * COUNT);
generateHashes(hashes, 5);
const hashOf = (place: number) => hashes.subarray(32 * place, 32 * place + 32);
const band = (place: number, b: number) => (hashes[32 * place + 2 * b] << 8) | hashes[32 * place + 2 * b + 1];

/** Pairs of frames of different videos, many of them. */
const pairs = Array.from({ length: 200_000 }, (_, i) => [(i * 7919) % COUNT, (i * 104_729 + 31 * FRAMES_EACH) % COUNT]).filter(
  ([a, b]) => Math.floor(a / FRAMES_EACH) !== Math.floor(b / FRAMES_EACH),
);

const bitsSet = (value: number) => value.toString(2).replaceAll("0", "").length;

test("made-up hashes share values of bands as often as measured ones do: more than chance, and nowhere near always", () => {
  const near = pairs.reduce((sum, [a, b]) => {
    for (let i = 0; i < 16; i++) if (bitsSet(band(a, i) ^ band(b, i)) <= 1) sum++;
    return sum;
  }, 0);
  const byChance = (17 / 65_536) * 16 * pairs.length;
  // Measured: 1.7 times between videos, 12 times between dark or flat pictures, of which one in ten is made up.
  expect(near / byChance).toBeGreaterThan(1.5);
  expect(near / byChance).toBeLessThan(3);
});

test("about a third of the frames are near the one before, as in a scene", () => {
  let near = 0;
  for (let place = 1; place < COUNT; place++) if (distance(hashOf(place - 1), hashOf(place)) <= 64) near++;
  expect(near / COUNT).toBeGreaterThan(0.3);
  expect(near / COUNT).toBeLessThan(0.4);
});

test("the same seed makes the same, another makes another", () => {
  const [again, other] = [new Uint8Array(32 * 600), new Uint8Array(32 * 600)];
  generateHashes(again, 5);
  generateHashes(other, 6);
  expect(again).toEqual(hashes.slice(0, 32 * 600));
  expect(other).not.toEqual(again);
});

test("every third submission is of known material, within 40 bits in one view of every frame", () => {
  const nearest = (query: Uint8Array) => {
    let least = 256;
    for (let place = 0; place < COUNT && least > 40; place++) least = Math.min(least, distance(query, hashOf(place)));
    return least;
  };
  const known = generateSubmission(hashes, 10, 3);
  expect(known).toHaveLength(32 * 8 * 10);
  for (let frame = 0; frame < 10; frame++)
    expect(nearest(known.subarray(32 * 8 * frame, 32 * 8 * frame + 32))).toBeLessThanOrEqual(40);
  const unknown = generateSubmission(hashes, 2, 4);
  expect(nearest(unknown.subarray(0, 32))).toBeGreaterThan(40);
});

test("a percentile is a value that so many do not exceed, and the exponent is the slope of logarithms", () => {
  const values = Array.from({ length: 100 }, (_, i) => 100 - i);
  expect([0.5, 0.99, 1].map((p) => percentile(values, p))).toEqual([50, 99, 100]);
  const sizes = [1e6, 3e6, 1e7];
  const power = slope(
    sizes.map(Math.log),
    sizes.map((n) => Math.log(5 * n ** 0.7)),
  );
  expect(power).toBeCloseTo(0.7, 10);
});
