import { randomUUID } from "node:crypto";
import type { PoolClient } from "pg";
import type { Match, Submission, Verdict } from "../model.js";
import { OUTBOX_CHANNEL } from "../platform/channels.js";
import type { CaseworkSettings } from "./settings.js";

/** Queue `alerts`: what a person must see. */
export async function raiseAlert(
  tx: PoolClient,
  act: { submission: Submission; verdict: Verdict; verdictId: string; kind: string; numbers: Map<string, number> },
): Promise<void> {
  const alertId = randomUUID();
  const { rows } = await tx.query<{ createdAt: Date }>(
    `insert into alert (id, verdict_id, submission_id, kind) values ($1, $2, $3, $4) returning created_at as "createdAt"`,
    [alertId, act.verdictId, act.submission.id, act.kind],
  );
  await enqueue(tx, "alerts", "alert", `alert-${alertId}`, {
    alertId,
    kind: act.kind,
    submissionId: act.submission.id,
    cases: [...new Set(act.verdict.matches.map((m) => m.caseId))],
    verdict: act.verdict.kind,
    reasons: act.verdict.reasons,
    reuploadNumber: Math.max(0, ...act.numbers.values()) || null,
    createdAt: rows[0].createdAt.toISOString(),
  });
}

/** Queue `takedowns`. One request a submission, however many references and cases recognise it. */
export async function requestTakedown(
  tx: PoolClient,
  act: {
    submission: Submission;
    verdict: Verdict;
    sha256: string | undefined;
    match: Match;
    reuploadNumber: number;
    settings: CaseworkSettings;
  },
): Promise<void> {
  const { submission, match, settings } = act;
  const takedownId = randomUUID();
  const request = {
    takedownId,
    submissionId: submission.id,
    case: match.caseId,
    platform: submission.platform ?? null,
    pageUrl: submission.pageUrl ?? null,
    mediaUrl: "url" in submission.media ? submission.media.url : null,
    uploader: submission.uploader ?? null,
    reuploadNumber: act.reuploadNumber,
    evidence: {
      sha256: act.sha256 ?? null,
      algorithm: match.algorithm,
      spans: match.segments,
      distances: { medianBits: match.medianDistanceBits, framesAgreeing: match.framesAgreeing },
      policyVersion: act.verdict.policyVersion,
      toolVersion: settings.toolVersion,
    },
    attempt: 1,
  };
  const { rowCount } = await tx.query(
    `insert into takedown (id, submission_id, case_id, request, deadline_at)
     values ($1, $2, $3, $4, now() + make_interval(hours => $5)) on conflict (submission_id) do nothing`,
    [takedownId, submission.id, match.caseId, request, settings.takedownDeadlineHours],
  );
  if (rowCount === 1) await enqueue(tx, "takedowns", "takedown", `takedown-${takedownId}-1`, request);
}

async function enqueue(tx: PoolClient, queue: string, name: string, jobId: string, payload: object): Promise<void> {
  await tx.query("insert into outbox (queue, name, job_id, payload) values ($1, $2, $3, $4)", [queue, name, jobId, payload]);
  await tx.query(`select pg_notify($1, '')`, [OUTBOX_CHANNEL]);
}
