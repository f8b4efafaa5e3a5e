import { InvalidSubmissionError, TransientError, UnscannableError } from "../../errors.js";

/** The address shows a page: what is on it may be fetched by other means. */
export class PageError extends UnscannableError {}

export const pageInsteadOfFile = (host: string): PageError =>
  new PageError(`${host} answered with a web page, not with a file: give the address of the image or video itself`);

/** Worth another try: the server says so (408, 425, 429) or is in trouble (5xx). Everything else is its last word. */
const AGAIN = new Set([408, 425, 429]);
/** Servers that answer our plain request so, with a page, may show a browser its media. */
const KEPT_FROM_US = new Set([400, 401, 403, 405, 406]);

/** Longer waits than this are not believed. */
const LONGEST_RETRY_AFTER_S = 3_600;

type Headers = Record<string, string | string[] | undefined>;

/** A TransientError has `retryAfterMs` when the server said when to come again. */
export function translateStatus(status: number, host: string, headers: Headers = {}): Error {
  const message = `${host} answered ${status} instead of the file`;
  if (AGAIN.has(status) || status >= 500) {
    const seconds = retryAfterS(headers["retry-after"]);
    if (seconds === undefined) return new TransientError(message);
    return new TransientError(`${message}, and asks to wait ${seconds} s`, { retryAfterMs: seconds * 1000 });
  }
  return KEPT_FROM_US.has(status) && isHtml(headers["content-type"]) ? new PageError(message) : new UnscannableError(message);
}

/** RFC 9110, 10.2.3: seconds, or a date. */
function retryAfterS(header: string | string[] | undefined): number | undefined {
  if (typeof header !== "string") return undefined;
  const seconds = /^\d{1,9}$/.test(header) ? Number(header) : Math.ceil((Date.parse(header) - Date.now()) / 1000);
  return seconds > 0 ? Math.min(seconds, LONGEST_RETRY_AFTER_S) : undefined;
}

export const isHtml = (contentType: string | string[] | undefined): boolean =>
  /^\s*(text\/html|application\/xhtml)/i.test(String(contentType ?? ""));

const CERTIFICATE = /^(CERT_|ERR_TLS_CERT|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_(GET|VERIFY))/;
/** Nothing that the two sides could agree on (OpenSSL's reasons): the next attempt will not either. */
const NO_COMMON_TLS =
  /^(EPROTO|ERR_SSL_.*(WRONG_VERSION|PROTOCOL|HANDSHAKE_FAILURE|UNRECOGNIZED_NAME|KEY_TOO_SMALL|HTTP_REQUEST|PACKET_LENGTH).*)$/;
/** What the parser does not understand, and a length that is not what comes in an answer that is whole. */
const NO_HTTP = /^(HPE_.*|UND_ERR_RES_CONTENT_LENGTH_MISMATCH)$/;
/** The decompressors' words for bytes that are not what they claim to be. */
const DAMAGED_COMPRESSION = /^(Z_(DATA|BUF|STREAM)_ERROR|Z_NEED_DICT|ERR_BROTLI_.*|ERR__ERROR_.*)$/;
/** Of files, when there is no room or too little of something else. */
const OUR_DISK = /^(ENOSPC|EDQUOT|EROFS|EMFILE|ENFILE|EIO|EFBIG)$/;

/** Whatever else went wrong on the way: our own errors pass, the rest gets a sentence with the host and the code. */
export function translateNetworkError(error: unknown, host: string): Error {
  if (error instanceof UnscannableError || error instanceof TransientError) return error;
  // The submission named a public name; that it leads elsewhere is its server's doing, and a person should know.
  if (error instanceof InvalidSubmissionError)
    return new UnscannableError(`${host} leads to an address inside a private network, which is not fetched`);
  const code = (error as NodeJS.ErrnoException).code ?? "no code";
  if (code === "ENOTFOUND") return new UnscannableError(`the host ${host} does not exist`, code);
  if (CERTIFICATE.test(code)) return new UnscannableError(`the certificate of ${host} is not valid`, code);
  if (NO_COMMON_TLS.test(code)) return new UnscannableError(`no secure connection to ${host} could be agreed on`, code);
  if (code === "UND_ERR_HEADERS_OVERFLOW") return new UnscannableError(`the headers of ${host}'s answer are too long`, code);
  if (NO_HTTP.test(code) || (error as Error).name === "HTTPParserError")
    return new UnscannableError(`${host} does not answer by the rules of HTTP`, `${code}: ${(error as Error).message}`);
  if (DAMAGED_COMPRESSION.test(code)) return new UnscannableError(`${host} sent compressed content that is damaged`, code);
  if (OUR_DISK.test(code))
    return new TransientError(`the file could not be written (${code}): MEDIA_TMP_DIR needs room for downloads`);
  if (!(error instanceof Error) || error instanceof TypeError || error instanceof ReferenceError) return error as Error;
  return new TransientError(`the file could not be fetched from ${host} (${code})`);
}

/** A connection that broke, or fell silent, may be taken up again where it ended. */
export const isCut = (error: unknown): boolean =>
  /^(UND_ERR_(SOCKET|BODY_TIMEOUT)|ECONNRESET|EPIPE|ETIMEDOUT)$/.test(String((error as NodeJS.ErrnoException)?.code));
