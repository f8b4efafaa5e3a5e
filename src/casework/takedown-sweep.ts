import type { Pool, PoolClient } from "pg";
import { transaction } from "../platform/database.js";
import { SERVICE } from "./history.js";
import type { CaseworkSettings } from "./settings.js";
import { callAPerson, type HeldTakedown, holdSome, noteTakedown, queueAgain } from "./takedown-life.js";

/** In one transaction; a sweep goes on until none is left. */
const BATCH = 100;

const LATE = "state in ('queued', 'sent', 'acknowledged') and deadline_at < now()";

/**
 * Asks again for every takedown that was not reported removed within its deadline. After `takedownAttempts` attempts it is `expired`, and
 * a person is called. Any number of processes may sweep at once: each takedown is held by one of them.
 */
export async function sweepTakedowns(
  pool: Pool,
  settings: Pick<CaseworkSettings, "takedownDeadlineHours" | "takedownAttempts">,
): Promise<{ queuedAgain: number; expired: number }> {
  const swept = { queuedAgain: 0, expired: 0 };
  for (;;) {
    const batch = await transaction(pool, async (tx) => {
      const done = { queuedAgain: 0, expired: 0 };
      for (const takedown of await holdSome(tx, LATE, "deadline_at", BATCH)) done[await sweepOne(tx, takedown, settings)]++;
      return done;
    });
    swept.queuedAgain += batch.queuedAgain;
    swept.expired += batch.expired;
    if (batch.queuedAgain + batch.expired < BATCH) return swept;
  }
}

async function sweepOne(
  tx: PoolClient,
  takedown: HeldTakedown,
  settings: Pick<CaseworkSettings, "takedownDeadlineHours" | "takedownAttempts">,
): Promise<"queuedAgain" | "expired"> {
  const late = `attempt ${takedown.attempt} was ${takedown.state} and not reported removed by its deadline`;
  if (takedown.attempt < settings.takedownAttempts) {
    await queueAgain(tx, takedown, { actor: SERVICE, detail: late }, settings);
    return "queuedAgain";
  }
  await tx.query("update takedown set state = 'expired', updated_at = now() where id = $1", [takedown.id]);
  await noteTakedown(tx, { ...takedown, state: "expired" }, SERVICE, late);
  await callAPerson(tx, takedown, `not removed after ${takedown.attempt} attempts`);
  return "expired";
}
