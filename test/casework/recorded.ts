import type { Pool } from "pg";
import { recordScan } from "../../src/casework/record.js";
import { addReference } from "../../src/hash-index/references.js";
import type { Match, Outcome, Reading, Registered, Submission, Verdict } from "../../src/model.js";
import { readingOf } from "../support/material.js";

export const settings = {
  toolVersion: "0.0.0-test",
  policy: { version: "test" },
  retentionDays: 30,
  takedownDeadlineHours: 24,
  takedownAttempts: 5,
};

let made = 0;

export const submissionOf = (over: Partial<Submission> = {}): Submission => ({
  id: `up-${++made}`,
  media: { url: `https://cdn.example/${made}.mp4` },
  platform: "videosite",
  pageUrl: `https://videosite.example/watch/${made}`,
  uploader: { id: "profile-1", url: "https://videosite.example/profile-1" },
  reportedAt: "2026-11-20T10:00:00Z",
  priority: 0,
  metadata: {},
  ...over,
});

export const matchOn = (reference: Registered, over: Partial<Match> = {}): Match => ({
  caseId: reference.caseId,
  algorithm: "test/1",
  reference,
  verdict: "match",
  confidence: 0.99,
  transform: { mirrored: true, rotatedDeg: 0, speed: 1, cropped: false },
  segments: [{ submissionFromMs: 0, submissionToMs: 4000, referenceFromMs: 1000, referenceToMs: 5000 }],
  framesAgreeing: 8,
  medianDistanceBits: 4,
  coverageOfReference: 0.4,
  coverageOfSubmission: 1,
  ...over,
});

/** Known material whose fingerprints are made up from the seed: the same seed is the same file. */
export const register = (pool: Pool, caseId: string, seed: number, label = `known ${seed}.mp4`): Promise<Registered> =>
  addReference(pool, { caseId, label, provenance: "own" }, readingOf(seed, 4), "test/1");

/** Records a submission as a scan that found these matches does; the strongest decides. */
export async function upload(
  pool: Pool,
  matches: Match[],
  over: Partial<Submission> & { receivedAt?: string; reading?: Reading; reasons?: string[] } = {},
): Promise<Outcome & { submission: Submission }> {
  const { receivedAt, reading = readingOf(9_000 + made, 4), reasons, ...rest } = over;
  const submission = submissionOf(rest);
  const kind = matches.some((m) => m.verdict === "match") ? "match" : matches.length > 0 ? "review" : "clear";
  const said = reasons ?? matches.map((m) => `known material "${m.reference.label}" of case ${m.caseId}`);
  const verdict: Verdict = { kind, matches, reasons: said, policyVersion: "test" };
  const outcome = await recordScan(pool, submission, settings, async () => ({ reading, verdict }));
  if (receivedAt) await pool.query("update submission set received_at = $2 where id = $1", [submission.id, receivedAt]);
  return { ...outcome, submission };
}

/** The rows of a query. */
export const rowsOf = async <Row>(pool: Pool, sql: string, values: unknown[] = []): Promise<Row[]> =>
  (await pool.query(sql, values)).rows;
