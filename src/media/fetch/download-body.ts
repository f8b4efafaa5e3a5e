import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";
import type { Dispatcher } from "undici";
import { TransientError, UnscannableError } from "../../errors.js";
import { isHtml, pageInsteadOfFile } from "./download-errors.js";
import { tooLarge } from "./local-file.js";

/** In each stretch of the longest silence a server has to send so much: 64 KiB in 30 s are 2 KiB/s. */
const LEAST_BYTES = 64 * 1024;

/** A page is known by its first bytes. */
const HEAD_BYTES = 1024;
const PAGE = /^<(!doctype\s+html|html|head|body|title|meta|script)[\s>]/i;

export interface Limits {
  maxBytes: number;
  stallMs: number;
}

/** What has arrived of a file so far, written to `file` from its beginning. */
export interface Received {
  readonly bytes: number;
  /** Of all that has arrived, in hexadecimal. */
  sha256(): string;
  /** Appends a body. @throws UnscannableError when it is too large or a page; TransientError when it comes too slowly. */
  append(response: Dispatcher.ResponseData, host: string, signal: AbortSignal): Promise<void>;
  /** Forgets everything. */
  restart(): Promise<void>;
}

export function receiveInto(file: FileHandle, limits: Limits): Received {
  let hash = createHash("sha256");
  let bytes = 0;
  let head = Buffer.alloc(0);

  const take = async (chunk: Buffer) => {
    const from = bytes;
    bytes += chunk.length;
    if (bytes > limits.maxBytes) throw tooLarge(limits.maxBytes);
    hash.update(chunk);
    // A full disk may take a part, and only then say so.
    for (let done = 0; done < chunk.length; )
      done += (await file.write(chunk, done, chunk.length - done, from + done)).bytesWritten;
  };

  return {
    get bytes() {
      return bytes;
    },
    sha256: () => hash.copy().digest("hex"),
    append: async ({ headers, body }, host, signal) => {
      const html = isHtml(headers["content-type"]);
      const refusePage = () => {
        if (looksLikePage(head, html)) throw pageInsteadOfFile(host);
      };
      const sink = async (chunks: AsyncIterable<Buffer>) => {
        for await (const chunk of chunks) {
          const isHead = head.length < HEAD_BYTES;
          if (isHead) head = Buffer.concat([head, chunk]).subarray(0, HEAD_BYTES);
          if (isHead && head.length >= HEAD_BYTES) refusePage();
          await take(chunk);
        }
      };
      const measured = (chunks: AsyncIterable<Buffer>) => measure(chunks, host, limits);
      const decoder = decoderOf(headers["content-encoding"], host);
      await (decoder ? pipeline(body, measured, decoder, sink, { signal }) : pipeline(body, measured, sink, { signal }));
      refusePage();
    },
    restart: async () => {
      hash = createHash("sha256");
      bytes = 0;
      head = Buffer.alloc(0);
      await file.truncate(0);
    },
  };
}

/** Passes on what comes over the network, which is limited in amount and in slowness: compressed nothing has no end either. */
async function* measure(chunks: AsyncIterable<Buffer>, host: string, { maxBytes, stallMs }: Limits): AsyncGenerator<Buffer> {
  let all = 0;
  let lately = 0;
  let sinceMs = performance.now();
  for await (const chunk of chunks) {
    all += chunk.length;
    lately += chunk.length;
    if (all > maxBytes) throw tooLarge(maxBytes);
    if (performance.now() - sinceMs >= stallMs) {
      if (lately < LEAST_BYTES)
        throw new TransientError(`${host} sends too slowly: ${lately} bytes in ${Math.round(stallMs / 1000)} s`);
      lately = 0;
      sinceMs = performance.now();
    }
    yield chunk;
  }
}

/**
 * How a body is compressed, although we ask for the bytes as they are: some servers compress all they send. Words that name no compression
 * ("utf-8", "aws-chunked") are wrong and harmless.
 */
export function compressionOf(encoding: string | string[] | undefined): "gzip" | "deflate" | "br" | "unknown" | undefined {
  const word = String(encoding ?? "")
    .trim()
    .toLowerCase();
  if (word === "gzip" || word === "x-gzip") return "gzip";
  if (word === "deflate" || word === "br") return word;
  return /gzip|deflate|compress|\bbr\b|zstd/.test(word) ? "unknown" : undefined;
}

function decoderOf(encoding: string | string[] | undefined, host: string) {
  switch (compressionOf(encoding)) {
    case "gzip":
      return createGunzip();
    case "deflate":
      return createInflate();
    case "br":
      return createBrotliDecompress();
    case "unknown":
      throw new UnscannableError(`${host} sent content that is compressed in a way that cannot be read`);
  }
  return undefined;
}

function looksLikePage(head: Buffer, saysHtml: boolean): boolean {
  let text = head
    .toString("latin1")
    .replace(/^\xef\xbb\xbf/, "")
    .trimStart();
  while (text.startsWith("<!--") && text.includes("-->")) text = text.slice(text.indexOf("-->") + 3).trimStart();
  return PAGE.test(text) || (saysHtml && text.startsWith("<"));
}
