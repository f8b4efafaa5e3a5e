import { DelayedError, type Job, UnrecoverableError, type Worker } from "bullmq";
import { type Config, longestScanMs } from "../config.js";
import { InvalidSubmissionError, TransientError, UnscannableError } from "../errors.js";
import type { Outcome, Submission } from "../model.js";
import { within } from "../platform/deadline.js";
import type { Log } from "../platform/log.js";
import type { Queues } from "../platform/queues.js";
import { SUBMISSIONS } from "./client.js";
import { isHollow } from "./enqueue.js";
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

/** BullMQ keeps both counts in 32 bits. We count ourselves, so that the end of a job is always a recorded verdict. */
const NEVER = 2 ** 31 - 1;

const DAY_S = 86_400;

/**
 * Takes `scan` jobs. How often a job is tried is decided here, not by whoever queued it: a transient failure waits
 * longer each time, and after `WORKER_ATTEMPTS` the submission becomes `unscannable`, for a person. So it does when
 * its worker died more often than that. That the database is away says nothing of the media, and is no attempt: the job
 * waits until it is back. Invalid jobs are parked.
 */
export function startIntake(
  queues: Queues,
  steps: IntakeSteps,
  config: Pick<
    Config,
    "redisUrl" | "workerConcurrency" | "workerAttempts" | "workerBackoffMs" | "workerLockMs" | "scanTimeoutMs" | "fetchTimeoutMs"
  >,
  log: Log,
  stopping: AbortSignal,
): Worker {
  const process = async (job: Job<unknown, unknown, string>, token?: string) => {
    // Whatever is thrown from here on, BullMQ's own bookkeeping included, the job comes back. Only parking ends it.
    const delay = backoffMs(job.attemptsMade + 1, config.workerBackoffMs);
    job.opts = { ...job.opts, attempts: NEVER, backoff: { type: "fixed", delay } };
    if (isHollow(job)) throw new UnrecoverableError("the queue has lost its content; it is queued again");
    const submission = await parseOrPark(job, steps);
    if (job.stalledCounter > config.workerAttempts) {
      return giveUp(job, submission, new UnscannableError(`the program died ${job.stalledCounter} times while scanning it`));
    }
    try {
      // Fetching and reading have limits of their own, which say what took so long; this is for what they do not cover.
      return await within(longestScanMs(config), stopping, (signal) => steps.scan(submission, signal));
    } catch (error) {
      return await afterFailure(job, token, submission, error);
    }
  };

  const afterFailure = async (job: Job, token: string | undefined, submission: Submission, error: unknown) => {
    if (error instanceof InvalidSubmissionError) return park(job, steps, error);
    // For another worker, at once.
    if (stopping.aborted) return comeBack(job, token, 0);
    if (error instanceof TransientError && error.isDatabase) {
      log.warn({ submissionId: submission.id, err: error }, "the database is away; the scan waits for it");
      steps.onRetry();
      return comeBack(job, token, config.workerBackoffMs);
    }
    const attempt = job.attemptsMade + 1;
    const failure = failureOf(error, config);
    log.warn({ submissionId: submission.id, attempt, reason: failure.reason, err: error }, "scan failed");
    if (attempt >= config.workerAttempts) return giveUp(job, submission, failure);
    steps.onRetry();
    const retryAfterMs = error instanceof TransientError ? error.retryAfterMs : 0;
    const delay = Math.max(backoffMs(attempt, config.workerBackoffMs), retryAfterMs);
    job.opts = { ...job.opts, backoff: { type: "fixed", delay } };
    throw error;
  };

  const giveUp = async (job: Job, submission: Submission, failure: UnscannableError) => {
    try {
      return await steps.giveUp(submission, failure);
    } catch (error) {
      if (!(error instanceof TransientError)) return park(job, steps, error as Error);
      steps.onRetry();
      throw error;
    }
  };

  return queues.worker(SUBMISSIONS, process, {
    concurrency: config.workerConcurrency,
    lockDuration: config.workerLockMs,
    stalledInterval: config.workerLockMs,
    maxStalledCount: NEVER,
    // What became of a submission is in the database. On Postgres BullMQ sorts all finished jobs for a count whenever one finishes (18 ms of
    // processor time at 10,000 instead of 1.4); in Redis they take memory.
    removeOnComplete: config.redisUrl ? { age: DAY_S, count: 100_000 } : { age: DAY_S },
    removeOnFail: { age: 30 * DAY_S },
  });
}

/** Puts the job back for later. It does not count as an attempt. */
async function comeBack(job: Job, token: string | undefined, afterMs: number): Promise<never> {
  await job.moveToDelayed(Date.now() + afterMs, token);
  throw new DelayedError();
}

async function parseOrPark(job: Job, steps: IntakeSteps): Promise<Submission> {
  try {
    return parseJob(job.data);
  } catch (error) {
    return park(job, steps, error as Error);
  }
}

/** Parking itself may find the database away; then the job is tried again, and parked then. */
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
