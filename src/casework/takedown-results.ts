import { type Job, UnrecoverableError, type Worker } from "bullmq";
import type { Pool } from "pg";
import { z } from "zod";
import type { Db } from "../platform/database.js";
import type { Log } from "../platform/log.js";
import type { Queues } from "../platform/queues.js";
import { REPORTED_STATES, reportTakedown, type TakedownReport } from "./takedown-reports.js";

export const TAKEDOWN_RESULTS = "takedown-results";

/** Who reports through the queue: access to it is access to the queue backend, so there is no token to name. */
const ACTOR = "queue:takedown-results";

const schema = z.object({
  takedownId: z.uuid("must be the takedownId of the request"),
  state: z.enum(REPORTED_STATES, `must be one of ${REPORTED_STATES.join(", ")}`),
  attempt: z
    .number("must be a whole number from 1")
    .int("must be a whole number from 1")
    .min(1, "must be a whole number from 1")
    .optional(),
  detail: z.string("must be text").max(10_000, "may have 10,000 characters").optional(),
});

/** BullMQ keeps the count in 32 bits. A result is never given up because the database was away. */
const NEVER = 2 ** 31 - 1;
const BACKOFF_MS = 5_000;
const DAY_S = 86_400;

/**
 * Takes what became of takedowns from queue `takedown-results`: {takedownId, state, attempt?, detail?}, one at a time, because the order
 * matters. What cannot be applied is parked with the field that is wrong.
 */
export function startTakedownResults(queues: Queues, pool: Pool, log: Log): Worker {
  const process = async (job: Job<unknown, unknown, string>) => {
    job.opts = { ...job.opts, attempts: NEVER, backoff: { type: "fixed", delay: BACKOFF_MS } };
    const report = await parseOrPark(job, pool, log);
    const reported = await reportTakedown(pool, report, ACTOR);
    if (reported.outcome === "refused") await park(job, pool, log, reported.field, reported.why);
    log.info({ takedownId: report.takedownId, state: report.state, ...reported }, "takedown result");
    return reported;
  };
  return queues.worker(TAKEDOWN_RESULTS, process, {
    concurrency: 1,
    removeOnComplete: { age: DAY_S },
    removeOnFail: { age: 30 * DAY_S },
  });
}

async function parseOrPark(job: Job<unknown, unknown, string>, pool: Pool, log: Log): Promise<TakedownReport> {
  const parsed = schema.safeParse(job.data);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = issue.path.map(String).join(".") || "job";
  return park(job, pool, log, field, field === "job" ? "must be an object with takedownId and state" : issue.message);
}

/** Should the database be away, the job is tried again, and parked then. */
async function park(job: Job, pool: Pool, log: Log, field: string, why: string): Promise<never> {
  const reason = `${field}: ${why}`;
  await parkResult(pool, String(job.id), job.data, field, reason);
  log.warn({ jobId: job.id, field, reason }, "takedown result parked");
  throw new UnrecoverableError(reason);
}

const MAX_PAYLOAD_CHARACTERS = 65_536;

async function parkResult(db: Db, jobId: string, data: unknown, field: string, reason: string): Promise<void> {
  const json = JSON.stringify(data ?? null);
  // Postgres stores neither NUL nor half characters in JSON.
  const isStorable = json.length <= MAX_PAYLOAD_CHARACTERS && !/\\u0000|\\ud[89a-f]/i.test(json);
  const cut = Buffer.from(json.slice(0, MAX_PAYLOAD_CHARACTERS).replaceAll("\\", "/")).toString();
  await db.query(
    `insert into parked_job (queue, job_id, field, reason, payload) values ($1, $2, $3, $4, $5)
     on conflict (queue, job_id) do update set field = excluded.field, reason = excluded.reason, payload = excluded.payload,
       parked_at = now()`,
    [TAKEDOWN_RESULTS, jobId.replaceAll("\0", ""), field, reason, isStorable ? json : JSON.stringify({ cut })],
  );
}
