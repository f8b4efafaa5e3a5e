import type { PoolClient } from "pg";
import { addEvent, SERVICE } from "./history.js";
import { enqueue } from "./outbox.js";
import type { CaseworkSettings } from "./settings.js";
import type { TakedownState } from "./takedowns.js";

/** A takedown whose row is locked. */
export interface HeldTakedown {
  id: string;
  submissionId: string;
  caseId: string;
  state: TakedownState;
  attempt: number;
  /** When its media is looked for again; null when it is not. */
  recheckAt: Date | null;
}

const HELD = `id, submission_id as "submissionId", case_id as "caseId", state, attempt, recheck_at as "recheckAt"`;

/** Locks a takedown until the end of the transaction; undefined when there is none. */
export async function holdTakedown(
  tx: PoolClient,
  by: { id: string } | { submissionId: string },
): Promise<HeldTakedown | undefined> {
  const [column, key] = "id" in by ? ["id", by.id] : ["submission_id", by.submissionId];
  const { rows } = await tx.query<HeldTakedown>(`select ${HELD} from takedown where ${column} = $1 for no key update`, [key]);
  return rows[0];
}

/** Locks up to `limit` takedowns that `condition` holds for and nobody else has locked. */
export async function holdSome(tx: PoolClient, condition: string, order: string, limit: number): Promise<HeldTakedown[]> {
  const { rows } = await tx.query<HeldTakedown>(
    `select ${HELD} from takedown where ${condition} order by ${order} limit $1 for no key update skip locked`,
    [limit],
  );
  return rows;
}

/** A line in the history of a takedown. */
export async function noteTakedown(
  tx: PoolClient,
  takedown: { id: string; attempt: number; state: TakedownState },
  actor: string,
  detail: string,
): Promise<void> {
  await tx.query("insert into takedown_event (takedown_id, attempt, state, actor, detail) values ($1, $2, $3, $4, $5)", [
    takedown.id,
    takedown.attempt,
    takedown.state,
    actor,
    detail,
  ]);
}

/** Asks again: the next attempt goes to queue `takedowns`, with a new deadline. The row must be locked. */
export async function queueAgain(
  tx: PoolClient,
  takedown: HeldTakedown,
  why: { actor: string; detail: string },
  settings: Pick<CaseworkSettings, "takedownDeadlineHours">,
): Promise<number> {
  const attempt = takedown.attempt + 1;
  const { rows } = await tx.query<{ request: object }>(
    `update takedown set state = 'queued', attempt = $2, request = jsonb_set(request, '{attempt}', to_jsonb($2::int)), updated_at = now(),
       deadline_at = now() + make_interval(hours => $3), recheck_at = null, rechecks = 0, escalated_at = null
     where id = $1 returning request`,
    [takedown.id, attempt, settings.takedownDeadlineHours],
  );
  await noteTakedown(tx, { id: takedown.id, attempt, state: "queued" }, why.actor, why.detail);
  await enqueue(tx, "takedowns", "takedown", `takedown-${takedown.id}-${attempt}`, rows[0].request);
  return attempt;
}

const UNFINISHED: readonly TakedownState[] = ["queued", "sent", "acknowledged"];

/**
 * Tells whoever works on a takedown to stop, when it is not finished. A finished one stays as it is, but is not looked for any more.
 * True when it was withdrawn. The row must be locked.
 */
export async function withdrawTakedown(
  tx: PoolClient,
  takedown: HeldTakedown,
  why: { actor: string; reason: string },
): Promise<boolean> {
  if (!UNFINISHED.includes(takedown.state)) {
    await tx.query("update takedown set recheck_at = null where id = $1", [takedown.id]);
    return false;
  }
  await tx.query("update takedown set state = 'withdrawn', updated_at = now(), recheck_at = null where id = $1", [takedown.id]);
  await noteTakedown(tx, { ...takedown, state: "withdrawn" }, why.actor, why.reason);
  await enqueue(tx, "takedowns", "withdraw", `takedown-${takedown.id}-${takedown.attempt}-withdraw`, {
    takedownId: takedown.id,
    withdrawn: true,
    reason: why.reason,
  });
  return true;
}

/** The program cannot go on with this takedown: its alert says so, and a message goes to queue `alerts`. The row must be locked. */
export async function callAPerson(tx: PoolClient, takedown: HeldTakedown, why: string): Promise<void> {
  await tx.query("update takedown set escalated_at = now() where id = $1", [takedown.id]);
  const { rows } = await tx.query<{ id: string; reuploadNumber: number; createdAt: Date }>(
    `select id, reupload_number as "reuploadNumber", created_at as "createdAt" from alert
     where submission_id = $1 order by state = 'dismissed', case_id = $2 desc, seq desc limit 1`,
    [takedown.submissionId, takedown.caseId],
  );
  if (rows.length === 0) return;
  const [alert] = rows;
  await addEvent(tx, alert.id, {
    actor: SERVICE,
    act: "takedown needs a person",
    detail: { takedownId: takedown.id, attempt: takedown.attempt, why },
  });
  await enqueue(tx, "alerts", "alert", `alert-${alert.id}-takedown-${takedown.attempt}`, {
    alertId: alert.id,
    kind: "takedown",
    submissionId: takedown.submissionId,
    cases: [takedown.caseId],
    verdict: "match",
    reasons: [`the takedown needs a person: ${why}`],
    reuploadNumber: alert.reuploadNumber || null,
    takedownId: takedown.id,
    createdAt: alert.createdAt.toISOString(),
  });
}
