import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { isKnown, jobOf } from "../../../src/bench/load-submissions.js";
import { InvalidSubmissionError } from "../../../src/errors.js";
import { createHttpIntakeClient } from "../../../src/intake/http-client.js";
import type { ScanJob } from "../../../src/intake/job.js";
import { openIntakeClient } from "../../../src/intake/open-client.js";
import type { DrillSite } from "./site.js";

/** What the intake knows of a submission that was accepted. */
export interface Accepted {
  expected: "match" | "clear";
  acceptedAtMs: number;
}

export interface IntakeLoad {
  accepted: Map<string, Accepted>;
  /** Tries that were not answered with an acceptance, by reason. */
  retries: Map<string, number>;
  /** Submissions that were refused though nothing is wrong with them. */
  refused: string[];
  /** Takes no more up, and waits until what it has is accepted. */
  stop(): Promise<void>;
  /** Ends what serves the media: when all is scanned. */
  close(): void;
}

/** Of ten submissions one is a picture to be fetched, every other of these a known one; and one is a copy of a known video, by hashes. */
const FILE_EVERY = 10;
const isFile = (number: number) => number % FILE_EVERY === 7 || number % 100 === 50;
const isKnownFile = (number: number) => number % (2 * FILE_EVERY) === 7;

/** One in five comes from an intake that is on the queue itself, with the database beside it. */
const NEAR_EVERY = 5;

const SUBMITTERS = 8;
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 2_000;

/**
 * Submits so many a second, each until it is accepted, as any intake must: over HTTP to one address after the other (more
 * may be added), and some on the queue.
 */
export async function startIntakeLoad(
  site: DrillSite,
  addresses: string[],
  perSecond: number,
  nearEvery = NEAR_EVERY,
): Promise<IntakeLoad> {
  const media = await serveMedia(site);
  const clientAt = (url: string) => createHttpIntakeClient({ url, token: site.token, attempts: 1, timeoutMs: 20_000 });
  const near = openIntakeClient({ databaseUrl: site.databaseUrl, redisUrl: site.redisUrl });
  const load = { accepted: new Map<string, Accepted>(), retries: new Map<string, number>(), refused: [] as string[] };
  let next = 0;
  let isStopping = false;

  const submit = async (number: number) => {
    const job = jobFor(number, site, media.url);
    for (let attempt = 0; ; attempt++) {
      const client = number % nearEvery === 0 ? near : clientAt(addresses[(number + attempt) % addresses.length]);
      try {
        await client.submit(job);
        load.accepted.set(job.submissionId, { expected: expectedOf(number), acceptedAtMs: Date.now() });
        return;
      } catch (error) {
        if (error instanceof InvalidSubmissionError) return void load.refused.push(`${job.submissionId}: ${error.message}`);
        const { message } = error as Error;
        load.retries.set(message, (load.retries.get(message) ?? 0) + 1);
        await sleep(Math.min(FIRST_WAIT_MS * 2 ** attempt, LONGEST_WAIT_MS));
      }
    }
  };
  const startedAtMs = performance.now();
  const submitter = async () => {
    while (!isStopping) {
      const number = next++;
      const dueMs = startedAtMs + (number * 1_000) / perSecond - performance.now();
      if (dueMs > 0) await sleep(dueMs);
      await submit(number);
    }
  };
  const submitters = Array.from({ length: SUBMITTERS }, submitter);
  return {
    ...load,
    stop: async () => {
      isStopping = true;
      await Promise.all(submitters);
      await near.close();
    },
    close: media.close,
  };
}

const expectedOf = (number: number): Accepted["expected"] =>
  (isFile(number) ? isKnownFile(number) : isKnown(number)) ? "match" : "clear";

function jobFor(number: number, { known }: DrillSite, mediaUrl: string): ScanJob {
  const job = jobOf(number, known);
  if (!isFile(number)) return job;
  return { ...job, media: { url: `${mediaUrl}/${isKnownFile(number) ? "known" : "innocent"}/${number}` } };
}

/** Pictures that look the same and are no two the same bytes: so that each is decoded. */
async function serveMedia({ pictures }: DrillSite): Promise<{ url: string; close(): void }> {
  const server = createServer((request, response) => {
    const [, which, number] = request.url!.split("/");
    const picture = which === "known" ? pictures.known : pictures.innocent;
    response.end(Buffer.concat([picture, Buffer.from(`\n${number}`)]));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close };
}
