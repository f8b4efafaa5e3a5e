import type { Job, Queue } from "bullmq";
import { jobIdFor, type Queues } from "../platform/queues.js";
import type { ScanJob } from "./job.js";
import { refuseOther } from "./received.js";

export const SUBMISSIONS = "submissions";

/** BullMQ drops a job whose id it has, also when that one is over. */
export const isOver = (state: string): boolean => state === "failed" || state === "completed";

/**
 * Whether all that is left of a job is its id: when Redis is emptied while a worker has the job, what that worker writes next makes an
 * entry without name or data.
 */
export const isHollow = ({ name, data }: Pick<Job, "name" | "data">): boolean =>
  !name && (data === undefined || (typeof data === "object" && data !== null && Object.keys(data).length === 0));

/**
 * Puts a job into the queue. While the queue has the same one, waiting or under way, nothing changes; one that failed makes place, and
 * may have been another: it is mended.
 *
 * @param again also one that is done makes place.
 * @throws InvalidSubmissionError when the queue has the same `submissionId` with other content, or remembers it as done. Error when a
 *   hollow one is in the way, which a worker has at this moment.
 */
export async function enqueue(queues: Pick<Queues, "queue">, job: ScanJob, again = false): Promise<void> {
  const queue: Queue<ScanJob> = queues.queue<ScanJob>(SUBMISSIONS);
  const jobId = jobIdFor(job.submissionId);
  const state = await queue.getJobState(jobId);
  if (state === "failed" || (again && state === "completed")) {
    const over = await queue.getJob(jobId);
    if (over && state === "completed" && !isHollow(over)) refuseOther(over.data, job);
    await over?.remove();
  }
  await queue.add("scan", job, { jobId, priority: job.priority ?? 0 });
  const queued = await queue.getJob(jobId);
  if (!queued) return;
  if (!isHollow(queued)) return refuseOther(queued.data, job);
  await queued.remove();
  await queue.add("scan", job, { jobId, priority: job.priority ?? 0 });
}
