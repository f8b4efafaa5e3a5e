import { expect, test } from "vitest";
import type { Agreement } from "../../src/verdict/agreement.js";
import { doubtOf, isPoorStill, type Shared } from "../../src/verdict/doubt.js";
import { POLICY } from "../../src/verdict/policy.js";

const moment = (over: Partial<Agreement> = {}): Agreement => ({
  ...{
    atMs: 4_500,
    untilMs: 4_500,
    referenceAtMs: 6_000,
    referenceUntilMs: 6_000,
    dihedral: "original",
    doubt: 1e-9,
    part: true,
  },
  ...{ share: 0.55, closeness: 0.16, placement: { x: 0, y: 0, size: 1, mirrored: false } },
  ...over,
});

test.each([
  ["parts that are in place but not near, as another face's are", [moment()], true],
  ["little of the picture", [moment({ closeness: 0.6, share: 0.4 })], true],
  ["near parts", [moment({ closeness: 0.19 })], false],
  ["the whole picture", [moment({ bits: 20, closeness: 1, share: 1 })], false],
  ["two moments", [moment(), moment({ atMs: 5_000 })], false],
])("one moment of a film is no more than a still that is found by its parts: %s", (_, seen, isPoor) => {
  expect(isPoorStill(seen, POLICY)).toBe(isPoor);
});

const quoted = (over: Partial<Shared> = {}): Shared => ({
  reference: { id: "r", caseId: "C-1", label: "a film of 3.3 s", kind: "video", durationMs: 3_300, fingerprintCount: 4 },
  ...{ coverageOfReference: 0.31, coverageOfSubmission: 0.03, toldShare: 0.31, evidence: 1, nearShare: 1, sharedMs: 1_000 },
  ...{ atOneEnd: false, ...over },
});

test.each([
  ["two of four that could be compared", quoted(), 2, "short"],
  ["two, and it is told to be half of the film, to its end", quoted({ toldShare: 0.52 }), 2, "short"],
  ["three", quoted(), 3, undefined],
  ["two, and it is told to be most of the submission", quoted({ toldShare: 0.9 }), 2, undefined],
])("a second of a short film in a longer one takes three agreeing half seconds to match: %s", (_, found, agreed, doubt) => {
  const closer = { agreements: [], tried: 4, agreed, whole: true, share: 0, together: false };
  const judged = { kind: "video" as const, durationMs: 30_000, patchSets: [], framesRead: 60, framesUnusable: 0 };
  const hashes = { pdq: new Uint8Array(32), blockhash: new Uint8Array(32) };
  const fingerprints = Array.from({ length: 60 }, (_, i) => {
    const atMs = 500 * i;
    return { algorithm: "a", variant: "full", atMs, untilMs: atMs, quality: 100, ...hashes };
  });
  const seen = [moment({ bits: 8 }), moment({ atMs: 5_000, bits: 8 })];
  expect(doubtOf(found, seen, { ...judged, fingerprints }, POLICY, closer)).toBe(doubt);
});
