import { describe, expect, it } from "vitest";
import { LISTED } from "../../src/fingerprint/meta-pdq.js";
import type { Hit, MediaKind, ReferenceSummary } from "../../src/model.js";
import { decide } from "../../src/verdict/decide.js";
import { POLICY } from "../../src/verdict/policy.js";
import { queryOf, randomFrom, randomHash } from "../support/material.js";

const random = randomFrom(1);
const own = queryOf(randomHash(random), randomHash(random), 0, random);
const listed = { ...own, variant: LISTED, blockhash: new Uint8Array(0) };

/** The verdict on a still, given a hit of its own hash (query 0) or of Meta's (query 1) on one reference. */
function verdictOf(hit: Partial<Hit>, reference: Partial<ReferenceSummary> = { list: "NCMEC" }) {
  const kind: MediaKind = "image";
  const summary = { id: "r", caseId: "C", label: "l", kind, durationMs: 0, fingerprintCount: 1, ...reference };
  const found = {
    ...{
      query: 1,
      dihedral: "original" as const,
      referenceId: "r",
      referenceVariant: LISTED,
      referenceAtMs: 0,
      referenceUntilMs: 0,
    },
    ...{ pdqDistance: 0, ...hit },
  };
  return decide(
    { kind, durationMs: 0, fingerprints: [own], listed, patchSets: [], framesRead: 1, framesUnusable: 0 },
    { hits: [found], patchHits: [], moments: new Map(), references: new Map([["r", summary]]) },
    POLICY,
  );
}

describe("a hash of a list", () => {
  it.each([
    [0, "match"],
    [20, "match"],
    [21, "review"],
    [31, "review"],
  ])("at %i bits of a still's is %s, whichever of the still's hashes is so near", (pdqDistance, kind) => {
    expect(verdictOf({ pdqDistance }).kind).toBe(kind);
    expect(verdictOf({ pdqDistance, query: 0, dihedral: "flipy" }).kind).toBe(kind);
  });

  it("is no part of a picture", () => {
    expect(verdictOf({}).matches[0].transform.cropped).toBe(false);
  });
});

describe("Meta's hash of a still", () => {
  it("says nothing of material of our own, which our own hash finds", () => {
    expect(verdictOf({ referenceVariant: "full" }, {}).kind).toBe("clear");
    expect(verdictOf({ referenceVariant: "full", query: 0 }, {}).kind).toBe("match");
  });
});
