import { expect, test } from "vitest";
import type { Fingerprint, Hit, KnownMaterial, Query, ReferenceSummary } from "../../src/model.js";
import { lookCloser } from "../../src/verdict/closer-look.js";
import { decide, type Judged, worthACloserLook } from "../../src/verdict/decide.js";
import { POLICY } from "../../src/verdict/policy.js";
import { queryOf, randomFrom, randomHash, turnBits } from "../support/material.js";

const random = randomFrom(7);
const ALGORITHM = "test/1";

/** A known video of ten seconds, a moment a second. */
const reference: ReferenceSummary = {
  ...{ id: "r1", caseId: "C-1", label: "known.mp4", kind: "video", durationMs: 10_000, fingerprintCount: 10 },
};
const known: Query[] = Array.from({ length: 10 }, (_, i) => queryOf(randomHash(random), randomHash(random), i * 1_000, random));
const material: KnownMaterial = { fingerprints: known.map(({ views: _, ...fingerprint }) => fingerprint), patches: [] };

/** Half a minute of something else, four pictures a second, with `pictureAt` in place of what it gives a hash for. */
function submissionWith(pictureAt: (atMs: number) => Uint8Array | undefined): Judged {
  const fingerprints = Array.from({ length: 120 }, (_, i) =>
    queryOf(pictureAt(i * 250) ?? randomHash(random), randomHash(random), i * 250, random),
  );
  return { kind: "video", durationMs: 30_000, fingerprints, patchSets: [], framesRead: 120, framesUnusable: 0 };
}

/** The known video from second `from` on, each of its moments changed by `bits`, where something is shown that is like it. */
const knownFrom = (fromMs: number, bits: (second: number) => number | undefined) => (atMs: number) => {
  const second = (atMs - fromMs) / 1_000;
  const changed = Number.isInteger(second) && second >= 0 && second < 10 ? bits(second) : undefined;
  return changed === undefined ? undefined : turnBits(known[second].pdq, changed, random);
};

const hitAt = (atMs: number, second: number, pdqDistance: number): Hit => ({
  ...{ query: atMs / 250, dihedral: "original", referenceId: "r1", referenceVariant: "full", pdqDistance },
  ...{ referenceAtMs: second * 1_000, referenceUntilMs: second * 1_000, blockhashDistance: undefined },
});

const evidence = (hits: Hit[]) => ({
  ...{ hits, patchHits: [], moments: new Map(), references: new Map([[reference.id, reference]]) },
});

test("a copy found at one moment is recognised when the others are near where they should be", () => {
  const submission = submissionWith(knownFrom(5_000, (second) => (second === 4 ? 4 : 44)));
  const found = evidence([hitAt(9_000, 4, 4)]);
  expect(decide(submission, found, POLICY).kind).toBe("review");
  const verdict = decide(submission, { ...found, material: new Map([["r1", material]]) }, POLICY);
  expect(verdict.kind).toBe("match");
  const [segment] = verdict.matches[0].segments;
  expect(Math.abs(segment.submissionFromMs - 5_000)).toBeLessThanOrEqual(500);
  expect(Math.abs(segment.submissionToMs - 15_000)).toBeLessThanOrEqual(1_000);
});

test("a quoted second stays for review: what comes before and after is something else", () => {
  const submission = submissionWith(knownFrom(5_000, (second) => (second === 4 ? 4 : undefined)));
  const found = evidence([hitAt(9_000, 4, 4)]);
  expect(decide(submission, { ...found, material: new Map([["r1", material]]) }, POLICY).kind).toBe("review");
});

test("a short reference of which a second is quoted is not the reference, though the span seems to cover it", () => {
  const short = { ...reference, durationMs: 2_400, fingerprintCount: 3 };
  const submission = submissionWith(knownFrom(5_000, (second) => (second === 1 ? 4 : undefined)));
  const dense = {
    ...material,
    fingerprints: [0, 250, 500, 750, 1_000, 1_250, 1_500, 1_750, 2_000].map((atMs) => momentAt(atMs)),
  };
  const found = { ...evidence([hitAt(6_000, 1, 4)]), references: new Map([["r1", short]]) };
  const verdict = decide(submission, { ...found, material: new Map([["r1", dense]]) }, POLICY);
  expect(verdict.kind).toBe("review");
});

const momentAt = (atMs: number): Fingerprint => ({
  ...material.fingerprints[1],
  atMs,
  untilMs: atMs,
  pdq: atMs === 1_000 ? known[1].pdq : randomHash(random),
});

test("only what is not settled, or rests on few moments, deserves a closer look, and only around what was found", () => {
  const submission = submissionWith(knownFrom(5_000, () => 4));
  const one = worthACloserLook(submission, evidence([hitAt(9_000, 4, 4)]), POLICY);
  expect(one).toHaveLength(1);
  expect(one[0].referenceId).toBe("r1");
  expect(one[0].fromMs).toBeLessThan(-50_000);
  expect(one[0].toMs).toBeGreaterThan(60_000);
  const all = Array.from({ length: 10 }, (_, second) => hitAt(5_000 + second * 1_000, second, 4));
  expect(worthACloserLook(submission, evidence(all), POLICY)).toEqual([]);
});

