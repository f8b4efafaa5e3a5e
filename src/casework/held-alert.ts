import type { PoolClient } from "pg";
import type { Segment } from "../model.js";
import { isUuid } from "../platform/uuid.js";
import type { AlertState } from "./alert-query.js";
import { type AlertEvent, type Decision, eventsOf, standingDecisions, stateAfter } from "./history.js";

/** An alert that is locked, with its submission, until the end of the transaction. */
export interface HeldAlert {
  id: string;
  state: AlertState;
  submissionId: string;
  /** Hexadecimal, of the media; null when it could not be read. */
  sha256: string | null;
  assignedTo: string | null;
  events: AlertEvent[];
  /** Decisions that nobody took back, oldest first. */
  standing: Decision[];
  /** By the clock of the database. */
  now: Date;
}

/** Locks the submission first, as a look-back does, and then the alert. Undefined when there is no such alert. */
export async function holdAlert(tx: PoolClient, id: string): Promise<HeldAlert | undefined> {
  if (!isUuid(id)) return undefined;
  await tx.query("select 1 from submission where id = (select submission_id from alert where id = $1) for no key update", [id]);
  const { rows } = await tx.query<Omit<HeldAlert, "events" | "standing">>(
    `select a.id, a.state, a.submission_id as "submissionId", encode(s.media_sha256, 'hex') as sha256, a.assigned_to as "assignedTo",
            clock_timestamp() as now
     from alert a join submission s on s.id = a.submission_id
     where a.id = $1 for no key update of a`,
    [id],
  );
  if (rows.length === 0) return undefined;
  const events = await eventsOf(tx, id);
  return { ...rows[0], events, standing: standingDecisions(events) };
}

/** Makes the alert what its last standing decision says, and returns that state. */
export async function settle(tx: PoolClient, alert: HeldAlert, standing: Decision | undefined): Promise<AlertState> {
  const state = stateAfter(standing);
  const { reason } = (standing?.detail ?? {}) as { reason?: string };
  await tx.query("update alert set state = $2, decided_at = $3, decided_by = $4, reason = $5 where id = $1", [
    alert.id,
    state,
    standing?.at ?? null,
    standing?.actor ?? null,
    reason ?? null,
  ]);
  return state;
}

export interface AlertEvidence {
  caseId: string;
  referenceId: string;
  verdict: "match" | "review";
  confidence: number;
  algorithm: string;
  segments: Segment[];
  framesAgreeing: number;
  medianDistanceBits: number | null;
  policyVersion: string;
  toolVersion: string;
}

/** What the alert's verdict found, surest first. */
export async function evidenceOf(tx: PoolClient, alertId: string): Promise<AlertEvidence[]> {
  const { rows } = await tx.query<AlertEvidence>(
    `select m.case_id as "caseId", m.reference_id as "referenceId", m.verdict, m.confidence, r.algorithm, m.segments,
            m.frames_agreeing as "framesAgreeing", m.median_distance_bits as "medianDistanceBits",
            v.policy_version as "policyVersion", v.tool_version as "toolVersion"
     from alert a
     join verdict v on v.id = a.verdict_id
     join match m on m.verdict_id = v.id
     join reference r on r.id = m.reference_id
     where a.id = $1
     order by m.verdict = 'match' desc, m.confidence desc, m.frames_agreeing desc, m.id`,
    [alertId],
  );
  return rows;
}

/** Other alerts of the submission that stand for an upload of known material: sure ones nobody dismissed, and confirmed ones. */
const OTHERS = `
  from alert o join match m on m.verdict_id = o.verdict_id
  where o.submission_id = $1 and o.id <> $2
    and (o.state in ('confirmed', 'escalated') or (o.state = 'open' and m.verdict = 'match'))`;

/** Whether the submission's takedown is asked for by another alert as well. */
export async function isSupportedByOthers(tx: PoolClient, alert: HeldAlert): Promise<boolean> {
  const { rows } = await tx.query(`select 1 ${OTHERS} limit 1`, [alert.submissionId, alert.id]);
  return rows.length > 0;
}

export interface Uncounted {
  caseId: string;
  number: number;
}

/** Takes the upload out of the count of these cases, except where another alert counts it; returns the numbers it had. */
export async function uncount(tx: PoolClient, alert: HeldAlert, caseIds: string[]): Promise<Uncounted[]> {
  const { rows } = await tx.query<Uncounted>(
    `delete from reupload r
     where r.submission_id = $1 and r.case_id = any($3::text[]) and not exists (select ${OTHERS} and m.case_id = r.case_id)
     returning r.case_id as "caseId", r.number`,
    [alert.submissionId, alert.id, caseIds],
  );
  return rows;
}
