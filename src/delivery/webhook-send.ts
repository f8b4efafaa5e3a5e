import type { LookupFunction } from "node:net";
import { Webhook } from "standardwebhooks";
import { Agent, type Dispatcher, request } from "undici";
import { InvalidSubmissionError } from "../errors.js";

/** What keeps us from calling addresses inside a private network: media/fetch/allowed-address.ts has both. */
export interface AddressGuard {
  /** Resolves a name to public addresses only, at the moment of connecting. */
  lookup: LookupFunction;
  /** Throws InvalidSubmissionError for a host that is written as a private address. */
  refuseHost(hostname: string): void;
}

export interface Letter {
  id: string;
  url: string;
  /** The newest secret first; while one is being replaced there are two, and the receiver may check by either. */
  secrets: string[];
  body: string;
}

/** What came of one attempt. `status` is missing when there was no answer; `error` when it was taken. */
export interface Attempt {
  status?: number;
  error?: string;
  /** What the receiver asked for in `Retry-After`. */
  retryAfterMs?: number;
}

const CONNECT_TIMEOUT_MS = 5_000;
/** Nobody reads the answer; this much is drained so that the connection can be used again, and more than this ends it. */
const ANSWER_MAX_BYTES = 16_384;
const ANSWER_MAX_MS = 1_000;
const CERTIFICATE = /^(CERT_|ERR_TLS_CERT|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_(GET|VERIFY))/;

/** Connections to receivers, few to each; without a guard any address may be called. */
export const createPost = (guard: AddressGuard | undefined, connections: number): Agent =>
  new Agent({ connections, pipelining: 1, connect: { timeout: CONNECT_TIMEOUT_MS, ...(guard ? { lookup: guard.lookup } : {}) } });

/**
 * The three headers of Standard Webhooks 1.0.0. The time is of the attempt, so that a receiver can refuse what is old.
 *
 * @param secrets each "whsec_" and base64.
 */
export function signedHeaders(id: string, at: Date, body: string, secrets: string[]): Record<string, string> {
  return {
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
    "webhook-signature": secrets.map((secret) => new Webhook(secret).sign(id, at, body)).join(" "),
  };
}

/** Posts a letter once and says what came of it; never throws. 2xx within `timeoutMs` is success, whatever the answer's body does. */
export async function post(
  letter: Letter,
  agent: Dispatcher,
  guard: AddressGuard | undefined,
  timeoutMs: number,
): Promise<Attempt> {
  const late = AbortSignal.timeout(timeoutMs);
  try {
    guard?.refuseHost(new URL(letter.url).hostname);
    const response = await request(letter.url, {
      dispatcher: agent,
      method: "POST",
      headers: {
        "content-type": "application/json",
        "user-agent": "reupload",
        ...signedHeaders(letter.id, new Date(), letter.body, letter.secrets),
      },
      body: letter.body,
      signal: late,
    });
    response.body.on("error", () => {});
    await response.body.dump({ limit: ANSWER_MAX_BYTES, signal: AbortSignal.timeout(ANSWER_MAX_MS) }).catch(() => {});
    return judge(response.statusCode, response.headers["retry-after"]);
  } catch (error) {
    return { error: explain(error, late.aborted, timeoutMs) };
  }
}

function judge(status: number, retryAfter: string | string[] | undefined): Attempt {
  if (status >= 200 && status < 300) return { status };
  if (status >= 300 && status < 400)
    return { status, error: `answered ${status}: redirects are not followed, change the webhook's address` };
  return { status, error: `answered ${status}`, retryAfterMs: parseRetryAfter(retryAfter) };
}

/** RFC 9110, 10.2.3: seconds, or a date. */
function parseRetryAfter(header: string | string[] | undefined): number | undefined {
  const value = Array.isArray(header) ? header[0] : header;
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const atMs = Date.parse(value);
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - Date.now());
}

/** One clause without the address, which may hold a secret of its receiver. */
function explain(error: unknown, late: boolean, timeoutMs: number): string {
  if (error instanceof InvalidSubmissionError) return "the address lies inside a private network, which is not called";
  if (late) return `no answer within ${timeoutMs / 1000} s`;
  const code = (error as NodeJS.ErrnoException).code ?? "no code";
  if (code === "ENOTFOUND") return "the host does not exist";
  if (CERTIFICATE.test(code)) return "the certificate is not valid";
  return `no answer (${code})`;
}
