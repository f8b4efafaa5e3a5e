import { expect, test } from "vitest";
import { pairFrame } from "../../src/bench/quality/mass-innocents.js";
import { ourDetector } from "../../src/bench/quality/our-detector.js";
import { cropFrame } from "../../src/fingerprint/borders.js";
import { PATCH_ALGORITHM, patchesOf } from "../../src/fingerprint/patches.js";
import type { Frame, PatchSet } from "../../src/model.js";
import { POLICY, type Policy } from "../../src/verdict/policy.js";
import { verdictByParts } from "./by-parts.js";

/** Drawn portraits, each with its own face, hair, light and wall; all have eyes, a mouth and an outline where faces have them. */
const KNOWN = [209, 197, 287, 389, 311, 347, 395, 47, 425, 455].map((n) => pairFrame(n, 0, []));
const OTHERS = [11, 17].map((n) => pairFrame(n, 1, []));

test("one face is not another, though its eyes and outline are where a known one has them; part of a known one is", async () => {
  for (const known of KNOWN) {
    const detector = await ourDetector();
    await detector.registerFrames!("known face", [known], "image");
    for (const other of OTHERS) expect((await detector.checkFrames!([other], "image")).flagged).not.toBe("match");
    const part = cropFrame(known, { x: 20, y: 12, width: known.width - 40, height: known.height - 30 });
    expect(await detector.checkFrames!([part], "image")).toMatchObject({ flagged: "match", caseIds: ["known face"] });
    await detector.close?.();
  }
});

const setOf = (frame: Frame): PatchSet => ({ algorithm: PATCH_ALGORITHM, atMs: 0, untilMs: 0, ...patchesOf(frame, 96) });

const verdictOn = (still: Frame, known: Frame, policy: Policy) => verdictByParts([setOf(still)], [setOf(known)], policy);

test("what may be chance is shown to a person only when it is near; otherwise it is told to who asks that it only resembles", async () => {
  const weak = { ...POLICY, matchConfidence: 1.1 };
  const anyhow = await verdictOn(OTHERS[0], KNOWN[0], { ...weak, weakCloseness: 0 });
  expect(anyhow).toMatchObject({ kind: "review", matches: [{ caseId: "C-1" }] });
  expect(anyhow.reasons[0]).toMatch(/because it may be chance$/);
  const far = await verdictOn(OTHERS[0], KNOWN[0], weak);
  expect(far).toMatchObject({ kind: "clear", matches: [] });
  expect(far.nearestMiss).toMatch(/^nearest: known material "face.jpg" of case C-1, evidence .*; it only resembles it$/);
  expect(await verdictOn(KNOWN[0], KNOWN[0], weak)).toMatchObject({ kind: "review", matches: [{ caseId: "C-1" }] });
});
