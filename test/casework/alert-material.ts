import { randomUUID } from "node:crypto";
import type { Pool } from "pg";
import { recordLookBack } from "../../src/casework/look-back.js";
import { type Judgement, recordScan } from "../../src/casework/record.js";
import { addReference } from "../../src/hash-index/references.js";
import type {
  Match,
  NewReference,
  Outcome,
  Reading,
  ReferenceSummary,
  Registered,
  Submission,
  Verdict,
} from "../../src/model.js";
import { readingOf } from "../support/material.js";

export const settings = {
  toolVersion: "0.0.0-test",
  policy: { version: "test" },
  retentionDays: 30,
  takedownDeadlineHours: 24,
  takedownAttempts: 3,
};

let made = 0;
/** A number that no other test of this process has. */
export const fresh = (): number => ++made;

export const submissionOf = (over: Partial<Submission> = {}): Submission => ({
  id: `s-${fresh()}`,
  media: { url: `https://cdn.example/${made}.mp4` },
  platform: "videosite",
  pageUrl: `https://videosite.example/watch/${made}`,
  uploader: { id: "profile-1", url: "https://videosite.example/profile-1" },
  priority: 0,
  metadata: {},
  ...over,
});

export const matchOn = (reference: ReferenceSummary, over: Partial<Match> = {}): Match => ({
  caseId: reference.caseId,
  algorithm: "test/1",
  reference,
  verdict: "match",
  confidence: 0.99,
  transform: { mirrored: false, rotatedDeg: 0, speed: 1, cropped: false },
  segments: [{ submissionFromMs: 0, submissionToMs: 2000, referenceFromMs: 0, referenceToMs: 2000 }],
  framesAgreeing: 4,
  medianDistanceBits: 4,
  coverageOfReference: 1,
  coverageOfSubmission: 1,
  ...over,
});

export const verdictOf = (matches: Match[]): Verdict => ({
  kind: matches.length === 0 ? "clear" : matches.some((m) => m.verdict === "match") ? "match" : "review",
  matches,
  reasons: ["because"],
  policyVersion: "test",
});

export const addKnown = (
  pool: Pool,
  caseId: string,
  reading: Reading = readingOf(10_000 + fresh(), 4),
  over: Partial<NewReference> = {},
): Promise<Registered> =>
  addReference(pool, { caseId, label: "known.mp4", provenance: "own", ...over }, reading, reading.fingerprints[0].algorithm);

/** Records a scan that found `matches`, as the worker would. */
export const scanned = (
  pool: Pool,
  matches: Match[],
  over: { submission?: Submission; reading?: Reading } = {},
): Promise<Outcome> =>
  recordScan(
    pool,
    over.submission ?? submissionOf(),
    settings,
    async (): Promise<Judgement> => ({ reading: over.reading ?? readingOf(50_000 + fresh(), 4), verdict: verdictOf(matches) }),
  );

/** An alert of this kind, with its submission, in a case of its own. */
export async function raised(
  pool: Pool,
  verdict: Match["verdict"] = "match",
  over: { caseId?: string; submission?: Submission; reading?: Reading; match?: Partial<Match> } = {},
): Promise<{ alertId: string; submission: Submission; reading: Reading; reference: Registered; takedownId?: string }> {
  const submission = over.submission ?? submissionOf();
  const reading = over.reading ?? readingOf(50_000 + fresh(), 4);
  const reference = await addKnown(pool, over.caseId ?? `C-${fresh()}`);
  const { alertId, takedownId } = await scanned(pool, [matchOn(reference, { verdict, ...over.match })], { submission, reading });
  return { alertId: alertId!, submission, reading, reference, takedownId };
}

export const lookedBack = (pool: Pool, submission: Submission, reading: Reading, matches: Match[]): Promise<boolean> =>
  recordLookBack(
    pool,
    { submission, sha256: reading.sha256, kind: reading.kind, durationMs: reading.durationMs, fingerprints: [], patchSets: [] },
    verdictOf(matches),
    matches[0].reference,
    settings,
  );

export async function addAccount(pool: Pool, name: string, role: "viewer" | "caseworker" | "admin"): Promise<string> {
  const id = randomUUID();
  await pool.query("insert into account (id, name, role) values ($1, $2, $3)", [id, name, role]);
  return id;
}

/** Messages about a submission or its takedown, in the order in which they are delivered. */
export async function messagesOf(pool: Pool, submissionId: string): Promise<{ queue: string; name: string; attempt?: number }[]> {
  const { rows } = await pool.query<{ queue: string; name: string; payload: { attempt?: number } }>(
    `select queue, name, payload from outbox
     where payload->>'submissionId' = $1 or payload->>'takedownId' = (select id::text from takedown where submission_id = $1)
     order by id`,
    [submissionId],
  );
  return rows.map(({ queue, name, payload }) => ({ queue, name, attempt: payload.attempt }));
}

/** How many uploads a case counts. */
export async function uploadsOf(pool: Pool, caseId: string): Promise<number> {
  const { rows } = await pool.query<{ n: number }>("select count(*)::int as n from reupload where case_id = $1", [caseId]);
  return rows[0].n;
}
