import type { FastifyError, FastifyInstance } from "fastify";
import { InvalidSubmissionError, TransientError, UnscannableError, UsageError } from "../../errors.js";
import type { Log } from "../../platform/log.js";
import { ProblemError } from "../problem.js";

/** What a request is refused with, as HMA says it. */
export const refused = (status: number, message: string): ProblemError => new ProblemError(status, message);

/** HMA answers every error as `{"message": …}`, and a wrong request with 400. */
export function speakAsHmaDoes(server: FastifyInstance, log: Log): void {
  server.setErrorHandler((error: FastifyError, _request, reply) => {
    const { status, message } = answerTo(error);
    if (status >= 500 && !(error instanceof ProblemError)) log.error({ err: error }, "request failed");
    return reply.code(status).send({ message });
  });
}

function answerTo(error: FastifyError | ProblemError): { status: number; message: string } {
  if (error instanceof UnscannableError) return { status: 400, message: error.reason };
  if (error instanceof InvalidSubmissionError || error instanceof UsageError) return { status: 400, message: error.message };
  if (error instanceof TransientError) return { status: 503, message: "try again in a moment" };
  const status = error.statusCode ?? 500;
  if (status === 422) return { status: 400, message: error.message };
  if (status === 413) return { status, message: "Content too large" };
  if (status >= 500 && !(error instanceof ProblemError)) return { status, message: "Internal Server Error" };
  return { status, message: error.message };
}
