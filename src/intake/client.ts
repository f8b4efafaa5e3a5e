import { setTimeout as sleep } from "node:timers/promises";
import type { Pool } from "pg";
import { InvalidSubmissionError } from "../errors.js";
import type { Queues } from "../platform/queues.js";
import { enqueue } from "./enqueue.js";
import { parseJob, type ScanJob } from "./job.js";
import { forgetReceived, keepReceived, noteEnqueued } from "./received.js";

export { SUBMISSIONS } from "./enqueue.js";

/** Keeps an intake service from having to know how jobs are named and checked. */
export interface IntakeClient {
  /**
   * Queues a submission; the same `submissionId` again is the same job, unless that one was parked: then it is tried anew.
   *
   * @throws InvalidSubmissionError naming the field, before anything is queued; also when the queue still has the same
   *   `submissionId` with other content.
   */
  submit(job: ScanJob): Promise<void>;
}

/** How long a submitter waits for a queue that does not answer, when the database has the submission already. */
const PATIENCE_MS = 2_000;

/**
 * An intake client on the given queues. With a `pool` a submission is in the database before it is queued: should the queue be away, or
 * lose it, the relay queues it again, and `submit` throws only when the database is away. Without, it is as safe as the queue is.
 */
export function createIntakeClient(queues: Pick<Queues, "queue">, pool?: Pool): IntakeClient {
  return {
    async submit(job) {
      parseJob(job);
      if (!pool) return enqueue(queues, job);
      await keepReceived(pool, job);
      const queued = enqueue(queues, job, true).then(() => noteEnqueued(pool, [job.submissionId]));
      await Promise.race([queued, sleep(PATIENCE_MS, undefined, { ref: false })]).catch(async (error) => {
        if (!(error instanceof InvalidSubmissionError)) return;
        await forgetReceived(pool, job.submissionId);
        throw error;
      });
      // What comes of it later is the relay's to see.
      queued.catch(() => {});
    },
  };
}
