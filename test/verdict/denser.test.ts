import { expect, test } from "vitest";
import type { Found, Hit, Match, Reading, ReferenceSummary, Verdict } from "../../src/model.js";
import { judge } from "../../src/scan.js";
import { decide } from "../../src/verdict/decide.js";
import { isSurer, mayBeSurer } from "../../src/verdict/denser.js";
import { POLICY } from "../../src/verdict/policy.js";

const hash = new Uint8Array(32);
const KNOWN: ReferenceSummary = {
  id: "r1",
  caseId: "C-1",
  label: "known",
  kind: "video",
  durationMs: 20_000,
  fingerprintCount: 20,
};

/** A video of ten seconds, looked at so many times a second. */
function readingAt(perSecond: number, before?: Reading): Reading {
  const frames = Array.from({ length: 10 * perSecond }, (_, i) => Math.round((1_000 * i) / perSecond));
  const asFrame = (atMs: number) => ({ atMs, untilMs: atMs, algorithm: "test", variant: "full", pdq: hash, blockhash: hash });
  return {
    ...{ sha256: "00", bytes: 1, kind: "video", durationMs: 10_000, patchSets: [], framesRead: frames.length, framesUnusable: 0 },
    fingerprints: frames.map((atMs) => ({ ...asFrame(atMs), quality: 100, views: [] })),
    timingsMs: { fetch: 0, decode: 0, hash: 0 },
    ...(before && { before }),
  };
}

/** What shows the reference from `fromMs` to `toMs`, five seconds later on its time line. */
function foundIn({ fingerprints }: Reading, [fromMs, toMs]: [number, number], references = [KNOWN]): Found {
  const hits = fingerprints.flatMap(({ atMs }, query) =>
    atMs < fromMs || atMs >= toMs ? [] : references.map(({ id }) => hitAt(id, query, atMs + 5_000)),
  );
  return { hits, patchHits: [], moments: new Map(), references: new Map(references.map((r) => [r.id, r])), seenSeq: "0" };
}

const hitAt = (referenceId: string, query: number, referenceAtMs: number): Hit => ({
  ...{ query, dihedral: "original", referenceId, referenceVariant: "full", referenceAtMs, referenceUntilMs: referenceAtMs },
  ...{ pdqDistance: 10, blockhashDistance: 20 },
});

test("pictures of one quarter of a second are one moment, however many there are", () => {
  const span: [number, number] = [2_000, 8_000];
  const [usual, denser] = [4, 12].map((perSecond) => {
    const reading = readingAt(perSecond);
    return decide(reading, foundIn(reading, span), POLICY).matches[0];
  });
  expect(usual.framesAgreeing).toBe(24);
  expect(denser.framesAgreeing).toBe(24);
});

test("a denser reading may tell of a short piece, and not of what matches, is clear, or is in three cases", () => {
  const reading = readingAt(4);
  const others = ["r2", "r3"].map((id) => ({ ...KNOWN, id, caseId: `C-${id}` }));
  const verdictOn = (span: [number, number], references = [KNOWN]) => decide(reading, foundIn(reading, span, references), POLICY);
  expect(verdictOn([4_000, 5_000])).toMatchObject({ kind: "review", denserMayTell: true });
  expect(verdictOn([2_000, 8_000])).toMatchObject({ kind: "match" });
  for (const verdict of [verdictOn([2_000, 8_000]), verdictOn([0, 0]), verdictOn([4_000, 5_000], [KNOWN, ...others])])
    expect(verdict).not.toHaveProperty("denserMayTell");
});

test.each([
  [["weak"], true],
  [["short", "weak"], true],
  [["short", "scene"], false],
  [["template"], false],
  [[undefined, "weak"], false],
  [[], false],
] as const)("what is told with the doubts %j may be surer: %s", (doubts, may) => {
  expect(
    mayBeSurer(
      doubts.map((doubt) => ({ caseId: "C-1", doubt })),
      POLICY,
    ),
  ).toBe(may);
});

test.each([
  ["most of it", { coverageOfSubmission: 0.7, framesAgreeing: 2 }, true],
  ["a piece of six moments", { coverageOfSubmission: 0.01, framesAgreeing: 6 }, true],
  ["a quoted second", { coverageOfSubmission: 0.1, framesAgreeing: 5 }, false],
])("a denser match of %s counts: %s", (_, over, counts) => {
  const match = { ...over, verdict: "match" } as Match;
  const verdict: Verdict = { kind: "match", matches: [match], reasons: [], policyVersion: "test" };
  expect(isSurer(verdict, POLICY)).toBe(counts);
  expect(isSurer({ ...verdict, kind: "review" }, POLICY)).toBe(false);
});

test("the denser reading is judged by where it makes a match of it, and else the one before", async () => {
  const usual = readingAt(4);
  const denser = readingAt(12, usual);
  const steps = (span: [number, number]) => ({
    policy: POLICY,
    lookup: async (reading: Reading) => foundIn(reading, reading === usual ? [4_000, 5_000] : span),
  });
  const found = await judge(steps([2_000, 8_000]), denser);
  expect(found).toMatchObject({ reading: denser, verdict: { kind: "match" } });
  const stillShort = await judge(steps([4_000, 5_000]), denser);
  expect(stillShort).toMatchObject({ reading: usual, verdict: { kind: "review" } });
  const nothing = await judge(steps([0, 0]), denser);
  expect(nothing).toMatchObject({ reading: usual, verdict: { kind: "review" } });
});
