import { UsageError } from "../errors.js";
import { ask, type HttpOptions } from "./http.js";
import { type NcmecPage, readNcmec } from "./read-ncmec.js";
import type { Checkpoint, Secrets, Source } from "./source.js";

/** NCMEC's environments, as in Meta's client (`clients/ncmec/hash_api.py`); which one is in a member's contract. */
export const NCMEC_ENVIRONMENTS = {
  industry: "https://report.cybertip.org/hashsharing",
  ngo: "https://hashsharing.ncmec.org/npo",
  exploitative: "https://hashsharing.ncmec.org/exploitative",
  "test-industry": "https://exttest.cybertip.org/hashsharing",
  "test-ngo": "https://hashsharing-test.ncmec.org/npo",
  "test-exploitative": "https://hashsharing-test.ncmec.org/exploitative",
} as const;

const BEGINNING = "1970-01-01T00:00:00Z";

/**
 * NCMEC's hash sharing, version 2: HTTP basic auth, XML, pages of 1,000. Its pages are not in order of time, so the next fetch begins at
 * the newest change of this one only when all pages were read; until then the checkpoint is the next page.
 */
export function ncmec(url: URL, secret: Secrets, http: HttpOptions = {}): Source {
  const credentials = `${secret("NCMEC_USER")}:${secret("NCMEC_PASSWORD")}`;
  const headers = { authorization: `Basic ${Buffer.from(credentials).toString("base64")}`, accept: "application/xml" };
  return {
    name: "ncmec",
    url,
    async page(at, take, signal) {
      const page: NcmecPage = {};
      await ask(addressOf(url, at), { headers }, (body) => take(readNcmec(body, page)), signal, http);
      return after(at, page);
    },
    rewound: ({ from, next }) => (next === undefined ? undefined : { ...(from !== undefined && { from }) }),
  };
}

function addressOf(base: URL, { from, next }: Checkpoint): URL {
  const root = base.href.replace(/\/$/, "");
  if (next === undefined) {
    const address = new URL(`${root}/v2/entries`);
    address.searchParams.set("from", from ?? BEGINNING);
    address.searchParams.set("to", new Date().toISOString().replace(/\.\d+Z$/, "Z"));
    return address;
  }
  // It is a path below the environment's, as in Meta's client. Credentials go nowhere else.
  const address = new URL(root + next);
  if (
    !next.startsWith("/") ||
    address.origin !== base.origin ||
    !address.pathname.startsWith(`${new URL(root).pathname.replace(/\/$/, "")}/`)
  )
    throw new UsageError("NCMEC's next page lies elsewhere, and is not fetched");
  return address;
}

function after({ from, next, newest }: Checkpoint, page: NcmecPage): { next: Checkpoint; isLast: boolean } {
  const latest = [newest, page.maxTimestamp]
    .filter((t) => t !== undefined)
    .sort()
    .at(-1);
  if (page.next === undefined) return { next: { from: latest ?? from ?? BEGINNING }, isLast: true };
  if (page.next === next) throw new UsageError("NCMEC's next page is the one that was just read: try again later");
  return { next: { from: from ?? BEGINNING, next: page.next, ...(latest !== undefined && { newest: latest }) }, isLast: false };
}
