import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { hasZodFastifySchemaValidationErrors } from "fastify-type-provider-zod";
import { InvalidSubmissionError, TransientError, UnscannableError, UsageError } from "../../errors.js";
import type { Log } from "../../platform/log.js";
import { type FieldError, PROBLEM_TYPE, ProblemError, problem } from "../problem.js";

/** More would bury the first. */
const MOST_FIELDS = 20;

/** A client that is told to come back should leave time for an outage to end. */
const RETRY_SECONDS = 5;

const FASTIFY_SAYS: Record<string, string> = {
  FST_ERR_CTP_EMPTY_JSON_BODY: "the body is empty; send a JSON object",
  FST_ERR_CTP_INVALID_JSON_BODY: "the body is not valid JSON",
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: "the body is not as long as Content-Length says",
  FST_REQ_FILE_TOO_LARGE: "the file is larger than MEDIA_MAX_BYTES allows",
  FST_INVALID_MULTIPART_CONTENT_TYPE: "the body must be multipart/form-data",
};

/** PostgreSQL's "data exception": a value that no column of that type can hold. It came from the request. */
const isDataException = (error: unknown): boolean => /^22/.test(String((error as { code?: unknown }).code));

/** The one place where what went wrong becomes an answer. Only what the caller can mend is told; the rest is in the log. */
export function answerApiError(log: Log) {
  return (error: FastifyError, request: FastifyRequest, reply: FastifyReply) => {
    const refusal = refusalOf(error);
    if (refusal.statusCode >= 500) log.error({ err: error, route: request.routeOptions.url }, "request failed");
    if (refusal.retryAfterSeconds !== undefined) reply.header("retry-after", String(refusal.retryAfterSeconds));
    return reply
      .code(refusal.statusCode)
      .type(PROBLEM_TYPE)
      .send(JSON.stringify(problem(refusal.statusCode, refusal.message || undefined, refusal.errors)));
  };
}

function refusalOf(error: FastifyError): ProblemError {
  if (error instanceof ProblemError) return error;
  if (hasZodFastifySchemaValidationErrors(error)) return invalid(error);
  if (error instanceof InvalidSubmissionError) {
    const message = error.message.slice(error.field.length + 2);
    return new ProblemError(422, error.message, { errors: [{ field: error.field, message }] });
  }
  if (error instanceof UsageError) return usage(error.message);
  if (error instanceof UnscannableError) return new ProblemError(422, `the media cannot be read: ${error.reason}`);
  if (error instanceof TransientError)
    return new ProblemError(503, "something we need is not there just now; try again", { retryAfterSeconds: RETRY_SECONDS });
  if (isDataException(error)) return new ProblemError(422, "a value in the request cannot be stored or compared");
  const status = error.statusCode ?? 500;
  if (status < 400 || status >= 500) return new ProblemError(500, "");
  return new ProblemError(status, FASTIFY_SAYS[error.code] ?? error.message);
}

/** Functions that the command line shares name the field at the beginning: "title: must …". */
function usage(message: string): ProblemError {
  const [, field, rest] = /^([A-Za-z][\w.-]{0,63}): (.+)$/s.exec(message) ?? [];
  return new ProblemError(422, message, { errors: field ? [{ field, message: rest }] : [] });
}

const NAMES: Record<string, string> = { querystring: "query", params: "path" };

function invalid(error: FastifyError): ProblemError {
  const context = error.validationContext ?? "body";
  const errors = (error.validation ?? []).flatMap((issue) => fieldErrors(issue, NAMES[context] ?? context)).slice(0, MOST_FIELDS);
  const [first] = errors;
  return new ProblemError(422, `${first.field}: ${first.message}`, { errors });
}

/** A part of zod's issue that we read, wherever in it. */
interface Issue {
  path: PropertyKey[];
  code?: string;
  message: string;
  keys?: string[];
  /** Of a choice: what is wrong by each of its forms. */
  errors?: Issue[][];
}

function fieldErrors(issue: NonNullable<FastifyError["validation"]>[number], context: string): FieldError[] {
  const path = issue.instancePath.split("/").filter(Boolean);
  const { keys, errors } = issue.params as Pick<Issue, "keys" | "errors">;
  return named({ path, code: issue.keyword, message: issue.message ?? "is not valid", keys, errors }, [], context);
}

/** Zod counts unknown fields as one issue of the object that has them, and a choice as one issue: told is what the nearest form lacks. */
function named(issue: Issue, above: PropertyKey[], context: string): FieldError[] {
  const path = [...above, ...issue.path];
  const field = path.map(String).join(".");
  if (issue.code === "unrecognized_keys")
    return (issue.keys ?? []).map((key) => ({
      field: field ? `${field}.${key}` : key,
      message: "is not a field of this request",
    }));
  const [nearest] = [...(issue.errors ?? [])].filter((of) => of.length > 0).sort((a, b) => a.length - b.length);
  if (issue.code === "invalid_union" && nearest) return nearest.flatMap((inner) => named(inner, path, context));
  return [{ field: field || context, message: issue.message }];
}
