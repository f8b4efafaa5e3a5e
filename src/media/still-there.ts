import { Agent, type Dispatcher, request } from "undici";
import { lookupPublic, refusePrivateHost } from "./allowed-address.js";

export interface StillThereOptions {
  allowPrivateAddresses: boolean;
  /** For both questions, redirects included. Default 15 s. */
  timeoutMs?: number;
}

const TIMEOUT_MS = 15_000;
const MAX_REDIRECTS = 5;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** What servers answer for media that is not (or no longer) shown to the public; 451 is "for legal reasons" (RFC 7725). */
const GONE = new Set([403, 404, 410, 451]);

/**
 * Whether an address on the public internet still answers with media, under the same rules as a download: only http and https, no private
 * addresses, however a name or a redirect leads there. Nothing of the media is read. `gone` when the server says so; `there` when media
 * answers; `unknown` for everything else: a page that answers (what it shows is not looked at), media's address that now leads to a web
 * page, a server in trouble, an address that must not be fetched. Never throws, but for the signal's reason.
 */
export async function stillThere(
  url: string,
  what: "media" | "page",
  options: StillThereOptions,
  signal: AbortSignal,
): Promise<Meaning> {
  signal.throwIfAborted();
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  const agent = new Agent({
    connect: { timeout: timeoutMs, ...(options.allowPrivateAddresses ? {} : { lookup: lookupPublic }) },
  });
  const meaning = async (method: "HEAD" | "GET", withinMs: number): Promise<Meaning> => {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(Math.ceil(withinMs))]);
    return ask(url, method, agent, options, limit).then(
      (answer) => meaningOf(answer, what),
      () => "unknown",
    );
  };
  try {
    // Many servers refuse HEAD, answer it carelessly or not at all: only a clear yes is taken from it.
    const head = await meaning("HEAD", timeoutMs / 3);
    const answer = head === "there" ? head : await meaning("GET", (2 * timeoutMs) / 3);
    signal.throwIfAborted();
    return answer;
  } finally {
    await agent.destroy();
  }
}

type Meaning = "there" | "gone" | "unknown";

interface Answer {
  status: number;
  isPage: boolean;
}

async function ask(
  first: string,
  method: "HEAD" | "GET",
  agent: Agent,
  options: StillThereOptions,
  signal: AbortSignal,
): Promise<Answer> {
  let url = allowed(first, options);
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const headers = { accept: "*/*", "accept-encoding": "identity", "user-agent": "reupload" };
    const response = await request(url, { method, dispatcher: agent, signal, headers });
    response.body.on("error", () => {}).destroy();
    const to = response.headers.location;
    if (!REDIRECTS.has(response.statusCode) || typeof to !== "string") return answerOf(response);
    url = allowed(new URL(to, url).href, options);
  }
  throw new Error("too many redirects");
}

/** @throws Error when the address must not be fetched. */
function allowed(text: string, options: StillThereOptions): URL {
  const url = new URL(text);
  if (!["http:", "https:"].includes(url.protocol) || url.username || url.password) throw new Error("not an address to fetch");
  if (!options.allowPrivateAddresses) refusePrivateHost(url.hostname);
  return url;
}

const answerOf = ({ statusCode, headers }: Dispatcher.ResponseData): Answer => ({
  status: statusCode,
  isPage: /^\s*(text\/html|application\/xhtml)/i.test(String(headers["content-type"] ?? "")),
});

function meaningOf({ status, isPage }: Answer, what: "media" | "page"): Meaning {
  if (GONE.has(status)) return "gone";
  const answers = status >= 200 && status < 300;
  return answers && what === "media" && !isPage ? "there" : "unknown";
}
