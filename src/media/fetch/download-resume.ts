import { compressionOf } from "./download-body.js";
import type { Answer } from "./download-request.js";

/** What is needed to ask for the rest of a file, and to know that it is still the same file. */
export interface Resumable {
  url: URL;
  /** Goes into `If-Range`: a strong entity tag, or a date. */
  validator: string;
  totalBytes?: number;
}

type Headers = Answer["response"]["headers"];

/**
 * Undefined when a broken download has to start over: parts of two versions must not be put together (RFC 9110, 13.1.5), and a compressed
 * stream cannot be entered in its middle.
 */
export function resumableOf({ url, response: { headers } }: Answer): Resumable | undefined {
  const { etag, "last-modified": modified, "accept-ranges": ranges, "content-length": length } = headers;
  if (ranges === "none" || compressionOf(headers["content-encoding"])) return undefined;
  const validator = typeof etag === "string" && /^"[^"]*"$/.test(etag) ? etag : modified;
  if (typeof validator !== "string") return undefined;
  return { url, validator, ...(typeof length === "string" && { totalBytes: Number(length) }) };
}

/** None when nothing has arrived yet: then all of it is asked for. */
export const rangeHeaders = ({ validator }: Resumable, fromByte: number): Record<string, string> =>
  fromByte === 0 ? {} : { range: `bytes=${fromByte}-`, "if-range": validator };

/** Whether a 206 holds the bytes from there on, of a file as long as the first answer said. */
export function beginsAt(headers: Headers, fromByte: number, { totalBytes }: Resumable): boolean {
  const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(String(headers["content-range"]));
  if (!range || compressionOf(headers["content-encoding"])) return false;
  const sameLength = totalBytes === undefined || range[2] === "*" || Number(range[2]) === totalBytes;
  return Number(range[1]) === fromByte && sameLength;
}
