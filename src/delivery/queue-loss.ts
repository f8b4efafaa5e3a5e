import type { Pool, PoolClient } from "pg";
import { OUTBOX_CHANNEL } from "../platform/channels.js";
import { transaction } from "../platform/database.js";
import type { Queues } from "../platform/queues.js";
import { mendQueues } from "../platform/queues-lock.js";

/** A queue of its own, with one job that nobody takes. */
export const BEAT_QUEUE = "relay-beat";
const BEAT_JOB = "beat";

/** Queues of messages: what their consumers have left in them tells what they have not taken yet. */
const MESSAGE_QUEUES = ["alerts", "takedowns"];

const EVER = "-infinity";

interface Beat {
  beat: number;
  /** By the database's clock, before it was written into the queue. */
  at: string;
  /** Written when a loss was found, and not by a beat since. */
  mending?: boolean;
}

/** What a lost queue has to be given again. */
export interface Loss {
  submissions: number;
  messages: number;
}

/**
 * Tells by a number, which grows in the database and in the queue, whether the queue still has everything that was put into it. An emptied
 * one has no number, one that went back to an older state has an older one. What it lost is marked to be delivered and queued again, under
 * the same job ids: submissions without a verdict, and messages that are still of use and that their consumers had not taken for certain.
 * Returns what that was, or undefined when nothing was lost. One process at a time does this; the others return at once.
 */
export async function checkQueues(pool: Pool, queues: Pick<Queues, "queue">): Promise<Loss | undefined> {
  return transaction(pool, async (tx) => {
    const { rows } = await tx.query<{ beat: string; emptied: Record<string, string> }>(
      "select beat, emptied from queue_beat for update skip locked",
    );
    if (rows.length === 0) return undefined;
    const known = { beat: Number(rows[0].beat), emptied: rows[0].emptied };
    const job = await queues.queue<Beat>(BEAT_QUEUE).getJob(BEAT_JOB);
    const found = job?.data;
    // A number ahead of ours is that of a transaction that did not commit, which is no harm unless it was to mend a loss.
    const isWhole = found ? found.beat >= known.beat && !(found.mending && found.beat > known.beat) : known.beat === 0;
    const next = Math.max(known.beat, found?.beat ?? 0) + 1;
    if (isWhole && job) {
      const at = await clock(tx);
      const emptied = { ...known.emptied, ...(await emptiedBefore(queues, at)) };
      // Fails when the job is gone by now: then the queues were not empty because everything was taken.
      await job.updateData({ beat: next, at });
      await note(tx, next, emptied);
      return undefined;
    }
    await mendQueues(tx);
    const beat = { beat: next, at: await clock(tx), mending: true };
    if (job) await job.updateData(beat);
    else await queues.queue<Beat>(BEAT_QUEUE).add("beat", beat, { jobId: BEAT_JOB });
    const loss = isWhole ? undefined : await forgetDelivered(tx, found && !found.mending ? found.at : EVER, known.emptied);
    await note(tx, next, known.emptied);
    return loss;
  });
}

async function clock(tx: PoolClient): Promise<string> {
  const { rows } = await tx.query<{ at: string }>("select clock_timestamp()::text as at");
  return rows[0].at;
}

async function note(tx: PoolClient, beat: number, emptied: Record<string, string>): Promise<void> {
  await tx.query("update queue_beat set beat = $1, emptied = $2", [beat, emptied]);
}

/** The queues in which there is nothing to take. */
async function emptiedBefore(queues: Pick<Queues, "queue">, at: string): Promise<Record<string, string>> {
  const emptied: Record<string, string> = {};
  for (const name of MESSAGE_QUEUES) {
    const counts = await queues.queue(name).getJobCounts("waiting", "prioritized", "active", "delayed", "waiting-children");
    if (Object.values(counts).every((jobs) => jobs === 0)) emptied[name] = at;
  }
  return emptied;
}

/**
 * Makes what was put into the queues after `since` wait again. Not so what has been dealt with without its message: alerts that a person
 * has decided, takedowns that were reported on.
 */
async function forgetDelivered(tx: PoolClient, since: string, emptied: Record<string, string>): Promise<Loss> {
  const submissions = await tx.query("update intake set enqueued_at = null where enqueued_at >= $1", [since]);
  const messages = await tx.query(
    `update outbox o set delivered_at = null
     where delivered_at >= greatest($1::timestamptz, coalesce(($2::jsonb ->> queue)::timestamptz, '-infinity'))
       and case
         when payload ->> 'kind' = 'takedown' then exists (
           select from takedown t where t.id::text = payload ->> 'takedownId' and t.escalated_at is not null)
         when queue = 'alerts' then not exists (
           select from alert a where a.id::text = payload ->> 'alertId' and a.state in ('confirmed', 'dismissed'))
         when name = 'takedown' then not exists (
           select from takedown t where t.id::text = payload ->> 'takedownId'
             and (t.state <> 'queued' or t.attempt::text <> payload ->> 'attempt'))
         else true
       end`,
    [since, emptied],
  );
  await tx.query("select pg_notify($1, '')", [OUTBOX_CHANNEL]);
  return { submissions: submissions.rowCount ?? 0, messages: messages.rowCount ?? 0 };
}
