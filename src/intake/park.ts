import type { Db } from "../platform/database.js";
import { jobIdFor } from "../platform/queues.js";
import { isDeeperThan } from "./depth.js";

/** The payload kept of a parked job, at most; a larger one is cut and kept as text. */
const MAX_PAYLOAD_CHARACTERS = 65_536;

const MAX_PAYLOAD_DEPTH = 256;

export interface ParkedJob {
  queue: string;
  jobId: string;
  submissionId: string | null;
  field: string | null;
  reason: string;
  parkedAt: Date;
}

/**
 * Keeps a job that trying again cannot help, with the reason, until a person has looked, and forgets that it was accepted. Parking twice
 * is parking once.
 */
export async function parkJob(
  db: Db,
  job: { queue: string; jobId: string; data: unknown; field?: string; reason: string },
): Promise<void> {
  const { submissionId } = (job.data ?? {}) as { submissionId?: unknown };
  // A job of another id may name a submission that is still on its way.
  const accepted = typeof submissionId === "string" && job.jobId === jobIdFor(submissionId) ? submissionId : null;
  await db.query(
    `with forgotten as (
       delete from intake where submission_id = $7
     )
     insert into parked_job (queue, job_id, submission_id, field, reason, payload) values ($1, $2, $3, $4, $5, $6)
     on conflict (queue, job_id) do update set submission_id = excluded.submission_id, field = excluded.field,
       reason = excluded.reason, payload = excluded.payload, parked_at = now()`,
    [
      job.queue,
      printable(job.jobId),
      typeof submissionId === "string" ? printable(submissionId).slice(0, 128) : null,
      job.field === undefined ? null : printable(job.field).slice(0, 256),
      printable(job.reason).slice(0, 4096),
      payloadOf(job.data),
      accepted && printable(accepted),
    ],
  );
}

/** PostgreSQL stores no NUL characters and no half characters. */
const printable = (text: string): string => Buffer.from(text.replaceAll("\u0000", "")).toString();

function payloadOf(data: unknown): string {
  const json = jsonOf(data);
  if (json === undefined) return JSON.stringify({ cut: "nested too deeply to be kept" });
  const storable = !/\\u0000|\\ud[89a-f]/i.test(json) && json.length <= MAX_PAYLOAD_CHARACTERS;
  return storable ? json : JSON.stringify({ cut: printable(json.slice(0, MAX_PAYLOAD_CHARACTERS)).replaceAll("\\", "/") });
}

/** Undefined when it is nested deeper than the stack, or than PostgreSQL, can follow. */
function jsonOf(data: unknown): string | undefined {
  try {
    return isDeeperThan(data, MAX_PAYLOAD_DEPTH) ? undefined : JSON.stringify(data ?? null);
  } catch {
    return undefined;
  }
}

/** Parked jobs, newest first, at most `limit`. */
export async function listParked(db: Db, limit: number): Promise<ParkedJob[]> {
  const { rows } = await db.query<ParkedJob>(
    `select queue, job_id as "jobId", submission_id as "submissionId", field, reason, parked_at as "parkedAt"
     from parked_job order by id desc limit $1`,
    [limit],
  );
  return rows;
}
