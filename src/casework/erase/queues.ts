import type { Job, JobType } from "bullmq";
import { jobIdFor, type Queues } from "../../platform/queues.js";
import type { Restated } from "./reasons.js";
import type { Repointed } from "./shared.js";

/** By what the jobs of something that was erased are known. Kept nowhere: only for {@link eraseFromQueues}. */
export interface InQueues {
  submissionIds: string[];
  alertIds: string[];
  takedownIds: string[];
  caseIds: string[];
  /** Takedowns that go on for another case. */
  repointed: Repointed[];
  /** Alerts that say something else now. */
  restated: Restated[];
  uploader?: { platform: string; id: string };
}

/** As intake, delivery and the platforms' adapters name them (see docs/operations.md). */
const QUEUES = ["submissions", "alerts", "takedowns", "takedown-results"];

/** Jobs read at a time. */
const PAGE = 500;
const STATES: JobType[] = ["wait", "prioritized", "delayed", "waiting-children", "completed", "failed", "active"];

type Data = Record<string, unknown>;

/**
 * Removes the jobs about what was erased, whatever their state, with what BullMQ keeps of finished ones. An uploader's waiting scans go as
 * well. Returns how many were removed, and how many could not be because a worker has them at this moment: they are recorded when it is
 * done, so erase again then.
 */
export async function eraseFromQueues(
  queues: Pick<Queues, "backend" | "queue">,
  erased: InQueues,
): Promise<{ removed: number; changed: number; busy: number }> {
  const counts = { removed: 0, changed: 0, busy: 0 };
  const isErased = matcherOf(erased);
  for (const name of QUEUES) {
    const queue = queues.queue<Data>(name);
    const found: Job<Data>[] = [];
    for (const state of STATES) {
      for (let from = 0; ; from += PAGE) {
        const jobs = (await queue.getJobs([state], from, from + PAGE - 1, true)).filter(
          (job) => job !== undefined && job !== null,
        );
        found.push(...jobs.filter((job) => isErased(job)));
        for (const job of jobs) if (!isErased(job) && (await restate(job, erased))) counts.changed++;
        if (jobs.length < PAGE) break;
      }
    }
    for (const job of found) {
      const isGone = await job.remove().then(
        () => true,
        () => false,
      );
      counts[isGone ? "removed" : "busy"]++;
    }
    // Redis keeps outcomes in a stream of events that nobody reads later; on Postgres they are notifications.
    if (found.length > 0 && queues.backend === "redis") await queue.trimEvents(0);
  }
  return counts;
}

/** Tells every job about what was erased. A withdrawal of a takedown names nothing, and must still be done. */
function matcherOf(erased: InQueues): (job: Job<Data>) => boolean {
  const submissions = new Set(erased.submissionIds);
  const jobIds = new Set(erased.submissionIds.map(jobIdFor));
  const alerts = new Set(erased.alertIds);
  const takedowns = new Set(erased.takedownIds);
  const { uploader } = erased;
  const has = (names: Set<string>, value: unknown) => typeof value === "string" && names.has(value);
  return ({ id, name, data }) => {
    if (name === "withdraw") return false;
    if (has(jobIds, id) || has(submissions, data?.submissionId)) return true;
    if (has(alerts, data?.alertId) || has(takedowns, data?.takedownId)) return true;
    const by = data?.uploader as { id?: unknown; url?: unknown } | null | undefined;
    return uploader !== undefined && [by?.id, by?.url].includes(uploader.id) && (data.platform ?? "") === uploader.platform;
  };
}

/** Messages about what stays, as they are to be now. */
async function restate(job: Job<Data>, { caseIds, repointed, restated }: InQueues): Promise<boolean> {
  const takedown = repointed.find(({ takedownId }) => takedownId === job.data?.takedownId);
  const alert = restated.find(({ alertId }) => alertId === job.data?.alertId);
  if (takedown && job.name === "takedown") await job.updateData({ ...takedown.request, attempt: job.data.attempt });
  else if (alert)
    await job.updateData({ ...job.data, cases: casesOf(job).filter((id) => !caseIds.includes(id)), reasons: alert.reasons });
  else return false;
  return true;
}

const casesOf = ({ data }: Job<Data>): string[] => (Array.isArray(data.cases) ? data.cases : []);
