import type { Pool, PoolClient } from "pg";
import { UsageError } from "../errors.js";
import { audit } from "../platform/audit.js";
import { transaction } from "../platform/database.js";
import { isUuid } from "../platform/uuid.js";
import { confirm, unconfirm } from "./confirm.js";
import { dismiss, undismiss } from "./dismiss.js";
import { type HeldAlert, holdAlert, settle } from "./held-alert.js";
import { addEvent, type Decision, type DecisionAct, standingDecisions, UNDO_MINUTES, undoableUntil } from "./history.js";
import { forget, type LearnSteps, learnFrom } from "./learn.js";
import type { CaseworkSettings } from "./settings.js";

export type Act =
  | { kind: "confirm" }
  | { kind: "dismiss"; reason: string }
  | { kind: "escalate"; reason: string }
  | { kind: "assign"; accountId: string | null }
  | { kind: "note"; text: string }
  | { kind: "undo" };

export interface Acted {
  /** Also those for which there was nothing left to do, because it had been done. */
  done: string[];
  refused: { id: string; why: string }[];
}

/** Longest reason or note, in characters. */
export const MAX_TEXT = 4_000;

/** Why nothing was done, as a sentence for whoever asked. */
class Refusal extends Error {}

/**
 * One act on any number of alerts, each in a transaction of its own, in the order given. What was done before is not done again, so two
 * people who press the same button at once do it once.
 *
 * @param actor as `actorOf` in people/rights.ts makes it
 * @param steps what learns a confirmed re-upload as a further reference, and retires it again
 * @throws UsageError when a reason, a note or an account's id is malformed: then nothing was done.
 */
export async function actOnAlerts(
  pool: Pool,
  ids: string[],
  actor: string,
  act: Act,
  settings: CaseworkSettings,
  steps: LearnSteps = {},
): Promise<Acted> {
  const checked = check(act);
  const acted: Acted = { done: [], refused: [] };
  for (const id of new Set(ids.map((given) => given.toLowerCase()))) {
    try {
      await transaction(pool, (tx) => actOnOne(tx, id, actor, checked, settings));
      if (act.kind === "confirm") await learnFrom(pool, id, steps);
      if (act.kind === "undo") await forget(pool, id, steps);
      acted.done.push(id);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      acted.refused.push({ id, why: error.message });
    }
  }
  return acted;
}

function check(act: Act): Act {
  if (act.kind === "assign" && act.accountId !== null && !isUuid(act.accountId))
    throw new UsageError("accountId: must be the id of an account, or null for nobody");
  if (act.kind === "note") return { ...act, text: checkText("text", act.text) };
  return "reason" in act ? { ...act, reason: checkText("reason", act.reason) } : act;
}

function checkText(field: string, text: string): string {
  // Postgres stores no NUL and no half characters.
  const clean = Buffer.from(text.replaceAll("\0", "")).toString().trim();
  if (clean === "") throw new UsageError(`${field}: is empty: say in a few words what the next person should know`);
  if (clean.length > MAX_TEXT) throw new UsageError(`${field}: has ${clean.length} characters, and may have ${MAX_TEXT}`);
  return clean;
}

async function actOnOne(tx: PoolClient, id: string, actor: string, act: Act, settings: CaseworkSettings): Promise<void> {
  const alert = await holdAlert(tx, id);
  if (!alert) throw new Refusal("there is no alert with this id");
  if (act.kind === "assign") return assign(tx, alert, actor, act.accountId);
  if (act.kind === "note") {
    await addEvent(tx, id, { actor, act: "noted", detail: { text: act.text } });
    return audit(tx, { actor, act: "alert noted", subject: `alert:${id}` });
  }
  if (act.kind === "undo") return undo(tx, alert, actor, settings);
  return decide(tx, alert, actor, act, settings);
}

const NAMED: Record<"confirm" | "dismiss" | "escalate", DecisionAct> = {
  confirm: "confirmed",
  dismiss: "dismissed",
  escalate: "escalated",
};

/** What must be taken back before an alert can be decided so. */
const CONTRARY: Record<DecisionAct, DecisionAct[]> = {
  confirmed: ["dismissed"],
  dismissed: ["confirmed"],
  escalated: ["dismissed"],
};

