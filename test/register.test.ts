import { expect, test } from "vitest";
import type { PastSubmission } from "../src/model.js";
import { lookBack, type RegisterSteps } from "../src/register.js";
import { POLICY } from "../src/verdict/policy.js";
import { readingOf } from "./support/material.js";

const FRAMES = 400;
const reading = readingOf(1, FRAMES);
const reference = {
  id: "R",
  caseId: "C",
  label: "known.mp4",
  kind: "video",
  durationMs: 500 * FRAMES,
  fingerprintCount: FRAMES,
} as const;
const known = { fingerprints: reading.fingerprints, patches: [] };
const { signal } = new AbortController();

const pastOf = (id: string, fingerprints: PastSubmission["fingerprints"]): PastSubmission => ({
  submission: { id, media: { path: "/x" }, priority: 0, metadata: {} },
  kind: "video",
  durationMs: 500 * FRAMES,
  fingerprints,
  patchSets: [],
});

/** Steps over these submissions that remember what was recorded, and how often work was interrupted. */
function stepsFor(submissions: PastSubmission[]) {
  const recorded: [string, { segments: unknown }][] = [];
  let rests = 0;
  const steps: Parameters<typeof lookBack>[0] = {
    async *past() {
      yield* submissions;
    },
    recordLookBack: async (past, verdict) => {
      recorded.push([past.submission.id, verdict.matches[0]]);
      return true;
    },
    lookedBack: async () => {},
    rest: async () => void rests++,
    policy: POLICY,
  } satisfies Partial<RegisterSteps>;
  return { steps, recorded, rests: () => rests };
}

test("a long look-back lets others have their turn between pictures, and finds the same as in one go", async () => {
  const innocent = pastOf("innocent", readingOf(2, FRAMES).fingerprints);
  const { steps, recorded, rests } = stepsFor([innocent, pastOf("upload", reading.fingerprints)]);
  expect(await lookBack(steps, reference, known, signal)).toBe(1);
  // 400 pictures against 400 known ones in eight views: 1.3 million pairs each.
  expect(rests()).toBeGreaterThan(20);
  const whole = { submissionFromMs: 0, submissionToMs: 200_000, referenceFromMs: 0, referenceToMs: 200_000 };
  expect(recorded).toEqual([["upload", expect.objectContaining({ framesAgreeing: FRAMES, segments: [whole] })]]);
});

test("it stops between submissions when the process must end, and is not marked as done", async () => {
  const stopping = new AbortController();
  const { steps, recorded } = stepsFor([pastOf("a", reading.fingerprints), pastOf("b", reading.fingerprints)]);
  const done: string[] = [];
  const over: Partial<RegisterSteps> = {
    recordLookBack: async (past, ...about) => {
      stopping.abort(new Error("the process must end"));
      return steps.recordLookBack(past, ...about);
    },
    lookedBack: async (id) => void done.push(id),
  };
  await expect(lookBack({ ...steps, ...over }, reference, known, stopping.signal)).rejects.toThrow("the process must end");
  expect(recorded.map(([id]) => id)).toEqual(["a"]);
  expect(done).toEqual([]);
});
