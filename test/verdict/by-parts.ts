import { keptPatchSets } from "../../src/fingerprint/kept.js";
import { byMoment, knownPatches, searchPatches } from "../../src/fingerprint/patch-hits.js";
import type { PatchSet, Verdict } from "../../src/model.js";
import { decide } from "../../src/verdict/decide.js";
import { POLICY, type Policy } from "../../src/verdict/policy.js";

/** The verdict on a still, by its parts alone, while one still is known: of case C-1, labelled "face.jpg". */
export async function verdictByParts(patchSets: PatchSet[], knownSets: PatchSet[], policy: Policy = POLICY): Promise<Verdict> {
  const known = knownPatches("r1", keptPatchSets(knownSets, "image"));
  const patchHits = await searchPatches(patchSets, async () => known);
  const reference = { id: "r1", caseId: "C-1", label: "face.jpg", kind: "image" as const, durationMs: 0, fingerprintCount: 1 };
  const judged = { kind: "image" as const, durationMs: 0, fingerprints: [], patchSets, framesRead: 1, framesUnusable: 0 };
  return decide(judged, { hits: [], patchHits, moments: byMoment(known), references: new Map([["r1", reference]]) }, policy);
}
