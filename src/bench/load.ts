import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type { Config } from "../config.js";
import { groupBy } from "../fingerprint/group.js";
import { createIntakeClient, SUBMISSIONS } from "../intake/client.js";
import type { ScanJob } from "../intake/job.js";
import type { Log } from "../platform/log.js";
import { jobIdFor } from "../platform/queues.js";
import { percentile } from "./index/in-memory.js";
import { checkLoad, type LoadCheck } from "./load-check.js";
import { type RetentionCost, retentionCost, type TableState, tableStates } from "./load-growth.js";
import { type Replica, startReplica } from "./load-replica.js";
import { type LoadSample, type MemoryGrowth, memoryGrowth, sampleOf } from "./load-samples.js";
import { openSite, type Site } from "./load-site.js";
import { addKnown, idOf, isKnown, jobOf, numberOf, PRIORITIES } from "./load-submissions.js";

export interface LoadOptions {
  submissions: number;
  replicas: number;
  /** The command line that is `reupload` here. */
  reupload: string[];
  onStep?: (text: string) => void;
}

export interface LatencyMs {
  /** "arrived during the backlog" is of the first priority, and came one by one when the queue was long. */
  priority: string;
  submissions: number;
  p50: number;
  p95: number;
  max: number;
}

export interface LoadReport {
  queue: "redis" | "postgres";
  submissions: number;
  replicas: number;
  /** Until all backlog jobs were queued, and until the last verdict. */
  queuedMs: number;
  wallMs: number;
  submissionsPerS: number;
  /** Processor time of the replicas that lived at the end, since they started, and of the database during the load. */
  cpu: { replicasMs: number; databaseMs: number };
  /** Jobs that were taken out of the queue when done, and submitted again: their outcome must stay. */
  submittedAgain: number;
  check: LoadCheck;
  /** Made-up copies that were not found, and others that were. */
  missed: number;
  wronglyFound: number;
  latencies: LatencyMs[];
  samples: LoadSample[];
  memory: MemoryGrowth[];
  before: TableState[];
  after: TableState[];
  retention: RetentionCost;
  warnings: number;
}

/** One submission in fifty arrives while the others wait. */
const ARRIVING = 0.02;
const ARRIVED = "arrived during the backlog";

/** Submitted again at the end. */
const AGAIN = 100;

const ADDED_AT_ONCE = 500;
const POLL_MS = 200;
const SAMPLED_EVERY_MS = 1_000;

/** The longest time without a single verdict before the bench gives up: a killed replica's jobs come back after 30 s. */
const STALLED_MS = 3 * 60_000;

/**
 * Queues hash-only submissions, with a few files among them, for replicas of the service on a database of their own; kills one replica
 * (`SIGKILL`) in the middle and starts another; and counts in SQL that nothing was lost or done twice.
 */
export async function benchLoad(config: Config, options: LoadOptions, log: Log, signal: AbortSignal): Promise<LoadReport> {
  const step = options.onStep ?? (() => {});
  // From memory, as where there are many hashes; whoever wants Postgres to answer says so.
  const inProcessFrom = process.env.HASH_INDEX_IN_PROCESS_FROM || "0";
  const site = await openSite(config, { ROLES: "worker,relay,web", HASH_INDEX_IN_PROCESS_FROM: inProcessFrom }, log);
  const replicas: Replica[] = [];
  try {
    step("registering known material");
    const known = await addKnown(site.app);
    for (let i = 0; i < options.replicas; i++) replicas.push(await startReplica(options.reupload, site.env, signal));
    const before = await tableStates(site.app.database.pool);
    const costBefore = await cpuOf(site, replicas);
    const load = await runLoad(site, known, replicas, options, step, signal);
    step("submitting some again");
    const submittedAgain = await submitAgain(site, known, options.submissions, signal);
    await outboxEmpty(site, signal);
    const costAfter = await cpuOf(site, replicas);
    const warnings = replicas.reduce((sum, replica) => sum + replica.warnings().length, 0);
    await Promise.all(replicas.splice(0).map((replica) => replica.stop()));
    step("counting");
    const { pool } = site.app.database;
    const ids = Array.from({ length: options.submissions }, (_, i) => idOf(i));
    return {
      queue: site.app.queues.backend,
      submissions: options.submissions,
      replicas: options.replicas,
      ...load,
      cpu: { replicasMs: costAfter.replicasMs, databaseMs: costAfter.databaseMs - costBefore.databaseMs },
      submittedAgain,
      check: await checkLoad(pool, ids, { alerts: await jobsIn(site, "alerts"), takedowns: await jobsIn(site, "takedowns") }),
      ...(await wrongVerdicts(site)),
      memory: memoryGrowth(load.samples),
      before,
      after: await tableStates(pool),
      retention: await retentionCost(pool),
      warnings,
    };
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    await Promise.all(replicas.map((replica) => replica.kill()));
    await site.close();
  }
}

