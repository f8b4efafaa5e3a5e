import { earlierOutcome, recordScan } from "../../casework/record.js";
import { InvalidSubmissionError, TransientError } from "../../errors.js";
import { newestChange } from "../../hash-index/lookup.js";
import { SUBMISSIONS } from "../../intake/client.js";
import { parseJob, type ScanJob } from "../../intake/job.js";
import { isReceived } from "../../intake/received.js";
import type { Outcome, Submission, Verdict } from "../../model.js";
import { holdIndexStill } from "../../platform/index-lock.js";
import { jobIdFor } from "../../platform/queues.js";
import { unscannable } from "../../verdict/decide.js";
import { POLICY } from "../../verdict/policy.js";
import type { Parts } from "../parts.js";
import { ProblemError } from "../problem.js";
import type { Checked } from "./readings.js";
import type { SUBMISSION_STATES } from "./schemas/submissions.js";

export type SubmissionState = (typeof SUBMISSION_STATES)[number];

export interface Accepted extends Partial<Omit<Outcome, "repeated" | "submissionId">> {
  submissionId: string;
  state: SubmissionState;
}

const scanned = ({ repeated: _, ...outcome }: Outcome): Accepted => ({ ...outcome, state: "scanned" });

/**
 * Queues a submission, or gives the outcome that is recorded for it already.
 *
 * @throws InvalidSubmissionError when a field is wrong; ProblemError 409 when the id was used for other content; TransientError when
 *   it could be kept neither in the database nor in the queue.
 */
export async function submit(parts: Pick<Parts, "pool" | "intake">, job: ScanJob): Promise<Accepted> {
  const submission = parseJob(job);
  const earlier = await earlierOf(parts, submission);
  if (earlier) return scanned(earlier);
  try {
    await parts.intake.submit(job);
  } catch (error) {
    if (error instanceof InvalidSubmissionError) throw conflict(error);
    throw new TransientError("the submission could not be queued", { cause: error });
  }
  return { submissionId: submission.id, state: "queued" };
}

/** Records a verdict that needs no queue: of a file that cannot be read, or has no picture to make a job of. */
export async function recordAtOnce(
  parts: Pick<Parts, "pool" | "settings">,
  submission: Submission,
  judged: { unscannable: string } | Checked,
): Promise<Accepted> {
  await earlierOf(parts, submission);
  const outcome = await recordScan(parts.pool, submission, parts.settings, async (tx) => {
    if ("unscannable" in judged) return { verdict: unscannable(judged.unscannable, POLICY) as Verdict };
    await holdIndexStill(tx);
    if ((await newestChange(tx)) !== judged.found.seenSeq)
      throw new TransientError("known material has changed since the file was compared with it");
    return { reading: judged.reading, verdict: judged.verdict };
  });
  return scanned(outcome);
}

async function earlierOf({ pool }: Pick<Parts, "pool">, submission: Submission): Promise<Outcome | undefined> {
  try {
    return await earlierOutcome(pool, submission);
  } catch (error) {
    throw error instanceof InvalidSubmissionError ? conflict(error) : error;
  }
}

/** The job is well-formed by now: what is wrong is that its id was used before. */
function conflict(error: InvalidSubmissionError): ProblemError {
  const message = error.message.slice(error.field.length + 2);
  return new ProblemError(409, error.message, { errors: [{ field: error.field, message }] });
}

const STATES: Record<string, SubmissionState> = {
  waiting: "queued",
  "waiting-children": "queued",
  prioritized: "queued",
  paused: "queued",
  active: "scanning",
  delayed: "retrying",
  // Its verdict is being read by whoever asks at this very moment.
  completed: "scanning",
  failed: "parked",
};

/** Where the job of a submission without a verdict is; undefined when nobody knows it. What is accepted and in no queue will be queued. */
export async function queuedState(
  { pool, queues }: Pick<Parts, "pool" | "queues">,
  submissionId: string,
): Promise<SubmissionState | undefined> {
  try {
    const state = STATES[await queues.queue(SUBMISSIONS).getJobState(jobIdFor(submissionId))];
    return state ?? ((await isReceived(pool, submissionId)) ? "queued" : undefined);
  } catch (error) {
    if (await isReceived(pool, submissionId)) return "queued";
    throw new TransientError("the queue did not answer", { cause: error });
  }
}
