import type { Pool } from "pg";
import { UsageError } from "../errors.js";
import { audit } from "../platform/audit.js";
import { transaction } from "../platform/database.js";
import { isUuid } from "../platform/uuid.js";
import type { CaseworkSettings } from "./settings.js";
import { callAPerson, type HeldTakedown, holdTakedown, noteTakedown, queueAgain } from "./takedown-life.js";
import type { TakedownState } from "./takedowns.js";

export const REPORTED_STATES = ["sent", "acknowledged", "removed", "rejected"] as const;
export type ReportedState = (typeof REPORTED_STATES)[number];

export interface TakedownReport {
  takedownId: string;
  state: ReportedState;
  /** Which attempt it is about; the current one when left out. */
  attempt?: number;
  /** What the platform said, for a person: up to 2,000 characters are kept. */
  detail?: string;
}

/**
 * What became of a report: `applied`; `repeated`, because it says what is known; `noted` in the history only, because a later attempt is
 * under way; or `refused`, with the field that is wrong and a sentence. `unknown` says that there is no such takedown.
 */
export type Reported =
  | { outcome: "applied" | "repeated" | "noted"; state: TakedownState }
  | { outcome: "refused"; field: "takedownId" | "state" | "attempt"; why: string; unknown: boolean };

/**
 * From which states a report leads to which. A platform may remove late what it rejected, or what we gave up on; nothing leads back, and
 * what was withdrawn is over.
 */
const LEADS_TO: Record<TakedownState, readonly ReportedState[]> = {
  queued: ["sent", "acknowledged", "removed", "rejected"],
  sent: ["acknowledged", "removed", "rejected"],
  acknowledged: ["removed", "rejected"],
  rejected: ["removed"],
  expired: ["acknowledged", "removed", "rejected"],
  removed: [],
  withdrawn: [],
};

/** How long after the removal, and after each look, the media is looked for again. Re-uploads under the same address come within days. */
export const RECHECK_HOURS = [1, 24, 7 * 24, 30 * 24];

const MAX_DETAIL = 2_000;

/** Records what a platform, or whoever sends the requests, reports of a takedown. */
export async function reportTakedown(pool: Pool, report: TakedownReport, actor: string): Promise<Reported> {
  return transaction(pool, async (tx): Promise<Reported> => {
    const takedown = isUuid(report.takedownId) ? await holdTakedown(tx, { id: report.takedownId }) : undefined;
    if (!takedown) return refused("takedownId", "there is no takedown with this id", true);
    const attempt = report.attempt ?? takedown.attempt;
    if (!Number.isInteger(attempt) || attempt < 1) return refused("attempt", "must be a whole number from 1");
    if (attempt > takedown.attempt) return refused("attempt", `${attempt} was not made yet: the last one is ${takedown.attempt}`);
    const detail = storable(report.detail ?? "").slice(0, MAX_DETAIL);
    const event = { id: takedown.id, attempt, state: report.state };
    if (attempt < takedown.attempt) {
      await noteTakedown(tx, event, actor, detail);
      return { outcome: "noted", state: takedown.state };
    }
    if (takedown.state === report.state) return { outcome: "repeated", state: takedown.state };
    if (!LEADS_TO[takedown.state].includes(report.state)) return refused("state", whyNot(takedown, report.state));
    await apply(tx, takedown, report.state);
    await noteTakedown(tx, event, actor, detail);
    if (report.state === "rejected")
      await callAPerson(tx, takedown, `the platform rejected it${detail ? `: ${detail.slice(0, 200)}` : ""}`);
    await audit(tx, {
      actor,
      act: "takedown reported",
      subject: `takedown:${takedown.id}`,
      detail: { attempt, from: takedown.state, state: report.state },
    });
    return { outcome: "applied", state: report.state };
  });
}

const refused = (field: "takedownId" | "state" | "attempt", why: string, unknown = false): Reported => ({
  outcome: "refused",
  field,
  why,
  unknown,
});

const storable = (text: string): string => Buffer.from(text.replaceAll("\0", "")).toString();

function whyNot(takedown: HeldTakedown, state: ReportedState): string {
  const may = LEADS_TO[takedown.state];
  if (takedown.state === "withdrawn")
    return `cannot become ${state}: the takedown was withdrawn, because its alert was dismissed or its confirmation undone`;
  if (may.length === 0)
    return `cannot become ${state}: the takedown is ${takedown.state}, which is final for attempt ${takedown.attempt}`;
  return `cannot become ${state}: the takedown is ${takedown.state} already, and can only become ${may.join(" or ")}`;
}

async function apply(tx: Parameters<typeof holdTakedown>[0], takedown: HeldTakedown, state: ReportedState): Promise<void> {
  const recheckHours = state === "removed" ? RECHECK_HOURS[0] : null;
  await tx.query(
    `update takedown set state = $2, updated_at = now(), recheck_at = now() + make_interval(hours => $3), rechecks = 0,
       escalated_at = case when $2 in ('removed', 'acknowledged') then null else escalated_at end
     where id = $1`,
    [takedown.id, state, recheckHours],
  );
}

/**
 * A person asks again, whatever the program thinks of it. Returns the number of the new attempt.
 *
 * @throws UsageError when there is no such takedown, it was withdrawn, or an attempt waits to be sent.
 */
export async function requeueTakedown(
  pool: Pool,
  id: string,
  actor: string,
  settings: Pick<CaseworkSettings, "takedownDeadlineHours">,
): Promise<number> {
  return transaction(pool, async (tx) => {
    const takedown = isUuid(id) ? await holdTakedown(tx, { id }) : undefined;
    if (!takedown) throw new UsageError("takedownId: there is no takedown with this id");
    if (takedown.state === "withdrawn")
      throw new UsageError("takedownId: it was withdrawn; confirm its alert, or undo the dismissal, to ask for it again");
    if (takedown.state === "queued")
      throw new UsageError(
        `takedownId: attempt ${takedown.attempt} is queued and was not reported sent yet; there is nothing to repeat`,
      );
    const attempt = await queueAgain(tx, takedown, { actor, detail: "asked for again by a person" }, settings);
    await audit(tx, {
      actor,
      act: "takedown requeued",
      subject: `takedown:${id}`,
      detail: { attempt, from: takedown.state },
    });
    return attempt;
  });
}
