import { InvalidSubmissionError, TransientError, UnscannableError } from "../errors.js";

/** Worth another try: the server says so (408, 425, 429) or is in trouble (5xx). Everything else is its last word. */
export function translateStatus(status: number, host: string): Error {
  const message = `${host} answered ${status} instead of the file`;
  const again = [408, 425, 429].includes(status) || status >= 500;
  return again ? new TransientError(message) : new UnscannableError(message);
}

const CERTIFICATE = /^(CERT_|ERR_TLS_CERT|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_(GET|VERIFY))/;

/** Whatever else went wrong on the way: our own errors pass, the rest gets a sentence with the host and the code. */
export function translateNetworkError(error: unknown, host: string): Error {
  if (error instanceof InvalidSubmissionError || error instanceof UnscannableError || error instanceof TransientError)
    return error;
  const code = (error as NodeJS.ErrnoException).code ?? "no code";
  if (code === "ENOTFOUND") return new UnscannableError(`the host ${host} does not exist`, code);
  if (CERTIFICATE.test(code)) return new UnscannableError(`the certificate of ${host} is not valid`, code);
  if (!(error instanceof Error) || error instanceof TypeError || error instanceof ReferenceError) return error as Error;
  return new TransientError(`the file could not be fetched from ${host} (${code})`);
}
