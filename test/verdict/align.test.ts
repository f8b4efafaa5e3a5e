import { expect, test } from "vitest";
import type { Agreement } from "../../src/verdict/agreement.js";
import { align, linesToTry, segmentsOf } from "../../src/verdict/align.js";

const agreement = (atMs: number, referenceAtMs: number): Agreement => ({
  ...{ atMs, untilMs: atMs, referenceAtMs, referenceUntilMs: referenceAtMs, dihedral: "original" },
  ...{ doubt: 1e-9, part: true, share: 1, closeness: 1 },
});

test("moments that agree with one moment of a reference say nothing of its speed, and each may be the one that is it", () => {
  const [track] = align([0, 250, 500, 800].map((atMs) => agreement(atMs, 4_000)));
  expect(track.speed).toBe(1);
  const lines = linesToTry(track);
  expect(lines.every(({ speed }) => speed === 1)).toBe(true);
  for (const { atMs } of track.agreements) expect(lines.map(({ offsetMs }) => offsetMs)).toContain(4_000 - atMs);
});

test("moments that agree with several of a reference leave one line to try", () => {
  const [track] = align([0, 1_000, 2_000, 3_000].map((atMs) => agreement(atMs, 5_000 + 2 * atMs)));
  expect(track.speed).toBeCloseTo(2, 1);
  expect(linesToTry(track)).toEqual([track]);
});

test("a span is told up to the ends that it almost reaches, but what was seen is no longer for that", () => {
  const [track] = align([agreement(15_000, 1_000), agreement(15_250, 1_250), agreement(15_500, 1_500)]);
  const durations = { submissionMs: 30_000, referenceMs: 3_000 };
  const [told] = segmentsOf(track, durations, 250);
  expect([told.referenceFromMs, told.referenceToMs]).toEqual([0, 3_000]);
  const [seen] = segmentsOf(track, durations, 250, true);
  expect([seen.referenceFromMs, seen.referenceToMs]).toEqual([750, 1_750]);
});
