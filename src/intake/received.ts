import { isDeepStrictEqual } from "node:util";
import type { Pool } from "pg";
import { InvalidSubmissionError } from "../errors.js";
import type { Db } from "../platform/database.js";
import type { IntakeFigures } from "../platform/metric-gauges.js";
import type { ScanJob } from "./job.js";

/**
 * Keeps an accepted job in the database until there is a verdict on it, or it is parked: from then on no queue can lose it.
 * The same job again changes nothing.
 *
 * @throws InvalidSubmissionError when another job waits under the same `submissionId`. TransientError when the database is away.
 */
export async function keepReceived(db: Pool, job: ScanJob): Promise<void> {
  const { rowCount } = await db.query("insert into intake (submission_id, job) values ($1, $2) on conflict do nothing", [
    job.submissionId,
    JSON.stringify(job),
  ]);
  if (rowCount === 1) return;
  const { rows } = await db.query<{ job: ScanJob }>("select job from intake where submission_id = $1", [job.submissionId]);
  // Gone already: it has just been scanned, and the job that comes now gets the same outcome, or is parked for being another.
  if (rows.length === 0) return keepReceived(db, job);
  refuseOther(rows[0].job, job);
}

/** The queue has the job. */
export async function noteEnqueued(db: Db, submissionIds: string[]): Promise<void> {
  await db.query("update intake set enqueued_at = clock_timestamp() where submission_id = any($1::text[])", [submissionIds]);
}

/**
 * There is an outcome: nothing has to be kept any more. Should a relay be queueing it at this moment, this waits for it. (Recording a verdict
 * does not: it leaves the row, the job is found to be done already, and that comes here.)
 */
export async function forgetReceived(db: Db, submissionId: string): Promise<void> {
  await db.query("delete from intake where submission_id = $1", [submissionId]);
}

/** Whether a submission was accepted and has no verdict yet. */
export async function isReceived(db: Db, submissionId: string): Promise<boolean> {
  const { rows } = await db.query("select 1 from intake where submission_id = $1", [submissionId]);
  return rows.length > 0;
}

/** What was accepted and has no verdict yet, for the metrics. Reads the whole table, 35 ms for 100,000 rows. */
export async function intakeFigures(db: Db): Promise<IntakeFigures> {
  const { rows } = await db.query<IntakeFigures>(
    `select count(enqueued_at)::int as queued,
            (count(*) - count(enqueued_at))::int as unqueued,
            coalesce(greatest(extract(epoch from now() - min(received_at)), 0), 0)::float8 as "oldestSeconds"
     from intake`,
  );
  return rows[0];
}

/** @throws InvalidSubmissionError when two jobs of the same `submissionId` are not about the same; the message names what differs. */
export function refuseOther(known: ScanJob, given: ScanJob): void {
  const [a, b] = [known, given].map((job): Record<string, unknown> => ({ ...JSON.parse(JSON.stringify(job)), priority: 0 }));
  const differing = [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((key) => !isDeepStrictEqual(a[key], b[key]));
  if (differing.length === 0) return;
  const what = differing.sort().join(", ");
  throw new InvalidSubmissionError("submissionId", `was used before for other content; ${what} differs. Use a new submissionId`);
}