async function runLoad(
  site: Site,
  known: Uint8Array,
  replicas: Replica[],
  options: LoadOptions,
  step: (text: string) => void,
  signal: AbortSignal,
) {
  const { submissions } = options;
  const intake = createIntakeClient(site.app.queues);
  const queuedAtMs = new Map<string, number>();
  const arriving = Math.floor(ARRIVING * submissions);
  const backlog = submissions - arriving;
  step(`queueing ${backlog} submissions`);
  const fromMs = performance.now();
  const samples: LoadSample[] = [];
  const adding = addBacklog(site, known, backlog, queuedAtMs, signal).then(() => performance.now() - fromMs);
  adding.catch(() => {});
  let done = 0;
  let arrived = 0;
  let isKilled = options.replicas < 2;
  let changedAtMs = fromMs;
  while (done < submissions) {
    await sleep(POLL_MS, undefined, { signal });
    const now = await recorded(site);
    const nowMs = performance.now();
    if (now > done) changedAtMs = nowMs;
    else if (nowMs - changedAtMs > STALLED_MS)
      throw new Error(`bench load: after ${now} of ${submissions} submissions there was no verdict for ${STALLED_MS / 1000} s`);
    done = now;
    // Spread over the first nine tenths of the backlog, so that each meets one.
    for (; arrived < arriving && done > (0.9 * backlog * arrived) / arriving; arrived++) {
      const job = jobOf(backlog + arrived, known, PRIORITIES[0].priority);
      queuedAtMs.set(job.submissionId, Date.now());
      await intake.submit(job);
    }
    if (!isKilled && done > submissions / 3) {
      isKilled = true;
      step("killing a replica, and starting another");
      await replicas[0].kill();
      replicas[0] = await startReplica(options.reupload, site.env, signal);
    }
    if (nowMs - fromMs > samples.length * SAMPLED_EVERY_MS) {
      samples.push(await sampleOf(replicas, nowMs - fromMs, done));
      if (samples.length % 10 === 0) step(`${done} of ${submissions}`);
    }
  }
  const wallMs = performance.now() - fromMs;
  const latencies = await latenciesOf(site, known, queuedAtMs, backlog);
  return { queuedMs: await adding, wallMs, submissionsPerS: (1000 * submissions) / wallMs, latencies, samples };
}

async function addBacklog(site: Site, known: Uint8Array, count: number, queuedAtMs: Map<string, number>, signal: AbortSignal) {
  const queue = site.app.queues.queue<ScanJob>(SUBMISSIONS);
  for (let from = 0; from < count; from += ADDED_AT_ONCE) {
    signal.throwIfAborted();
    const jobs = Array.from({ length: Math.min(ADDED_AT_ONCE, count - from) }, (_, i) => jobOf(from + i, known));
    for (const { submissionId } of jobs) queuedAtMs.set(submissionId, Date.now());
    await queue.addBulk(
      jobs.map((data) => ({
        name: "scan",
        data,
        opts: { jobId: jobIdFor(data.submissionId), priority: data.priority },
      })),
    );
  }
}

async function recorded({ app }: Site): Promise<number> {
  const { rows } = await app.database.pool.query<{ n: number }>("select count(*)::int as n from submission");
  return rows[0].n;
}

/** From when a submission was queued until the transaction that recorded it began; both by this machine's clock. */
async function latenciesOf(
  site: Site,
  known: Uint8Array,
  queuedAtMs: Map<string, number>,
  backlog: number,
): Promise<LatencyMs[]> {
  const { rows } = await site.app.database.pool.query<{ id: string; at: string }>(
    "select id, extract(epoch from scanned_at) * 1000 as at from submission",
  );
  const all = rows.map(({ id, at }) => {
    const number = numberOf(id);
    const priority = number < backlog ? `priority ${jobOf(number, known).priority}` : ARRIVED;
    return { priority, ms: Number(at) - queuedAtMs.get(id)! };
  });
  return [...groupBy(all, ({ priority }) => priority)]
    .map(([priority, those]) => {
      const [p50, p95, max] = [0.5, 0.95, 1].map((p) =>
        percentile(
          those.map(({ ms }) => ms),
          p,
        ),
      );
      return { priority, submissions: those.length, p50, p95, max };
    })
    .sort((a, b) => a.p50 - b.p50);
}

/** Takes jobs that are done out of the queue, which then no longer knows them, and submits them again. Returns how many. */
async function submitAgain(site: Site, known: Uint8Array, submissions: number, signal: AbortSignal): Promise<number> {
  const queue = site.app.queues.queue<ScanJob>(SUBMISSIONS);
  const numbers = Array.from({ length: Math.min(AGAIN, submissions) }, (_, i) => i);
  const events = site.app.queues.events(SUBMISSIONS);
  await events.waitUntilReady();
  for (const number of numbers) {
    signal.throwIfAborted();
    const id = jobIdFor(idOf(number));
    await queue.remove(id);
    const job = await queue.add("scan", jobOf(number, known), { jobId: id });
    await job.waitUntilFinished(events, STALLED_MS);
  }
  return numbers.length;
}

async function outboxEmpty({ app }: Site, signal: AbortSignal): Promise<void> {
  for (const fromMs = performance.now(); ; await sleep(POLL_MS, undefined, { signal })) {
    const { rows } = await app.database.pool.query("select 1 from outbox where delivered_at is null limit 1");
    if (rows.length === 0) return;
    if (performance.now() - fromMs > STALLED_MS) throw new Error("bench load: the outbox is not delivered: no relay works");
  }
}

async function jobsIn({ app }: Site, name: string): Promise<number> {
  return Object.values(await app.queues.queue(name).getJobCounts()).reduce((sum, jobs) => sum + jobs, 0);
}

async function wrongVerdicts({ app }: Site): Promise<{ missed: number; wronglyFound: number }> {
  const { rows } = await app.database.pool.query<{ id: string; kind: string }>("select submission_id as id, kind from verdict");
  const found = rows.map(({ id, kind }) => ({ known: isKnown(numberOf(id)), match: kind === "match" }));
  return {
    missed: found.filter((f) => f.known && !f.match).length,
    wronglyFound: found.filter((f) => !f.known && f.match).length,
  };
}

async function cpuOf(site: Site, replicas: Replica[]) {
  const each = await Promise.all(replicas.map((replica) => replica.cost()));
  const replicasMs = each.reduce((sum, cost) => sum + cost.ownCpuMs + cost.programsCpuMs, 0);
  return { replicasMs, databaseMs: await site.databaseCpuMs() };
}
