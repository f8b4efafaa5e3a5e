import type { Pool, PoolClient } from "pg";
import { InvalidSubmissionError } from "../errors.js";
import { transaction } from "../platform/database.js";
import { jobIdFor, type Queues } from "../platform/queues.js";
import { holdQueuesStill } from "../platform/queues-lock.js";
import { enqueue, isHollow, isOver, SUBMISSIONS } from "./enqueue.js";
import type { ScanJob } from "./job.js";
import { parkJob } from "./park.js";
import { noteEnqueued } from "./received.js";

/** Whoever accepted a submission queues it within this time, or has died. */
const OWN_TIME_S = 5;

/** Jobs queued again in one transaction, which holds their rows. */
const BATCH = 100;

/** How long the queue is believed to have a job that it had. */
const BELIEVED_S = 60;

/** Jobs looked for in the queue in one go: with a look every half minute a backlog of 100,000 is gone through in under two hours. */
const LOOKED_FOR = 500;

/** A retry waits a quarter of an hour at most after a try. One that waits for longer, or for a try to come, was put off by a wrong clock. */
const LONGEST_DELAY_MS = 20 * 60_000;
const AHEAD_MS = 60_000;

/**
 * Queues what was accepted and is not in the queue: it was away, or full, or has lost it, or whoever accepted it died. Returns how many,
 * at most a hundred. What the queue has under the same id with other content is parked.
 *
 * @throws Error what the queue said, when it did not take all of them; those it took are noted.
 */
export async function enqueueWaiting(pool: Pool, queues: Pick<Queues, "queue">): Promise<number> {
  const failures: unknown[] = [];
  const done = await transaction(pool, async (tx) => {
    await holdQueuesStill(tx);
    const { rows } = await tx.query<{ job: ScanJob }>(
      `select job from intake where enqueued_at is null and received_at < now() - make_interval(secs => $1)
       order by received_at limit $2 for update skip locked`,
      [OWN_TIME_S, BATCH],
    );
    const outcomes = await Promise.allSettled(rows.map(({ job }) => enqueue(queues, job, true)));
    const taken: string[] = [];
    for (const [i, outcome] of outcomes.entries()) {
      if (outcome.status === "fulfilled") taken.push(rows[i].job.submissionId);
      else if (outcome.reason instanceof InvalidSubmissionError) await park(tx, rows[i].job, outcome.reason);
      else failures.push(outcome.reason);
    }
    await noteEnqueued(tx, taken);
    return taken.length;
  });
  if (failures.length > 0) throw failures[0];
  return done;
}

async function park(tx: PoolClient, job: ScanJob, { field, message }: InvalidSubmissionError): Promise<void> {
  const jobId = jobIdFor(job.submissionId);
  // The other one has this id in the queue, and keeps it.
  await parkJob(tx, { queue: SUBMISSIONS, jobId: `${jobId}-other`, data: job, field, reason: message });
  await tx.query("delete from intake where submission_id = $1", [job.submissionId]);
}

/**
 * Looks in the queue for some of the jobs that it should have, the longest unseen first. Those it does not have, or holds for done, are
 * to be queued again, which {@link enqueueWaiting} does. Returns how many those are.
 */
export async function missInQueue(pool: Pool, queues: Pick<Queues, "queue">): Promise<number> {
  return transaction(pool, async (tx) => {
    await holdQueuesStill(tx);
    const { rows } = await tx.query<{ id: string }>(
      `select submission_id as id from intake where enqueued_at < now() - make_interval(secs => $1)
       order by enqueued_at limit $2 for update skip locked`,
      [BELIEVED_S, LOOKED_FOR],
    );
    const there = await Promise.all(rows.map(({ id }) => isThere(queues, id)));
    const missing = rows.filter((_, i) => !there[i]).map(({ id }) => id);
    await noteEnqueued(
      tx,
      rows.filter((_, i) => there[i]).map(({ id }) => id),
    );
    await tx.query("update intake set enqueued_at = null where submission_id = any($1::text[])", [missing]);
    return missing.length;
  });
}

async function isThere(queues: Pick<Queues, "queue">, submissionId: string): Promise<boolean> {
  const queue = queues.queue(SUBMISSIONS);
  const state = await queue.getJobState(jobIdFor(submissionId));
  if (state === "unknown" || isOver(state)) return false;
  const job = await queue.getJob(jobIdFor(submissionId));
  if (!job || isHollow(job)) return false;
  const triedMsAgo = Date.now() - (job.processedOn ?? Date.now());
  // It may just have been taken.
  if (state === "delayed" && (triedMsAgo < -AHEAD_MS || triedMsAgo > LONGEST_DELAY_MS)) await job.promote().catch(() => {});
  return true;
}
