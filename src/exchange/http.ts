import { setTimeout as sleep } from "node:timers/promises";
import { Agent, type Dispatcher, request } from "undici";
import { TransientError, UsageError } from "../errors.js";

/** How long a server may be silent, and how large an answer may be: a page of NCMEC's is about 1 MB. */
const STALL_MS = 60_000;
const LARGEST_BYTES = 256 * 1024 * 1024;

/** Waits between attempts, unless the server says how long (it is believed up to a minute). */
const RETRY_AFTER_MS = [1_000, 4_000, 15_000];
const LONGEST_WAIT_MS = 60_000;

const TRY_AGAIN = new Set([408, 425, 429, 500, 502, 503, 504]);

export interface HttpOptions {
  /** For tests: waits that do not depend on a clock. */
  retryAfterMs?: number[];
}

/**
 * The address of an exchange. Credentials go there, so it must be https; http only to this machine.
 *
 * @throws UsageError naming `--url`.
 */
export function exchangeUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || url.username || url.password || url.search || url.hash)
    throw new UsageError("--url: must be an address such as https://host/path, without a user's name");
  const isLocal = ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isLocal))
    throw new UsageError("--url: must begin with https://, because credentials are sent to it");
  return url;
}

export interface Asked {
  method?: "GET" | "POST";
  headers: Record<string, string>;
  body?: string;
}

/** The server does not accept what was asked: trying again cannot help. `status` is its answer's. */
export class RefusedError extends UsageError {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * Asks an exchange and hands its answer's body to `read`; tries again, also when the body breaks off. Redirects are not followed: credentials
 * go to the host they are for, and nowhere else. No error quotes an address's query, a header or a body.
 *
 * @throws RefusedError when the server refuses; TransientError when it could not be reached.
 */
export async function ask<T>(
  url: URL,
  asked: Asked,
  read: (body: AsyncIterable<Uint8Array>) => Promise<T>,
  signal: AbortSignal,
  { retryAfterMs = RETRY_AFTER_MS }: HttpOptions = {},
): Promise<T> {
  const agent = new Agent({ headersTimeout: STALL_MS, bodyTimeout: STALL_MS });
  try {
    for (let attempt = 0; ; attempt++) {
      try {
        return await askOnce(url, asked, read, agent, signal);
      } catch (error) {
        signal.throwIfAborted();
        const wait = waitOf(error, retryAfterMs[attempt]);
        if (wait === undefined) throw explained(error, url);
        await sleep(wait, undefined, { signal });
      }
    }
  } finally {
    await agent.destroy();
  }
}

/** A failure that may pass. */
class PassingError extends Error {
  readonly waitMs?: number;
  constructor(message: string, waitMs?: number) {
    super(message);
    this.waitMs = waitMs;
  }
}

async function askOnce<T>(
  url: URL,
  { method = "GET", headers, body }: Asked,
  read: (body: AsyncIterable<Uint8Array>) => Promise<T>,
  dispatcher: Agent,
  signal: AbortSignal,
): Promise<T> {
  const response = await request(url, { method, headers: { "user-agent": "reupload", ...headers }, body, dispatcher, signal });
  const { statusCode } = response;
  if (statusCode >= 200 && statusCode < 300) return await read(limited(response.body));
  await response.body.dump();
  if (TRY_AGAIN.has(statusCode)) throw new PassingError(`answered ${statusCode}`, retryAfterOf(response));
  throw new RefusedError(statusCode, `${url.host} ${meaningOf(statusCode)}`);
}

async function* limited(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > LARGEST_BYTES) throw new RefusedError(200, `the answer has more than ${LARGEST_BYTES} bytes`);
    yield chunk;
  }
}

function meaningOf(status: number): string {
  if (status === 401 || status === 403) return `does not accept the credentials (${status})`;
  if (status >= 300 && status < 400)
    return `sends on to another address (${status}), which is not followed: give the right --url`;
  return `refuses the request (${status})`;
}

function retryAfterOf({ headers }: Dispatcher.ResponseData): number | undefined {
  const seconds = Number(headers["retry-after"]);
  return Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds * 1000, LONGEST_WAIT_MS) : undefined;
}

/** Codes of undici and of the network; anything else is not about the network. */
const NETWORK = /^(E[A-Z_]+|UND_ERR_[A-Z_]+|CERT_.*|.*_CERT.*)$/;
const codeOf = (error: unknown): string => String((error as { code?: unknown })?.code ?? "");

function waitOf(error: unknown, next: number | undefined): number | undefined {
  if (next === undefined) return undefined;
  if (error instanceof PassingError) return error.waitMs === undefined ? next : Math.max(error.waitMs, next);
  return NETWORK.test(codeOf(error)) && !/CERT/.test(codeOf(error)) ? next : undefined;
}

function explained(error: unknown, { host }: URL): unknown {
  if (error instanceof PassingError) return new TransientError(`${host} ${error.message}; try again later`);
  if (NETWORK.test(codeOf(error))) return new TransientError(`${host} could not be asked (${codeOf(error)}); try again later`);
  return error;
}
