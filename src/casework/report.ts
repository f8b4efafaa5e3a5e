import type { Outcome, VerdictKind } from "../model.js";
import type { Db } from "../platform/database.js";
import { outcomeOf } from "./record.js";

export interface SubmissionReport extends Omit<Outcome, "repeated"> {
  verdicts: { origin: "scan" | "look-back"; kind: VerdictKind; reasons: string[]; policyVersion: string; createdAt: Date }[];
  alerts: { id: string; kind: string; state: string; createdAt: Date }[];
  takedown?: { id: string; state: string; attempt: number; deadlineAt: Date };
}

/** All that is recorded of a submission, or undefined when nothing is. */
export async function submissionReport(db: Db, submissionId: string): Promise<SubmissionReport | undefined> {
  const { rowCount } = await db.query("select 1 from submission where id = $1", [submissionId]);
  if (rowCount === 0) return undefined;
  const { repeated: _, ...outcome } = await outcomeOf(db, submissionId);
  const verdicts = await db.query<SubmissionReport["verdicts"][number]>(
    `select origin, kind, reasons, policy_version as "policyVersion", created_at as "createdAt"
     from verdict where submission_id = $1 order by created_at`,
    [submissionId],
  );
  const alerts = await db.query<SubmissionReport["alerts"][number]>(
    `select id, kind, state, created_at as "createdAt" from alert where submission_id = $1 order by seq`,
    [submissionId],
  );
  const takedowns = await db.query<NonNullable<SubmissionReport["takedown"]>>(
    `select id, state, attempt, deadline_at as "deadlineAt" from takedown where submission_id = $1`,
    [submissionId],
  );
  return { ...outcome, verdicts: verdicts.rows, alerts: alerts.rows, takedown: takedowns.rows[0] };
}

export interface Totals {
  cases: number;
  references: number;
  fingerprints: number;
  verdicts: Partial<Record<VerdictKind, number>>;
  takedowns: Record<string, number>;
  openAlerts: number;
  outboxWaiting: number;
  parked: number;
}

/** The counts an operator looks at first. */
export async function totals(db: Db): Promise<Totals> {
  const { rows } = await db.query<Totals>(
    `select (select count(*)::int from "case") as cases,
            (select count(*)::int from reference where retired_at is null) as references,
            (select count(*)::int from reference_fingerprint f join reference r on r.id = f.reference_id where r.retired_at is null) as fingerprints,
            (select coalesce(jsonb_object_agg(kind, n), '{}') from (select kind, count(*) as n from verdict where origin = 'scan' group by kind) v) as verdicts,
            (select coalesce(jsonb_object_agg(state, n), '{}') from (select state, count(*) as n from takedown group by state) t) as takedowns,
            (select count(*)::int from alert where state = 'open') as "openAlerts",
            (select count(*)::int from outbox where delivered_at is null) as "outboxWaiting",
            (select count(*)::int from parked_job) as parked`,
  );
  return rows[0];
}
