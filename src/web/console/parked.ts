import type { Pool } from "pg";
import { UsageError } from "../../errors.js";
import { SUBMISSIONS } from "../../intake/client.js";
import type { ScanJob } from "../../intake/job.js";
import { type Db, transaction } from "../../platform/database.js";
import type { Parts } from "../parts.js";

export interface Parked {
  id: string;
  queue: string;
  jobId: string;
  submissionId: string | null;
  field: string | null;
  reason: string;
  parkedAt: Date;
  /** Its payload was too large to be kept whole: it can only be dropped. */
  cut: boolean;
}

/** The newest first. The payload stays where it is: it has addresses in it. */
export async function parkedJobs(db: Db, limit: number): Promise<Parked[]> {
  const { rows } = await db.query<Parked>(
    `select id, queue, job_id as "jobId", submission_id as "submissionId", field, reason, parked_at as "parkedAt",
            jsonb_typeof(payload) is distinct from 'object' or payload ? 'cut' as cut
     from parked_job order by id desc limit $1`,
    [limit],
  );
  return rows;
}

/**
 * Puts the job back into its queue as it was, and takes it from the parked ones. The job is added before the row goes, so that a failure
 * between the two leaves both: a job that comes twice is recorded once.
 *
 * @throws UsageError when it is gone, or was not kept whole.
 */
export async function retryParked(
  { pool, queues, intake }: Pick<Parts, "pool" | "queues" | "intake">,
  id: string,
): Promise<void> {
  await transaction(pool, async (tx) => {
    const { rows } = await tx.query<{ queue: string; payload: unknown; cut: boolean }>(
      `select queue, payload, jsonb_typeof(payload) is distinct from 'object' or payload ? 'cut' as cut
       from parked_job where id = $1 for update`,
      [id],
    );
    if (rows.length === 0) throw new UsageError("id is not parked any more");
    if (rows[0].cut) throw new UsageError("id was not kept whole, and cannot be tried again: send it anew");
    const { queue, payload } = rows[0];
    if (queue === SUBMISSIONS) await intake.submit(payload as ScanJob);
    else await queues.queue(queue).add("again", payload, { jobId: `parked-${id}`, removeOnComplete: true });
    await tx.query("delete from parked_job where id = $1", [id]);
  });
}

/** @throws UsageError when it is gone already. */
export async function dropParked(pool: Pool, id: string): Promise<void> {
  const { rowCount } = await pool.query("delete from parked_job where id = $1", [id]);
  if (rowCount === 0) throw new UsageError("id is not parked any more");
}
