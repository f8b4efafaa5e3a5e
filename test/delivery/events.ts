import type { Pool } from "pg";
import { recordScan } from "../../src/casework/record.js";
import { addReference } from "../../src/hash-index/references.js";
import type { Outcome, ReferenceSummary } from "../../src/model.js";
import { readingOf } from "../support/material.js";

type Settings = Parameters<typeof recordScan>[2];
const settings = {
  toolVersion: "0.0.0-test",
  policy: { version: "test" },
  retentionDays: 30,
  takedownDeadlineHours: 24,
  takedownAttempts: 5,
} as Settings;

let made = 0;

export const knownMaterial = (pool: Pool, caseId: string): Promise<ReferenceSummary> =>
  addReference(pool, { caseId, label: "known.mp4", provenance: "own" }, readingOf(7_000 + ++made, 4), "test/1");

/** A re-upload as a scan records it, with an alert, a takedown and a number in the case. */
export async function reupload(
  pool: Pool,
  reference: ReferenceSummary,
  over: { id?: string; settings?: Partial<Settings> } = {},
): Promise<Outcome> {
  const submission = {
    id: over.id ?? `n-${++made}`,
    media: { url: "https://cdn.example/secret-media.mp4" },
    platform: "videosite",
    pageUrl: "https://videosite.example/secret-page",
    uploader: { id: "secret-profile" },
    priority: 0,
    metadata: {},
  };
  const reading = readingOf(8_000 + ++made, 4);
  const match = {
    caseId: reference.caseId,
    algorithm: "test/1",
    reference,
    verdict: "match" as const,
    confidence: 0.998,
    transform: { mirrored: false, rotatedDeg: 0 as const, speed: 1, cropped: false },
    segments: [{ submissionFromMs: 0, submissionToMs: 2000, referenceFromMs: 0, referenceToMs: 2000 }],
    framesAgreeing: 4,
    medianDistanceBits: 4,
    coverageOfReference: 1,
    coverageOfSubmission: 1,
  };
  return recordScan(pool, submission, { ...settings, ...over.settings }, async () => ({
    reading,
    verdict: { kind: "match", matches: [match], reasons: ["because"], policyVersion: "test" },
  }));
}
