import { STATUS_CODES } from "node:http";

export const PROBLEM_TYPE = "application/problem+json; charset=utf-8";

/** What is wrong with one part of a request. `field` is a dotted path into the body, or the name of a parameter or header. */
export interface FieldError {
  field: string;
  message: string;
}

export interface Problem {
  type: string;
  title: string;
  status: number;
  detail?: string;
  errors?: FieldError[];
}

/** A problem document (RFC 9457) without a type of its own. `detail` and `errors` are for the caller's eyes: nothing internal. */
export function problem(status: number, detail?: string, errors: FieldError[] = []): Problem {
  return {
    type: "about:blank",
    title: STATUS_CODES[status] ?? "Error",
    status,
    ...(detail === undefined ? {} : { detail }),
    ...(errors.length === 0 ? {} : { errors }),
  };
}

/** What a request is refused with: thrown by a handler, answered as a problem document. `message` is its `detail`. */
export class ProblemError extends Error {
  override readonly name = "ProblemError";
  readonly statusCode: number;
  readonly errors: FieldError[];
  readonly retryAfterSeconds?: number;
  constructor(
    statusCode: number,
    detail: string,
    options: { errors?: FieldError[]; retryAfterSeconds?: number; cause?: unknown } = {},
  ) {
    super(detail, { cause: options.cause });
    this.statusCode = statusCode;
    this.errors = options.errors ?? [];
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

/** The request is understood and wrong in one field (422). */
export const wrongField = (field: string, message: string): ProblemError =>
  new ProblemError(422, `${field}: ${message}`, { errors: [{ field, message }] });
