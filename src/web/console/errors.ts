import type { FastifyError, FastifyInstance } from "fastify";
import { InvalidSubmissionError, TransientError, UnscannableError, UsageError } from "../../errors.js";
import type { Log } from "../../platform/log.js";
import { page, readerOf } from "./page.js";

/** Nothing is at this address, or no longer. */
export class NotFound extends Error {
  readonly statusCode = 404;
}

/** Says in the reader's language what went wrong; what only we can mend goes to the log instead. */
export function showErrors(pages: FastifyInstance, log: Log): void {
  pages.setErrorHandler((error: FastifyError, request, reply) => {
    const status = statusOf(error);
    if (status >= 500) log.error({ err: error }, "a page failed");
    const { errors } = readerOf(request).t;
    const known: Record<number, string> = {
      401: errors.signedOut,
      403: errors.forbidden,
      404: errors.notFound,
      503: errors.busy,
    };
    const message = known[status] ?? (status >= 500 ? errors.bug : error.message);
    return page(request, reply.code(status), "error", { title: errors.title, message });
  });
}

function statusOf(error: FastifyError): number {
  if (error instanceof TransientError) return 503;
  if (error instanceof UsageError || error instanceof InvalidSubmissionError || error instanceof UnscannableError) return 422;
  return error.statusCode ?? 500;
}