async function decide(
  tx: PoolClient,
  alert: HeldAlert,
  actor: string,
  act: Extract<Act, { kind: "confirm" | "dismiss" | "escalate" }>,
  settings: CaseworkSettings,
): Promise<void> {
  const decision = NAMED[act.kind];
  if (alert.standing.some((d) => d.act === decision)) return;
  const contrary = alert.standing.find((d) => CONTRARY[decision].includes(d.act));
  if (contrary) throw new Refusal(`it was ${contrary.act} by ${contrary.actor}; that must be undone first`);
  const detail = await carryOut(tx, alert, actor, act, settings);
  await addEvent(tx, alert.id, { actor, act: decision, detail: { ...detail, from: alert.state } });
  await settleAgain(tx, alert);
  // Reasons are free text, which may have to be erased one day: the audit log, which cannot forget, goes without.
  await audit(tx, { actor, act: `alert ${decision}`, subject: `alert:${alert.id}`, detail: { from: alert.state } });
}

async function carryOut(
  tx: PoolClient,
  alert: HeldAlert,
  actor: string,
  act: Extract<Act, { kind: "confirm" | "dismiss" | "escalate" }>,
  settings: CaseworkSettings,
): Promise<Record<string, unknown>> {
  if (act.kind === "dismiss") return dismiss(tx, alert, actor, act.reason);
  if (act.kind === "escalate") return { reason: act.reason };
  const confirmed = await confirm(tx, alert, actor, settings);
  if (!confirmed) throw new Refusal("no known material was found in it, so there is nothing to confirm: dismiss or escalate it");
  return confirmed;
}

/** Reads the history anew, with what this transaction added to it. */
async function settleAgain(tx: PoolClient, alert: HeldAlert): Promise<void> {
  const { events } = (await holdAlert(tx, alert.id))!;
  await settle(tx, alert, standingDecisions(events).at(-1));
}

/**
 * Whoever decided may take it back for {@link UNDO_MINUTES}; an admin at any time, or a mistake that is found later would be for ever:
 * a dismissed pair never alerts again.
 */
async function undo(tx: PoolClient, alert: HeldAlert, actor: string, settings: CaseworkSettings): Promise<void> {
  const decision = alert.standing.at(-1);
  if (!decision) throw new Refusal("nothing was decided about it that could be undone");
  if (!(await isAdmin(tx, actor))) mayUndo(alert, decision, actor);
  if (decision.act === "confirmed") await unconfirm(tx, alert, decision, actor);
  if (decision.act === "dismissed") await undismiss(tx, alert, decision, actor, settings);
  await addEvent(tx, alert.id, { actor, act: "undone", detail: { what: decision.act } });
  await settleAgain(tx, alert);
  await audit(tx, { actor, act: "alert decision undone", subject: `alert:${alert.id}`, detail: { what: decision.act } });
}

function mayUndo(alert: HeldAlert, decision: Decision, actor: string): void {
  if (decision.actor !== actor)
    throw new Refusal(`it was ${decision.act} by ${decision.actor}: only they or an admin can undo that`);
  if (!undoableUntil(decision, alert.now))
    throw new Refusal(`it was ${decision.act} more than ${UNDO_MINUTES} minutes ago: only an admin can undo that now`);
}

async function isAdmin(tx: PoolClient, actor: string): Promise<boolean> {
  const [kind, name] = [actor.slice(0, actor.indexOf(":")), actor.slice(actor.indexOf(":") + 1)];
  const { rows } = await tx.query(
    `select 1 from account where $1 = 'person' and lower(name) = lower($2) and role = 'admin' and disabled_at is null
     union all
     select 1 from service_token where $1 = 'token' and name = $2 and 'admin' = any(scopes) and revoked_at is null and expires_at > now()`,
    [kind, name],
  );
  return rows.length > 0;
}

async function assign(tx: PoolClient, alert: HeldAlert, actor: string, accountId: string | null): Promise<void> {
  if (alert.assignedTo === accountId) return;
  const { rows } = await tx.query<{ name: string }>("select name from account where id = $1 and disabled_at is null", [
    accountId,
  ]);
  if (accountId !== null && rows.length === 0) throw new Refusal("accountId: there is no active account with this id");
  await tx.query("update alert set assigned_to = $2 where id = $1", [alert.id, accountId]);
  const detail = { accountId, name: rows[0]?.name ?? null };
  await addEvent(tx, alert.id, { actor, act: "assigned", detail });
  await audit(tx, { actor, act: "alert assigned", subject: `alert:${alert.id}`, detail });
}
