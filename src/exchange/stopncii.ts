import { UsageError } from "../errors.js";
import { ask, type HttpOptions } from "./http.js";
import { readStopNcii, type StopNciiPage } from "./read-stopncii.js";
import type { Checkpoint, Secrets, Source } from "./source.js";

export const STOPNCII_URL = "https://api.stopncii.org/v1";

/** As Meta's client has them (`clients/stopncii/api.py`). */
const PAGE_SIZE = "800";
const BEGINNING = "10";

/** StopNCII's REST API: two keys in headers, JSON, pages by token. A record that comes again replaces what it was. */
export function stopNcii(url: URL, secret: Secrets, http: HttpOptions = {}): Source {
  const headers = headersOf(secret);
  return {
    name: "stopncii",
    url,
    async page(at, take, signal) {
      const told: StopNciiPage = {};
      const address = endpoint(url, "FetchHashes");
      address.searchParams.set("startTimestamp", at.from ?? BEGINNING);
      address.searchParams.set("pageSize", PAGE_SIZE);
      if (at.token !== undefined) address.searchParams.set("nextPageToken", at.token);
      await ask(address, { headers }, (body) => take(readStopNcii(body, told)), signal, http);
      return after(at, told);
    },
    // A page's token is not good for long.
    rewound: ({ from, token }) => (token === undefined ? undefined : { ...(from !== undefined && { from }) }),
  };
}

const headersOf = (secret: Secrets) => ({
  "x-functions-key": secret("STOPNCII_FUNCTIONS_KEY"),
  "ocp-apim-subscription-key": secret("STOPNCII_SUBSCRIPTION_KEY"),
  accept: "application/json",
});

const endpoint = (url: URL, name: string): URL => new URL(`${url.href.replace(/\/$/, "")}/${name}`);

function after({ from, token }: Checkpoint, told: StopNciiPage): { next: Checkpoint; isLast: boolean } {
  if (told.hasMoreRecords) {
    if (!told.nextPageToken || told.nextPageToken === token)
      throw new UsageError("StopNCII says that there is more, and not where: try again later");
    return { next: { from: from ?? BEGINNING, token: told.nextPageToken }, isLast: false };
  }
  return { next: { from: String(told.nextSetTimestamp ?? from ?? BEGINNING) }, isLast: true };
}

/** What a member may say of a hash it had from StopNCII. */
export const FEEDBACK_VALUES = ["PendingReview", "Blocked", "NotBlocked"] as const;
export type FeedbackValue = (typeof FEEDBACK_VALUES)[number];

/** Says what became of a hash. Only ever called by a person's command. */
export async function sendFeedback(
  url: URL,
  secret: Secrets,
  feedback: { hashes: string[]; value: FeedbackValue; tags: string[] },
  signal: AbortSignal,
  http: HttpOptions = {},
): Promise<void> {
  const hashFeedbacks = feedback.hashes.map((hashValue) => ({ hashValue, feedbackValue: feedback.value, tags: feedback.tags }));
  await post(endpoint(url, "SubmitFeedback"), secret, { count: hashFeedbacks.length, hashFeedbacks }, signal, http);
}

/** Shares hashes of our own. Only ever called by a person's command. */
export async function submitHashes(
  url: URL,
  secret: Secrets,
  { hashes, tags }: { hashes: string[]; tags: string[] },
  signal: AbortSignal,
  http: HttpOptions = {},
): Promise<void> {
  const lastModtimestamp = Math.floor(Date.now() / 1000);
  const CSPFeedbacks = [{ feedbackValue: "Blocked", tags }];
  const hashRecords = hashes.map((hashValue) => ({ lastModtimestamp, signalType: "ImagePDQ", hashValue, CSPFeedbacks }));
  await post(endpoint(url, "SubmitHashes"), secret, { count: hashRecords.length, hashRecords }, signal, http);
}

async function post(url: URL, secret: Secrets, body: object, signal: AbortSignal, http: HttpOptions): Promise<void> {
  const headers = { ...headersOf(secret), "content-type": "application/json" };
  await ask(url, { method: "POST", headers, body: JSON.stringify(body) }, drained, signal, http);
}

async function drained(body: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of body);
}
