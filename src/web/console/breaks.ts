import type { Pool } from "pg";
import { handledToday } from "../../casework/alerts.js";
import { actorOf, type Who } from "../../people/rights.js";

/** A gentle reminder comes after this many alerts, or this long, without a pause. From the issue; no study sets such a number. */
const REMIND_AFTER_ALERTS = 25;
const REMIND_AFTER_MS = 90 * 60_000;
/** Nothing handled for this long is a pause. */
const PAUSE_MS = 15 * 60_000;
/** How many of a person's latest decisions are looked at: more than anyone reaches without a reminder. */
const LOOK_AT = 500;

export interface Handled {
  today: number;
  /** What the reminder is about, when one is due and the person wants it. */
  remind?: { kind: "many"; alerts: number } | { kind: "long"; minutes: number };
}

/** How many alerts this person handled today, and whether a break is due. */
export async function breakFor(pool: Pool, who: Who): Promise<Handled> {
  const actor = actorOf(who);
  const today = await handledToday(pool, actor);
  if (who.kind !== "person" || who.settings.breaks === false || today === 0) return { today };
  const { rows } = await pool.query<{ at: Date }>(
    `select decided_at as at from alert where decided_by = $1 and decided_at > now() - interval '12 hours'
     order by decided_at desc limit $2`,
    [actor, LOOK_AT],
  );
  return {
    today,
    remind: reminderFor(
      rows.map(({ at }) => at.getTime()),
      Date.now(),
    ),
  };
}

/** `decidedMs`: newest first. Decisions count from the last pause on; after a pause nothing is due. */
export function reminderFor(decidedMs: number[], nowMs: number): Handled["remind"] {
  let alerts = 0;
  let sinceMs = nowMs;
  for (const at of decidedMs) {
    if (sinceMs - at >= PAUSE_MS) break;
    sinceMs = at;
    alerts++;
  }
  if (nowMs - sinceMs >= REMIND_AFTER_MS) return { kind: "long", minutes: Math.round((nowMs - sinceMs) / 60_000) };
  return alerts >= REMIND_AFTER_ALERTS ? { kind: "many", alerts } : undefined;
}
