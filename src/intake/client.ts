import type { JobsOptions, Queue } from "bullmq";
import { jobIdFor, type Queues } from "../platform/queues.js";
import { parseJob, type ScanJob } from "./job.js";

export const SUBMISSIONS = "submissions";

/** Keeps an intake service from having to know how jobs are named and checked. */
export interface IntakeClient {
  /**
   * Queues a submission; the same `submissionId` again is the same job.
   *
   * @throws InvalidSubmissionError naming the field, before anything is queued.
   */
  submit(job: ScanJob): Promise<void>;
}

/** An intake client on the given queues. */
export function createIntakeClient(queues: Pick<Queues, "queue">): IntakeClient {
  return {
    async submit(job) {
      const { id, priority } = parseJob(job);
      const queue: Queue<ScanJob> = queues.queue<ScanJob>(SUBMISSIONS);
      const options: JobsOptions = { jobId: jobIdFor(id), priority };
      await queue.add("scan", job, options);
    },
  };
}
