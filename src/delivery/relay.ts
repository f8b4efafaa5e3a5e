import { setTimeout as sleep } from "node:timers/promises";
import type { Pool } from "pg";
import { OUTBOX_CHANNEL } from "../platform/channels.js";
import { transaction } from "../platform/database.js";
import type { Log } from "../platform/log.js";
import type { Queues } from "../platform/queues.js";
import { holdQueuesStill } from "../platform/queues-lock.js";
import { continueTrace } from "../platform/tracing.js";
import { listen } from "./bell.js";

const BATCH = 100;

/** A notification may be lost with its connection; this is how long a row waits at most. */
const POLL_MS = 1_000;

/** Waiting after an outage, so that a full log is not the next one. */
const OUTAGE_MS = 2_000;

interface Message {
  id: string;
  queue: string;
  name: string;
  jobId: string;
  payload: unknown;
  trace: string | null;
}

/**
 * Delivers what waits in the outbox, in order, and returns how many. A row is marked in the transaction that holds it, after
 * the queue has it: a crash in between delivers it again under the same job id, which BullMQ takes for the same job.
 */
export async function deliverOutbox(pool: Pool, queues: Pick<Queues, "queue">): Promise<number> {
  return transaction(pool, async (tx) => {
    await holdQueuesStill(tx);
    const { rows } = await tx.query<Message>(
      `select id, queue, name, job_id as "jobId", payload, trace from outbox
       where delivered_at is null order by id limit $1 for update skip locked`,
      [BATCH],
    );
    for (const row of rows)
      await continueTrace(row.trace, () => queues.queue(row.queue).add(row.name, row.payload, { jobId: row.jobId }));
    await tx.query("update outbox set delivered_at = clock_timestamp() where id = any($1::bigint[])", [
      rows.map((row) => row.id),
    ]);
    return rows.length;
  });
}

/** Runs the relay until `stopping`, when it delivers once more: at once when something is written, every second in any case. */
export async function runRelay(
  pool: Pool,
  connectionString: string,
  queues: Queues,
  log: Log,
  stopping: AbortSignal,
): Promise<void> {
  const bell = listen(connectionString, OUTBOX_CHANNEL, log);
  let away = false;
  try {
    while (!stopping.aborted) {
      try {
        const delivered = await deliverOutbox(pool, queues);
        away = false;
        if (delivered > 0) log.debug({ delivered }, "outbox delivered");
        if (delivered === BATCH) continue;
        await bell.wait(POLL_MS, stopping);
      } catch (err) {
        away = true;
        if (stopping.aborted) break;
        log.warn({ err }, "the outbox could not be delivered; trying again");
        await sleep(OUTAGE_MS, undefined, { signal: stopping }).catch(() => {});
      }
    }
    if (!away)
      await deliverOutbox(pool, queues).catch((err) => log.warn({ err }, "the outbox keeps some rows for the next start"));
  } finally {
    await bell.close();
  }
}
