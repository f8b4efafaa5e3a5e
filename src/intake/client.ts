import { isDeepStrictEqual } from "node:util";
import type { JobsOptions, Queue } from "bullmq";
import { InvalidSubmissionError } from "../errors.js";
import { jobIdFor, type Queues } from "../platform/queues.js";
import { parseJob, type ScanJob } from "./job.js";

export const SUBMISSIONS = "submissions";

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

/** An intake client on the given queues. */
export function createIntakeClient(queues: Pick<Queues, "queue">): IntakeClient {
  return {
    async submit(job) {
      const { id, priority } = parseJob(job);
      const queue: Queue<ScanJob> = queues.queue<ScanJob>(SUBMISSIONS);
      const options: JobsOptions = { jobId: jobIdFor(id), priority };
      const earlier = await queue.getJob(jobIdFor(id));
      if (await earlier?.isFailed()) await earlier?.remove();
      await queue.add("scan", job, options);
      const queued = await queue.getJob(jobIdFor(id));
      if (queued) refuseOther(queued.data, job);
    },
  };
}

/** BullMQ drops a job whose id it has, whatever is in it. */
function refuseOther(queued: ScanJob, given: ScanJob): void {
  const [a, b] = [queued, given].map((job): Record<string, unknown> => ({ ...JSON.parse(JSON.stringify(job)), priority: 0 }));
  const differing = [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((key) => !isDeepStrictEqual(a[key], b[key]));
  if (differing.length === 0) return;
  const what = differing.sort().join(", ");
  throw new InvalidSubmissionError("submissionId", `was used before for other content; ${what} differs. Use a new submissionId`);
}
