import { expect, test } from "vitest";
import { findingOf, type Point, trendOf } from "../../scripts/drill/support/soak-fit.js";
import { randomFrom } from "../support/material.js";

const HOUR_MS = 3_600_000;

/** Two hours, a sample every 10 s, around a line. */
function samples(perHour: number, noise: number): Point[] {
  const random = randomFrom(1);
  return Array.from({ length: 720 }, (_, i) => {
    const atMs = 10_000 * i;
    return { atMs, value: 200 + (perHour * atMs) / HOUR_MS + noise * (random() - 0.5) };
  });
}

test("the slope of a line is found, and the surer the less noise there is", () => {
  const [clean, noisy] = [trendOf(samples(30, 0)), trendOf(samples(30, 40))];
  expect(clean.perHour).toBeCloseTo(30, 6);
  expect(clean.give).toBeLessThan(1e-6);
  expect(Math.abs(noisy.perHour - 30)).toBeLessThan(noisy.give);
  expect(noisy.give).toBeGreaterThan(0.5);
});

test("what grows by more than the limit grows, and what does not is flat", () => {
  expect(findingOf(trendOf(samples(30, 40)), 20)).toBe("grows");
  expect(findingOf(trendOf(samples(5, 40)), 20)).toBe("flat");
  expect(findingOf(trendOf(samples(-30, 40)), 20)).toBe("flat");
});

test("too few or too uneven samples leave it undecided", () => {
  expect(findingOf(trendOf(samples(20, 400)), 20)).toBe("undecided");
  expect(findingOf(trendOf(samples(30, 40).slice(0, 2)), 20)).toBe("undecided");
});

test("samples that follow each other closely do not make it surer than it is", () => {
  const rising = Array.from({ length: 720 }, (_, i) => ({ atMs: 10_000 * i, value: 200 + 20 * Math.sin(i / 200) }));
  expect(trendOf(rising).give).toBeGreaterThan(2);
});
