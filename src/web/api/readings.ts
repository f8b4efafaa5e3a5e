import type { FastifyRequest } from "fastify";
import { longestScanMs } from "../../config.js";
import { TransientError, UnscannableError } from "../../errors.js";
import type { MediaSource, NewReference } from "../../model.js";
import { within } from "../../platform/deadline.js";
import type { Registration } from "../../register.js";
import type { Parts } from "../parts.js";
import { ProblemError } from "../problem.js";

export type Checked = Awaited<ReturnType<Parts["check"]>>;

/** The two things a request may have this process do with media. Each reads at most as many at a time as a worker would. */
export interface Readings {
  check(request: FastifyRequest, media: MediaSource): Promise<Checked>;
  register(request: FastifyRequest, media: MediaSource, reference: NewReference): Promise<Registration>;
}

/** Roughly what a short clip takes. */
const RETRY_SECONDS = 5;

/**
 * Media is decoded in the process that answers, so that it is never kept; without a limit a few large uploads would leave nothing for
 * those who only want to see their alerts. More than `WORKER_CONCURRENCY` at a time are asked to come back (503). Hashes need no decoding
 * and are not counted. A reading ends when its client hangs up: nobody would get the answer.
 *
 * @throws ProblemError 503 when too many are read already or the media could not be fetched; 422 from what cannot be read.
 */
export function createReadings(parts: Parts): Readings {
  let reading = 0;
  const read = async <T>(request: FastifyRequest, media: MediaSource, work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const isDecoding = !("fingerprints" in media);
    if (isDecoding && reading >= parts.config.workerConcurrency)
      throw new ProblemError(503, "as many files are being read as this process may read at a time; try again", {
        retryAfterSeconds: RETRY_SECONDS,
      });
    if (isDecoding) reading++;
    const gone = new AbortController();
    const hangUp = () => gone.abort(new ProblemError(400, "the client went away"));
    const { socket } = request.raw;
    socket?.once("close", hangUp);
    try {
      return await within(longestScanMs(parts.config), gone.signal, work);
    } catch (error) {
      throw asProblem(error, media);
    } finally {
      socket?.off("close", hangUp);
      if (isDecoding) reading--;
    }
  };
  return {
    check: (request, media) => read(request, media, (signal) => parts.check(media, signal)),
    register: (request, media, reference) => read(request, media, (signal) => parts.register(media, reference, signal)),
  };
}

function asProblem(error: unknown, media: MediaSource): unknown {
  const field = "url" in media ? "media.url" : "path" in media ? "file" : "media";
  if (error instanceof UnscannableError)
    return new ProblemError(422, `the media cannot be read: ${error.reason}`, {
      errors: [{ field, message: error.reason }],
      cause: error,
    });
  if (error instanceof DOMException && error.name === "TimeoutError")
    return new ProblemError(503, "reading the media took longer than SCAN_TIMEOUT_MS allows", {
      retryAfterSeconds: RETRY_SECONDS,
    });
  // What a fetch says of itself names the host and nothing else; of the database nothing is told.
  if (error instanceof TransientError && "url" in media && !error.message.startsWith("database"))
    return new ProblemError(503, `the media could not be fetched: ${error.message}`, { retryAfterSeconds: RETRY_SECONDS });
  return error;
}
