/** The submission itself is wrong. Park it: trying again cannot help. `field` names the part to mend. */
export class InvalidSubmissionError extends Error {
  override readonly name = "InvalidSubmissionError";
  readonly field: string;
  constructor(field: string, message: string) {
    super(`${field}: ${message}`);
    this.field = field;
  }
}

/** The media cannot be read. The verdict is `unscannable`, and a person sees `reason`. */
export class UnscannableError extends Error {
  override readonly name = "UnscannableError";
  readonly reason: string;
  /** Tool output for the log, never shown to a caseworker. */
  readonly detail: string;
  constructor(reason: string, detail = "") {
    super(reason);
    this.reason = reason;
    this.detail = detail;
  }
}

/** Something around us failed (network, database, a full disk). Try again later. */
export class TransientError extends Error {
  override readonly name = "TransientError";
  /** It is our own database that failed, which says nothing of what was being done: however often, it is no reason to give that up. */
  readonly isDatabase: boolean;
  /** When the other side asked us to come back. */
  readonly retryAfterMs: number;
  constructor(
    message: string,
    { cause, isDatabase = false, retryAfterMs = 0 }: { cause?: unknown; isDatabase?: boolean; retryAfterMs?: number } = {},
  ) {
    super(message, { cause });
    this.isDatabase = isDatabase;
    this.retryAfterMs = retryAfterMs;
  }
}

/** The user of the command line or the environment got something wrong: one sentence, no stack trace, exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
