import { Agent, type Dispatcher, request } from "undici";
import { UnscannableError } from "../../errors.js";
import { INTERNET, publicLookup, type Reach, refusePort, refusePrivateHost } from "./allowed-address.js";

const MAX_REDIRECTS = 5;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** What every request says: the bytes as they are, from the beginning. */
const HEADERS = { accept: "*/*", "accept-encoding": "identity", "user-agent": "reupload" };

export interface Answer {
  /** Where it came from, after redirects. */
  url: URL;
  response: Dispatcher.ResponseData;
}

/** Connects to allowed addresses only, whatever a name resolves to. Speaks HTTP/1.1; takes no proxy from the environment. */
export function createAgent(reach: Reach, connectMs: number, silenceMs: number): Agent {
  const lookup = reach.allowPrivateAddresses ? undefined : publicLookup(reach.network ?? INTERNET);
  return new Agent({
    headersTimeout: silenceMs,
    bodyTimeout: silenceMs,
    connect: { timeout: connectMs, ...(lookup && { lookup }) },
  });
}

/**
 * Asks, and follows up to five redirects; each address on the way is checked like the first. The answer's body is the caller's to read or
 * destroy, whatever its status.
 *
 * @throws InvalidSubmissionError when a name leads into a private network; UnscannableError for a redirect that is not followed or a port
 *   that is not asked; undici's and Node's errors of the network.
 */
export async function follow(
  first: URL,
  asked: { method: "GET" | "HEAD"; headers?: Record<string, string> },
  agent: Agent,
  reach: Reach,
  signal: AbortSignal,
): Promise<Answer> {
  let url = first;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    if (!reach.allowPrivateAddresses) refusePrivateHost(url.hostname, reach.network);
    refusePort(url, reach);
    const headers = { ...HEADERS, ...asked.headers };
    const response = await request(url, { method: asked.method, dispatcher: agent, signal, headers });
    response.body.on("error", () => {});
    const to = response.headers.location;
    if (!REDIRECTS.has(response.statusCode) || typeof to !== "string") return { url, response };
    response.body.destroy();
    url = redirected(to, url);
  }
  throw new UnscannableError(`${first.hostname} redirects more than ${MAX_REDIRECTS} times`);
}

function redirected(to: string, from: URL): URL {
  const url = URL.canParse(to, from.href) ? new URL(to, from.href) : undefined;
  const wrong = url ? unfetchable(url) : "is not a URL";
  if (url === undefined || wrong !== undefined)
    throw new UnscannableError(`${from.hostname} redirects to an address that ${wrong}`);
  return url;
}

/** Why an address is never fetched, whoever named it; continues "an address that …". */
export function unfetchable(url: URL): string | undefined {
  if (!["http:", "https:"].includes(url.protocol)) return "does not start with http:// or https://";
  if (url.username || url.password) return "holds a user name or password, which is not accepted";
  return undefined;
}
