import type { Db } from "../platform/database.js";
import type { AlertState } from "./alert-query.js";

/** The actor of what is done without a person. */
export const SERVICE = "service";

/** For so long whoever decided can take it back. */
export const UNDO_MINUTES = 10;

export type DecisionAct = "confirmed" | "dismissed" | "escalated";

/** What the history of an alert may say. */
export type EventAct = DecisionAct | "assigned" | "noted" | "undone" | "learned" | "not learned" | "takedown needs a person";

export interface AlertEvent {
  id: string;
  actor: string;
  act: EventAct;
  detail: Record<string, unknown>;
  at: Date;
}

/** A decision that stands, with what must be known to take it back. */
export type Decision = AlertEvent & { act: DecisionAct };

/** The history of an alert, oldest first. */
export async function eventsOf(db: Db, alertId: string): Promise<AlertEvent[]> {
  const { rows } = await db.query<AlertEvent>(
    `select id, actor, act, detail, created_at as at from alert_event where alert_id = $1 order by id`,
    [alertId],
  );
  return rows;
}

export async function addEvent(
  db: Db,
  alertId: string,
  event: { actor: string; act: EventAct; detail?: Record<string, unknown> },
): Promise<void> {
  await db.query("insert into alert_event (alert_id, actor, act, detail) values ($1, $2, $3, $4)", [
    alertId,
    event.actor,
    event.act,
    event.detail ?? {},
  ]);
}

const isDecision = (event: AlertEvent): event is Decision => ["confirmed", "dismissed", "escalated"].includes(event.act);

/** The decisions that nobody has taken back, oldest first: each "undone" takes away the last one before it. */
export function standingDecisions(events: AlertEvent[]): Decision[] {
  const standing: Decision[] = [];
  for (const event of events) {
    if (isDecision(event)) standing.push(event);
    else if (event.act === "undone") standing.pop();
  }
  return standing;
}

/** The state that the last standing decision leaves an alert in. */
export const stateAfter = (decision: Decision | undefined): AlertState => decision?.act ?? "open";

/** Until when the decision can be taken back by whoever made it; null when that time is over, or there is none. */
export function undoableUntil(decision: Decision | undefined, now = new Date()): Date | null {
  if (!decision) return null;
  const until = new Date(decision.at.getTime() + UNDO_MINUTES * 60_000);
  return until > now ? until : null;
}
