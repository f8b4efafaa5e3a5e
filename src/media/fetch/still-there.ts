import type { Agent } from "undici";
import { within } from "../../platform/deadline.js";
import type { Reach } from "./allowed-address.js";
import { isHtml } from "./download-errors.js";
import { createAgent, follow, unfetchable } from "./download-request.js";

export interface StillThereOptions extends Reach {
  /** For both questions, redirects included. Default 15 s. */
  timeoutMs?: number;
}

const TIMEOUT_MS = 15_000;

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
  const agent = createAgent(options, timeoutMs, timeoutMs);
  const meaning = (method: "HEAD" | "GET", withinMs: number): Promise<Meaning> =>
    within(withinMs, signal, (limit) => ask(url, method, agent, options, limit)).then(
      (answer) => meaningOf(answer, what),
      () => "unknown",
    );
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
  address: string,
  method: "HEAD" | "GET",
  agent: Agent,
  options: StillThereOptions,
  signal: AbortSignal,
): Promise<Answer> {
  const first = new URL(address);
  if (unfetchable(first) !== undefined) throw new Error("not an address to fetch");
  const { response } = await follow(first, { method }, agent, options, signal);
  response.body.destroy();
  return { status: response.statusCode, isPage: isHtml(response.headers["content-type"]) };
}

function meaningOf({ status, isPage }: Answer, what: "media" | "page"): Meaning {
  if (GONE.has(status)) return "gone";
  const answers = status >= 200 && status < 300;
  return answers && what === "media" && !isPage ? "there" : "unknown";
}