test("a past submission, whose views are not kept, is compared through the reference's", () => {
  const submission = submissionWith(knownFrom(5_000, (second) => (second === 4 ? 4 : 44)));
  const past = { ...submission, fingerprints: submission.fingerprints.map(({ views: _, ...fingerprint }) => fingerprint) };
  const withViews = new Map([["r1", { fingerprints: known, patches: [] }]]);
  expect(decide(past, { ...evidence([hitAt(9_000, 4, 4)]), material: withViews }, POLICY).kind).toBe("match");
  expect(known[0].algorithm).toBe(ALGORITHM);
});

const unmoved = { x: 0, y: 0, size: 1, mirrored: false };
const partAt = (atMs: number, referenceAtMs: number, placement = unmoved) => ({
  ...{ atMs, untilMs: atMs, referenceAtMs, referenceUntilMs: referenceAtMs, dihedral: "original" as const },
  ...{ doubt: 1e-6, part: true, share: 0.3, closeness: 0.25, placement },
});
const lineAt = (offsetMs: number, ...agreements: ReturnType<typeof partAt>[]) => ({ speed: 1, offsetMs, agreements, around: [] });

test("of a still under a sticker the share is told block by block, unless it was moved or is another", () => {
  const still = known[0];
  const under = (pdqBits: number, blockBits: number) => ({
    durationMs: 0,
    patchSets: [],
    fingerprints: [queryOf(turnBits(still.pdq, pdqBits, random), turnBits(still.blockhash, blockBits, random), 0, random)],
  });
  const shareOf = (seen: ReturnType<typeof under>, placement = unmoved) =>
    lookCloser(seen, [lineAt(0, partAt(0, 0, placement))], "original", { fingerprints: [still], patches: [] }, 0, POLICY).share;
  expect(shareOf(under(86, 40))).toBeCloseTo(1 - 40 / 128);
  expect(shareOf(under(110, 40))).toBe(0);
  expect(shareOf(under(86, 150))).toBe(0);
  expect(shareOf(under(86, 40), { ...unmoved, size: 0.8 })).toBe(0);
});

test("of a past submission too, whose views are not kept, and nothing of a video's pictures, which keep no blockhash", () => {
  const still = known[0];
  const under = (blockhash: Uint8Array) => {
    const { views: _, ...fingerprint } = queryOf(turnBits(still.pdq, 86, random), blockhash, 0, random);
    return { durationMs: 0, patchSets: [], fingerprints: [fingerprint] };
  };
  const shareOf = (seen: ReturnType<typeof under>, reference = still) =>
    lookCloser(seen, [lineAt(0, partAt(0, 0))], "original", { fingerprints: [reference], patches: [] }, 0, POLICY).share;
  expect(shareOf(under(turnBits(still.blockhash, 40, random)))).toBeCloseTo(1 - 40 / 128);
  expect(shareOf(under(new Uint8Array(0)))).toBe(0);
  expect(shareOf(under(still.blockhash), { ...still, blockhash: new Uint8Array(0) })).toBe(0);
});

test("of two lines that agree alike, the one is taken along which both videos begin and end together", () => {
  const start = { fingerprints: known.slice(0, 1).map((f) => ({ ...f, untilMs: 900 })), patches: [] };
  const copyOf = (durationMs: number) => ({
    durationMs,
    patchSets: [],
    fingerprints: [0, 250, 500, 750].map((atMs) => queryOf(turnBits(known[0].pdq, 10, random), randomHash(random), atMs, random)),
  });
  const lines = [lineAt(-400, partAt(500, 0)), lineAt(0, partAt(0, 0))];
  const look = lookCloser(copyOf(4_000), lines, "original", start, 4_300, POLICY);
  expect(look.together).toBe(true);
  expect(look.agreed).toBeGreaterThanOrEqual(2);
  expect(lookCloser(copyOf(9_000), lines, "original", start, 4_300, POLICY).together).toBe(false);
  expect(lookCloser(copyOf(4_000), [lineAt(2_000, partAt(0, 2_000))], "original", start, 4_300, POLICY).together).toBe(false);
});

test("a shared intro is for review when nothing comparable follows it where the known video goes on", () => {
  // Two seconds of intro; then a picture so plain that it has no hash.
  const intro = submissionWith(knownFrom(0, (second) => (second < 2 ? 4 : undefined))).fingerprints.filter((f) => f.atMs < 2_000);
  const submission: Judged = { ...submissionWith(() => undefined), fingerprints: intro, durationMs: 10_000 };
  const found = evidence([hitAt(0, 0, 4), hitAt(1_000, 1, 4)]);
  const lasting = (quality: number) => ({ ...material, fingerprints: material.fingerprints.map((f) => ({ ...f, quality })) });
  const kindWith = (quality: number) =>
    decide(submission, { ...found, material: new Map([["r1", lasting(quality)]]) }, POLICY).kind;
  expect(kindWith(100)).toBe("review");
  // What is hardly a picture in the known video may be none in the copy.
  expect(kindWith(55)).toBe("match");
});

test("the same first second in two videos of one length is for review when something else follows", () => {
  const submission = { ...submissionWith(knownFrom(0, (second) => (second === 0 ? 4 : undefined))), durationMs: 10_000 };
  const found = evidence([hitAt(0, 0, 4)]);
  const verdict = decide(submission, { ...found, material: new Map([["r1", material]]) }, POLICY);
  expect(verdict.kind).toBe("review");
});
