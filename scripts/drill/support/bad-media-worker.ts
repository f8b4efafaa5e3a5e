import { setTimeout as sleep } from "node:timers/promises";
import { type Replica, startReplica } from "../../../src/bench/load-replica.js";
import { SUBMISSIONS } from "../../../src/intake/client.js";
import type { ScanJob } from "../../../src/intake/job.js";
import type { VerdictKind } from "../../../src/model.js";
import { jobIdFor } from "../../../src/platform/queues.js";
import { leftIn } from "./bad-media-judge.js";
import { clip, type Kitchen } from "./bad-media-kitchen.js";
import type { Judged } from "./bad-media-run.js";
import type { BadMediaSite } from "./bad-media-site.js";
import { descendantsOf, type Handles, handlesOf } from "./processes.js";

export interface WorkerReport {
  submitted: number;
  complaints: string[];
  /** After a few files, when all is loaded, and at the end. */
  before: Handles;
  after: Handles;
  warnings: number;
}

/** Open files may come and go by a few: connections of the pool, a log. */
const MORE_FILES = 12;
const MORE_BYTES = 300_000_000;

const POLL_MS = 250;
const IDLE_MS = 60_000;
/** Without a single verdict: longer than five attempts of half a minute, with 75 s of waits in between, and than a lost job takes to come back. */
const STALLED_MS = 300_000;

/**
 * Submits the same files to a worker process through the real queue: each must come to what reading it here came to, and after all of them
 * the same process must still be there, hold no more than before, and recognise the clip.
 */
export async function throughWorker(
  place: BadMediaSite,
  reupload: string[],
  judged: Judged[],
  signal: AbortSignal,
): Promise<WorkerReport> {
  const { site, server, kitchen, tmpDir } = place;
  const replica = await startReplica(reupload, site.env, signal);
  try {
    const complaints = await submitAndCompare(place, [await goodOne(kitchen, "good-before")], signal);
    const before = await handlesOf(replica.pid);
    // Control characters cannot be part of a path in a job at all.
    const bad = judged
      .filter(({ path }) => [...path].every((character) => character >= " "))
      .map(({ input, path, judgement }, i): Submitted => {
        const asUrl = i % 2 === 1 && !input.byPathOnly;
        return {
          id: `bad-${i}`,
          media: asUrl ? { url: server.urlOf(path) } : { path },
          expected: judgement.verdict,
          name: input.name,
        };
      });
    complaints.push(...(await submitAndCompare(place, bad, signal)));
    complaints.push(...(await submitAndCompare(place, [await goodOne(kitchen, "good-after")], signal)));
    complaints.push(...(await leftBehind(replica, tmpDir)));
    const after = await handlesOf(replica.pid);
    complaints.push(...grown(before, after));
    return { submitted: bad.length + 2, complaints, before, after, warnings: replica.warnings().length };
  } finally {
    await replica.stop();
  }
}

interface Submitted {
  id: string;
  name: string;
  media: { path: string } | { url: string };
  expected: string;
}

const goodOne = async (kitchen: Kitchen, id: string): Promise<Submitted> => ({
  id,
  name: id,
  media: { path: await clip(kitchen) },
  expected: "match",
});

async function submitAndCompare(place: BadMediaSite, submitted: Submitted[], signal: AbortSignal): Promise<string[]> {
  const jobs = submitted.map(({ id: submissionId, media }) => {
    const data: ScanJob = { version: 1, submissionId, media, platform: "drill" };
    return { name: "scan", data, opts: { jobId: jobIdFor(submissionId) } };
  });
  await place.site.app.queues.queue<ScanJob>(SUBMISSIONS).addBulk(jobs);
  const outcomes = await outcomesOf(
    place,
    submitted.map(({ id }) => id),
    signal,
  );
  return submitted
    .filter(({ id, expected }) => outcomes.get(id) !== expected)
    .map(({ id, name, expected }) => `${name}: the worker says ${outcomes.get(id)}, not ${expected}`);
}

type Outcome = VerdictKind | "refused";

/** @throws Error when there is no new outcome for long. */
async function outcomesOf({ site: { app } }: BadMediaSite, ids: string[], signal: AbortSignal): Promise<Map<string, Outcome>> {
  for (let known = 0, sinceMs = performance.now(); ; await sleep(POLL_MS, undefined, { signal })) {
    const { rows } = await app.database.pool.query<{ id: string; kind: Outcome }>(
      `select submission_id as id, kind from verdict where submission_id = any($1)
       union all select submission_id, 'refused' from parked_job where submission_id = any($1)`,
      [ids],
    );
    if (rows.length >= ids.length) return new Map(rows.map(({ id, kind }) => [id, kind]));
    if (rows.length > known) sinceMs = performance.now();
    known = rows.length;
    if (performance.now() - sinceMs > STALLED_MS)
      throw new Error(`the worker hangs: ${known} of ${ids.length} outcomes, and no more for ${STALLED_MS / 1000} s`);
  }
}

/** Image decoders wait some seconds for the next picture before they end. */
async function leftBehind({ pid }: Replica, tmpDir: string): Promise<string[]> {
  let running = await descendantsOf(pid);
  for (const fromMs = performance.now(); running.length > 0 && performance.now() - fromMs < IDLE_MS; await sleep(POLL_MS))
    running = await descendantsOf(pid);
  const files = await leftIn(tmpDir);
  return [
    ...running.map(({ command }) => `the worker has left a process: ${command.slice(0, 80)}`),
    ...files.map((file) => `the worker has left a file: ${file}`),
  ];
}

function grown(before: Handles, after: Handles): string[] {
  return [
    ...(after.files > before.files + MORE_FILES ? [`the worker has ${after.files} files open, and had ${before.files}`] : []),
    ...(after.residentBytes > before.residentBytes + MORE_BYTES
      ? [`the worker takes ${megabytes(after.residentBytes)} MB, and took ${megabytes(before.residentBytes)}`]
      : []),
  ];
}

export const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(0);
