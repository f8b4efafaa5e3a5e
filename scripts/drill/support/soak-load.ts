import { setTimeout as sleep } from "node:timers/promises";
import { SUBMISSIONS } from "../../../src/intake/client.js";
import type { ScanJob } from "../../../src/intake/job.js";
import { jobIdFor } from "../../../src/platform/queues.js";
import type { BadMediaSite } from "./bad-media-site.js";
import { hashesOnly, type SoakMedia, somePdq } from "./soak-media.js";
import type { Visitor } from "./soak-visitor.js";

/** What was done, by name, and what failed. */
export interface Doings {
  counts: Record<string, number>;
  /** How often each. */
  failures: Map<string, number>;
}

interface Row {
  id: string;
}

interface Page {
  items: Row[];
}

/** Scans that wait, at most: a soak keeps the service busy, and does not drown it. */
const MOST_WAITING = 40;

/** Fingerprints are kept for a year; in a soak for so long, so that retention has as much to remove as there comes in. */
const KEPT_MS = 4 * 60_000;

const PAGES = ["/alerts", "/cases", "/takedowns", "/uploaders", "/system", "/alerts?state=all", "/metrics", "/health/ready"];
const REPORTED = ["sent", "acknowledged", "removed", "rejected"];

/** Does everything that is done with the service, until `until` says that it is over. `everyMs` is between two submissions. */
export async function runLoad(
  place: BadMediaSite,
  visitors: Visitor[],
  media: SoakMedia,
  { everyMs, random, until }: { everyMs: number; random: () => number; until: AbortSignal },
): Promise<Doings> {
  const doings: Doings = { counts: {}, failures: new Map() };
  const did = (what: string) => {
    doings.counts[what] = (doings.counts[what] ?? 0) + 1;
  };
  const visitor = () => pick(visitors, random);
  const again = async (what: string, ms: number, work: () => Promise<boolean>) => {
    while (!until.aborted) {
      try {
        if (await work()) did(what);
      } catch (error) {
        const failure = `${what}: ${error instanceof Error ? error.message : error}`;
        doings.failures.set(failure, (doings.failures.get(failure) ?? 0) + 1);
      }
      await sleep(ms * (0.5 + random()), undefined, { signal: until }).catch(() => {});
    }
  };
  const submit = createSubmitter(place, media, visitor, random, did);
  await Promise.all([
    again("submissions", everyMs, submit),
    again("alerts acted on", 4 * everyMs, () => actOnAlert(visitor(), random)),
    again("takedown results", 6 * everyMs, () => reportTakedown(place, visitor(), random)),
    again("references added and retired", 40 * everyMs, () => changeKnown(visitor(), random)),
    again("lookups", 5 * everyMs, () => lookUp(visitor(), random)),
    again("pages read", 3 * everyMs, () => readPage(visitor(), random)),
    again("retention", 30_000, () => age(place)),
  ]);
  return doings;
}

const pick = <T>(from: T[], random: () => number): T => from[Math.floor(random() * from.length)];

function createSubmitter(
  { site: { app }, server }: BadMediaSite,
  media: SoakMedia,
  visitor: () => Visitor,
  random: () => number,
  did: (what: string) => void,
): () => Promise<boolean> {
  const queue = app.queues.queue<ScanJob>(SUBMISSIONS);
  const recent: ScanJob[] = [];
  let number = 0;
  const mix: [inTwenty: number, what: string, media: () => ScanJob["media"]][] = [
    [6, "known files", () => ({ url: server.freshUrlOf(pick(media.known, random)) })],
    [5, "innocent files", () => ({ url: server.freshUrlOf(pick(media.innocent, random)) })],
    [3, "files byte for byte known", () => ({ path: pick(media.known, random) })],
    [3, "bad files", () => ({ url: server.freshUrlOf(pick(media.bad, random)) })],
    [3, "hashes alone", () => hashesOnly(number)],
  ];
  const kinds = mix.flatMap((kind) => Array<typeof kind>(kind[0]).fill(kind));
  const fresh = (): ScanJob => {
    const [, what, make] = pick(kinds, random);
    did(what);
    const submissionId = `soak-${number++}`;
    const uploader = { id: `profile-${Math.floor(30 * random())}` };
    return {
      version: 1,
      submissionId,
      media: make(),
      platform: "videosite",
      pageUrl: `https://videosite.example/${number}`,
      uploader,
    };
  };
  return async () => {
    const { waiting = 0, prioritized = 0 } = await queue.getJobCounts("waiting", "prioritized");
    if (waiting + prioritized > MOST_WAITING) return false;
    const isRepeat = recent.length > 20 && random() < 0.1;
    const job = isRepeat ? pick(recent, random) : fresh();
    if (isRepeat) did("repeats");
    else recent.push(job);
    if (recent.length > 500) recent.shift();
    // Over HTTP there are no paths.
    if ("path" in job.media || random() < 0.5) await queue.add("scan", job, { jobId: jobIdFor(job.submissionId) });
    else await visitor().api("POST", "/submissions", job);
    return true;
  };
}

async function actOnAlert(visitor: Visitor, random: () => number): Promise<boolean> {
  const alerts = await visitor.api<Page>("GET", `/alerts?limit=20&order=${pick(["newest", "strongest", "repeated"], random)}`);
  if (!alerts || alerts.items.length === 0) return false;
  const { id } = pick(alerts.items, random);
  const read = await visitor.api("GET", `/alerts/${id}`);
  const acts = [
    { kind: "confirm" },
    { kind: "dismiss", reason: "another" },
    { kind: "note", text: "seen" },
    { kind: "escalate", reason: "look" },
  ];
  await visitor.api("POST", `/alerts/${id}/acts`, pick(acts, random));
  return read !== undefined;
}

async function reportTakedown({ site: { app } }: BadMediaSite, visitor: Visitor, random: () => number): Promise<boolean> {
  const takedowns = await visitor.api<Page>("GET", "/takedowns?limit=50");
  if (!takedowns || takedowns.items.length === 0) return false;
  const takedownId = pick(takedowns.items, random).id;
  await app.queues.queue("takedown-results").add("result", { takedownId, state: pick(REPORTED, random) });
  return true;
}

/** Adding looks back over what is kept of past submissions. */
async function changeKnown(visitor: Visitor, random: () => number): Promise<boolean> {
  const number = Math.floor(1e6 * random());
  const reference = { caseId: `C-${number % 9}`, label: `soak ${number}`, media: hashesOnly(number) };
  const added = await visitor.api<Row>("POST", "/references", reference);
  if (!added) return false;
  await visitor.api("POST", `/references/${added.id}/retire`);
  return true;
}

async function lookUp(visitor: Visitor, random: () => number): Promise<boolean> {
  await visitor.api("POST", "/lookup", { pdq: somePdq(Math.floor(1e6 * random())) });
  return true;
}

async function readPage(visitor: Visitor, random: () => number): Promise<boolean> {
  await visitor.page(pick(PAGES, random));
  return true;
}

/** Lets what was recorded some minutes ago be past its retention; the relay's housekeeping removes it. */
async function age({ site: { app } }: BadMediaSite): Promise<boolean> {
  await app.database.pool.query(
    `update submission_fingerprint f set expires_at = now()
     from submission s where s.id = f.submission_id and s.scanned_at < now() - make_interval(secs => $1) and f.expires_at > now()`,
    [KEPT_MS / 1000],
  );
  return true;
}
