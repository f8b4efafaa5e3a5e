import { expect, test } from "vitest";
import type { Agreement } from "../../src/verdict/agreement.js";
import { align, linesToTry } from "../../src/verdict/align.js";
import { segmentsOf, tracksToTell } from "../../src/verdict/segments.js";

const agreement = (atMs: number, referenceAtMs: number): Agreement => ({
  ...{ atMs, untilMs: atMs, referenceAtMs, referenceUntilMs: referenceAtMs, dihedral: "original" },
  ...{ doubt: 1e-9, part: true, share: 1, closeness: 1 },
});

test("moments that agree with one moment of a reference say nothing of its speed, and each may be the one that is it", () => {
  const [track] = align(
    [0, 250, 500, 800].map((atMs) => agreement(atMs, 4_000)),
    60_000,
  );
  expect(track.speed).toBe(1);
  const lines = linesToTry(track);
  expect(lines.every(({ speed }) => speed === 1)).toBe(true);
  for (const { atMs } of track.agreements) expect(lines.map(({ offsetMs }) => offsetMs)).toContain(4_000 - atMs);
});

test("moments that agree with several of a reference leave one line to try", () => {
  const [track] = align(
    [0, 1_000, 2_000, 3_000].map((atMs) => agreement(atMs, 5_000 + 2 * atMs)),
    60_000,
  );
  expect(track.speed).toBeCloseTo(2, 1);
  expect(linesToTry(track)).toEqual([track]);
});

test("a span is told up to the ends that it almost reaches, but what was seen is no longer for that", () => {
  const [track] = align([agreement(15_000, 1_000), agreement(15_250, 1_250), agreement(15_500, 1_500)], 3_000);
  const durations = { submissionMs: 30_000, referenceMs: 3_000 };
  const [told] = segmentsOf(track, durations, 250);
  expect([told.referenceFromMs, told.referenceToMs]).toEqual([0, 3_000]);
  const [seen] = segmentsOf(track, durations, 250, true);
  expect([seen.referenceFromMs, seen.referenceToMs]).toEqual([750, 1_750]);
});

/** A shot in which little moves: pictures agree with all around them, the less the further away. */
const still = (submissionMs: number[], known: number[], speed = 1) =>
  submissionMs.flatMap((atMs) =>
    known.map((referenceAtMs) => ({
      ...agreement(atMs, referenceAtMs),
      part: false,
      bits: Math.round(2 + Math.min(28, Math.abs(speed * atMs - referenceAtMs) / 150)),
    })),
  );
const every = (stepMs: number, untilMs: number) => Array.from({ length: untilMs / stepMs + 1 }, (_, i) => i * stepMs);

test("where pictures agree with all around them, the line goes through the nearest", () => {
  const [plain] = align(still(every(250, 8_000), every(1_000, 8_000)), 8_000);
  expect(plain.speed).toBeCloseTo(1, 1);
  expect(Math.abs(plain.offsetMs)).toBeLessThan(200);
  const [fast] = align(still(every(250, 4_000), every(1_000, 8_000), 2), 8_000);
  expect(Math.abs(fast.speed - 2)).toBeLessThan(0.15);
});

test("what is less near than the pictures beside it starts no line of its own, but belongs to what is seen", () => {
  const track = (agreements: Agreement[]) => {
    const tracks = tracksToTell(align(agreements, 60_000), 2);
    expect(tracks).toHaveLength(1);
    return tracks[0];
  };
  const known = [4_000];
  const found = track(still(every(250, 8_000), known));
  expect(found.agreements.every(({ atMs }) => Math.abs(atMs - 4_000) <= 750)).toBe(true);
  const durations = { submissionMs: 60_000, referenceMs: 60_000 };
  const [span] = segmentsOf(found, durations, 250, true);
  expect([span.submissionFromMs, span.submissionToMs]).toEqual([0, 8_250]);
  expect([span.referenceFromMs, span.referenceToMs].map((ms) => Math.round(ms / 500) * 500)).toEqual([0, 8_500]);
});

test("the same piece shown again is told again, at once or later, also where it is less near than the first time", () => {
  const first = still(every(250, 4_000), every(1_000, 4_000));
  const after = (ms: number) => first.map((a) => ({ ...a, atMs: a.atMs + ms, untilMs: a.untilMs + ms, bits: (a.bits ?? 0) + 8 }));
  const tracks = tracksToTell(align([...first, ...after(5_000), ...after(30_000)], 4_000), 2);
  const spans = tracks.flatMap((track) => segmentsOf(track, { submissionMs: 60_000, referenceMs: 4_000 }, 250));
  expect(spans.map((s) => Math.round(s.submissionFromMs / 1_000)).sort((a, b) => a - b)).toEqual([0, 5, 30]);
});

test("a line inside a stronger one is not told, unless it has more moments there: then two pieces take turns", () => {
  const line = every(250, 8_000).map((atMs) => agreement(atMs, atMs));
  const chance = [3_000, 3_500].map((atMs) => agreement(atMs + 10, 50_000 + atMs));
  expect(tracksToTell(align([...line, ...chance], 60_000), 2)).toHaveLength(1);
  const gap = line.filter(({ atMs }) => atMs < 3_000 || atMs > 4_000);
  expect(tracksToTell(align([...gap, ...chance], 60_000), 2)).toHaveLength(2);
});

test("a span that begins and ends with the reference is told whole, one that does not only as far as it was seen", () => {
  const [track] = align([agreement(3_000, 3_000), agreement(3_250, 3_250), agreement(4_000, 4_000)], 8_200);
  const [whole] = segmentsOf(track, { submissionMs: 8_000, referenceMs: 8_200 }, 250);
  expect([whole.submissionFromMs, whole.submissionToMs]).toEqual([0, 8_000]);
  const [piece] = segmentsOf(track, { submissionMs: 20_000, referenceMs: 8_200 }, 250);
  expect([piece.submissionFromMs, piece.submissionToMs]).toEqual([2_750, 4_250]);
});
