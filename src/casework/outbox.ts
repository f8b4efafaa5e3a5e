import { randomUUID } from "node:crypto";
import type { PoolClient } from "pg";
import type { Match, Submission, Verdict } from "../model.js";
import { OUTBOX_CHANNEL } from "../platform/channels.js";
import { currentTrace } from "../platform/tracing.js";

/** Queue `alerts`: what a person must see. */
export async function raiseAlert(
  tx: PoolClient,
  act: { submission: Submission; verdict: Verdict; verdictId: string; kind: string; numbers: Map<string, number> },
): Promise<void> {
  const alertId = randomUUID();
  const strongest = strongestOf(act.verdict.matches);
  const { rows } = await tx.query<{ createdAt: Date }>(
    `insert into alert (id, verdict_id, submission_id, kind, case_id, confidence, reupload_number)
     values ($1, $2, $3, $4, $5, $6, $7) returning created_at as "createdAt"`,
    [
      alertId,
      act.verdictId,
      act.submission.id,
      act.kind,
      strongest?.caseId ?? null,
      strongest?.confidence ?? 0,
      (strongest && act.numbers.get(strongest.caseId)) ?? 0,
    ],
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

/** What the list of alerts is sorted by: a sure match before an unsure one, then the more confident. */
export function strongestOf<M extends Pick<Match, "verdict" | "confidence">>(matches: M[]): M | undefined {
  const rank = (m: M) => (m.verdict === "match" ? 1 : 0) + m.confidence / 2;
  return matches.reduce<M | undefined>((best, m) => (best && rank(best) >= rank(m) ? best : m), undefined);
}

/** What a request for takedown says of how the upload was recognised. */
export type Evidence = Pick<Match, "caseId" | "algorithm" | "segments" | "medianDistanceBits" | "framesAgreeing">;

/**
 * Queue `takedowns`. One request a submission, however many references and cases recognise it; one that was withdrawn is made anew, with
 * the next attempt number. Returns the takedown's id, or undefined when one is under way or done.
 */
export async function requestTakedown(
  tx: PoolClient,
  act: {
    submission: Pick<Submission, "id" | "platform" | "pageUrl" | "media" | "uploader">;
    sha256: string | undefined;
    match: Evidence;
    reuploadNumber: number;
    policyVersion: string;
    toolVersion: string;
    actor: string;
    deadlineHours: number;
  },
): Promise<string | undefined> {
  const takedownId = randomUUID();
  const { rows } = await tx.query<{ id: string; attempt: number; request: object }>(
    `insert into takedown (id, submission_id, case_id, request, deadline_at)
     values ($1, $2, $3, $4, now() + make_interval(hours => $5))
     on conflict (submission_id) do update set state = 'queued', attempt = takedown.attempt + 1, case_id = excluded.case_id,
       request = excluded.request || jsonb_build_object('takedownId', takedown.id, 'attempt', takedown.attempt + 1),
       deadline_at = excluded.deadline_at, updated_at = now(), rechecks = 0, escalated_at = null
     where takedown.state = 'withdrawn'
     returning id, attempt, request`,
    [takedownId, act.submission.id, act.match.caseId, requestOf(takedownId, act), act.deadlineHours],
  );
  if (rows.length === 0) return undefined;
  const [{ id, attempt, request }] = rows;
  await tx.query("insert into takedown_event (takedown_id, attempt, state, actor) values ($1, $2, 'queued', $3)", [
    id,
    attempt,
    act.actor,
  ]);
  await enqueue(tx, "takedowns", "takedown", `takedown-${id}-${attempt}`, request);
  return id;
}

function requestOf(takedownId: string, act: Parameters<typeof requestTakedown>[1]): object {
  const { submission, match } = act;
  return {
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
      policyVersion: act.policyVersion,
      toolVersion: act.toolVersion,
    },
    attempt: 1,
  };
}

/** Writes a message for a queue; the relay delivers it after the commit. A job id is used once. */
export async function enqueue(tx: PoolClient, queue: string, name: string, jobId: string, payload: object): Promise<void> {
  await tx.query("insert into outbox (queue, name, job_id, payload, trace) values ($1, $2, $3, $4, $5)", [
    ...[queue, name, jobId, payload],
    currentTrace() ?? null,
  ]);
  await tx.query(`select pg_notify($1, '')`, [OUTBOX_CHANNEL]);
}
