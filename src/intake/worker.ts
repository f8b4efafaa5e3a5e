import { DelayedError, type Job, UnrecoverableError, type Worker } from "bullmq";
import type { Config } from "../config.js";
import { InvalidSubmissionError, TransientError, UnscannableError } from "../errors.js";
import type { Outcome, Submission } from "../model.js";
import type { Log } from "../platform/log.js";
import type { Queues } from "../platform/queues.js";
import { SUBMISSIONS } from "./client.js";
import { parseJob } from "./job.js";

/** What the worker does with a job, handed in by main. */
export interface IntakeSteps {
  scan(submission: Submission, signal: AbortSignal): Promise<Outcome>;
  /** Records that a person must look because the program could not. */
  giveUp(submission: Submission, failure: UnscannableError): Promise<Outcome>;
  park(job: { queue: string; jobId: string; data: unknown; field?: string; reason: string }): Promise<void>;
  onRetry(): void;
}

/** The longest wait between two attempts. */
const MAX_BACKOFF_MS = 15 * 60_000;

const DAY_S = 86_400;

/**
 * Takes `scan` jobs. How often a job is tried is decided here, not by whoever queued it: a transient failure waits
 * longer each time, and after `WORKER_ATTEMPTS` the submission becomes `unscannable`, for a person. A failure to
 * record (the database is away) never counts as the end: the job waits. Invalid jobs are parked.
 */
export function startIntake(
  queues: Queues,
  steps: IntakeSteps,
  config: Pick<Config, "workerConcurrency" | "workerAttempts" | "workerBackoffMs" | "workerLockMs" | "scanTimeoutMs">,
  log: Log,
  stopping: AbortSignal,
): Worker {
  const process = async (job: Job<unknown, unknown, string>, token?: string) => {
    const submission = await parseOrPark(job, steps);
    try {
      return await steps.scan(submission, AbortSignal.any([stopping, AbortSignal.timeout(config.scanTimeoutMs)]));
    } catch (error) {
      return await afterFailure(job, token, submission, error);
    }
  };

  const afterFailure = async (job: Job, token: string | undefined, submission: Submission, error: unknown) => {
    if (error instanceof InvalidSubmissionError) return park(job, steps, error);
    if (stopping.aborted) return wait(job, token, 0);
    const attempt = job.attemptsStarted;
    const failure = failureOf(error, config);
    log.warn({ submissionId: submission.id, attempt, reason: failure.reason, err: error }, "scan failed");
    if (attempt < config.workerAttempts) return wait(job, token, backoffMs(attempt, config.workerBackoffMs));
    try {
      return await steps.giveUp(submission, failure);
    } catch (recording) {
      if (!(recording instanceof TransientError)) return park(job, steps, recording as Error);
      return wait(job, token, backoffMs(attempt, config.workerBackoffMs));
    }
  };

  const wait = async (job: Job, token: string | undefined, delayMs: number): Promise<never> => {
    steps.onRetry();
    await job.moveToDelayed(Date.now() + delayMs, token);
    throw new DelayedError();
  };

  return queues.worker(SUBMISSIONS, process, {
    concurrency: config.workerConcurrency,
    lockDuration: config.workerLockMs,
    stalledInterval: config.workerLockMs,
    // A worker that dies is not the submission's fault; after this many deaths it probably is.
    maxStalledCount: config.workerAttempts,
    removeOnComplete: { age: 7 * DAY_S, count: 100_000 },
    removeOnFail: { age: 30 * DAY_S },
  });
}

async function parseOrPark(job: Job, steps: IntakeSteps): Promise<Submission> {
  try {
    return parseJob(job.data);
  } catch (error) {
    return park(job, steps, error as Error);
  }
}

/** Parking itself may find the database away; then the job fails as transient and BullMQ's stalled check brings it back. */
async function park(job: Job, steps: IntakeSteps, error: Error): Promise<never> {
  const field = error instanceof InvalidSubmissionError ? error.field : undefined;
  await steps.park({ queue: SUBMISSIONS, jobId: String(job.id), data: job.data, field, reason: error.message });
  throw new UnrecoverableError(error.message);
}

function failureOf(error: unknown, config: Pick<Config, "workerAttempts" | "scanTimeoutMs">): UnscannableError {
  if (error instanceof UnscannableError) return error;
  const tried = `tried ${config.workerAttempts} times`;
  if (error instanceof TransientError)
    return new UnscannableError(`it could not be fetched or read: ${error.message} (${tried})`);
  if ((error as Error)?.name === "TimeoutError") {
    return new UnscannableError(`scanning it takes longer than the ${config.scanTimeoutMs / 1000} s allowed (${tried})`);
  }
  return new UnscannableError(`an internal error stopped the scan (${tried}); the log has the details`, String(error));
}

const backoffMs = (attempt: number, firstMs: number): number => Math.min(firstMs * 2 ** (attempt - 1), MAX_BACKOFF_MS);
