import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { App } from "./app.js";
import { eraseFromQueues } from "./casework/erase/queues.js";
import { settleLessons } from "./casework/learn.js";
import { retireExpired } from "./casework/retention.js";
import { recheckTakedowns } from "./casework/takedown-rechecks.js";
import { startTakedownResults, TAKEDOWN_RESULTS } from "./casework/takedown-results.js";
import { sweepTakedowns } from "./casework/takedown-sweep.js";
import type { Config, Role } from "./config.js";
import { type DigestOptions, runDigest } from "./delivery/digest.js";
import { runRelay } from "./delivery/relay.js";
import { runWebhooks } from "./delivery/webhooks.js";
import { listsToLookBack, lookBackForList } from "./exchange/look-back-list.js";
import { packSome, postYoung } from "./hash-index/pack.js";
import { createIntakeClient, SUBMISSIONS } from "./intake/client.js";
import { parkJob } from "./intake/park.js";
import { startIntake } from "./intake/worker.js";
import { findFfmpeg } from "./media/find-ffmpeg.js";
import { stillThere } from "./media/still-there.js";
import type { Outcome, Submission } from "./model.js";
import type { Log } from "./platform/log.js";
import { createMetrics, type Metrics } from "./platform/metrics.js";
import { register } from "./register.js";
import { judge, recordUnscannable, type Scanned, scan } from "./scan.js";
import type { Parts } from "./web/parts.js";
import { startWeb } from "./web/server.js";
import { addSurfaces } from "./web/surfaces.js";
import { webhookGuard } from "./web/webhook-guard.js";

/** How often the relay's process looks for what a crash interrupted, what is late, and what has outlived its retention. */
const HOUSEKEEPING_MS = 60_000;

/** Until their postings are written, new fingerprints are compared one by one. */
const POSTING_MS = 3_000;

export interface Service {
  /** Where the web role listens, when it was asked for. */
  address?: string;
  /** Takes no new work, finishes what is under way within `SHUTDOWN_GRACE_MS`, then stops. */
  stop(): Promise<void>;
}

/**
 * Starts the roles asked for on an open app: `worker` scans, `relay` delivers, `web` answers.
 *
 * @throws UsageError when the web role's port is taken.
 */
export async function startService(app: App, roles: Role[]): Promise<Service> {
  const draining = new AbortController();
  // The relay stops last: what the workers record while they drain is still delivered.
  const drained = new AbortController();
  const killing = new AbortController();
  const metrics = createMetrics(metricSources(app));
  const web = roles.includes("web")
    ? await startWeb({
        config: app.config,
        log: app.log,
        metrics,
        checks: checksOf(app),
        isDraining: () => draining.signal.aborted,
        surfaces: (server, readiness) => addSurfaces(server, { ...partsOf(app), readiness }),
      })
    : undefined;
  // Only who scans looks anything up.
  const index = roles.includes("worker") ? app.index.serve(drained.signal) : undefined;
  const worker = roles.includes("worker")
    ? startIntake(app.queues, intakeSteps(app, metrics), app.config, app.log, killing.signal)
    : undefined;
  const relay = roles.includes("relay") ? runRelayRole(app, draining.signal, drained.signal) : undefined;
  app.log.info(
    { roles, queues: app.queues.backend, embedded: app.database.embedded, listening: web?.address.replace("http://", "") },
    "ready",
  );
  return {
    address: web?.address,
    stop: async () => {
      draining.abort(new Error("the service is stopping"));
      const grace = setTimeout(() => killing.abort(new Error("the service is stopping")), app.config.shutdownGraceMs);
      await worker?.close();
      drained.abort(new Error("the service is stopping"));
      await relay;
      await index;
      clearTimeout(grace);
      await web?.close();
    },
  };
}

async function runRelayRole(app: App, draining: AbortSignal, drained: AbortSignal): Promise<void> {
  const { config, log, queues } = app;
  const { pool, connectionString } = app.database;
  const results = startTakedownResults(queues, pool, log);
  const digest = digestOptions(config);
  await Promise.all([
    runRelay(pool, connectionString, queues, log, drained),
    runWebhooks(pool, connectionString, { publicUrl: config.publicUrl, guard: webhookGuard(config) }, log, drained),
    digest && runDigest(pool, digest, log, draining),
    every(HOUSEKEEPING_MS, "housekeeping", () => keepHouse(app, draining), log, draining),
    every(POSTING_MS, "posting", () => postYoung(pool), log, draining),
  ]);
  await results.close();
}

function digestOptions(config: Config): DigestOptions | undefined {
  const { smtpUrl, mailFrom: from, digestTo: to, digestHour: hour, digestLanguage: language, publicUrl } = config;
  if (!smtpUrl || !from || !to) return undefined;
  return { smtpUrl, from, to, hour, language, publicUrl, timeZone: config.consoleTimeZone };
}

/** What pages and API work with. */
export function partsOf(app: App): Parts {
  const { config, log, queues, casework: settings, learnSteps: acts } = app;
  return {
    ...{ config, log, queues, settings, acts },
    pool: app.database.pool,
    intake: createIntakeClient(queues),
    check: async (media, signal) => {
      const reading = await app.readReceived(media, "as a scan", signal);
      return { reading, ...(await judge(app.scanSteps, reading)) };
    },
    register: (media, reference, signal) => {
      const read = (source: typeof media) => app.readReceived(source, "as a reference", signal);
      return register({ ...app.registerSteps, read }, media, reference, signal);
    },
  };
}

function intakeSteps(app: App, metrics: Metrics) {
  const finished = (submission: Submission, scanned: Scanned, startedAtMs: number): Outcome => {
    const elapsedMs = Math.round(performance.now() - startedAtMs);
    count(metrics, scanned, elapsedMs);
    const { outcome, reading, failure } = scanned;
    const { verdict, caseIds, reuploadNumber, repeated } = outcome;
    const about = { submissionId: submission.id, verdict, cases: caseIds, reuploadNumber, repeated, elapsedMs };
    app.log.info(
      { ...about, frames: reading?.framesRead, fingerprints: reading?.fingerprints.length, reason: failure?.reason },
      "scanned",
    );
    if (failure?.detail) app.log.debug({ submissionId: submission.id, detail: failure.detail }, "unscannable");
    return outcome;
  };
  return {
    scan: async (submission: Submission, signal: AbortSignal) => {
      const startedAtMs = performance.now();
      return finished(submission, await scan(app.scanSteps, submission, signal), startedAtMs);
    },
    giveUp: async (submission: Submission, failure: Parameters<typeof recordUnscannable>[2]) =>
      finished(submission, await recordUnscannable(app.scanSteps, submission, failure), performance.now()),
    park: async (job: Parameters<typeof parkJob>[1]) => {
      await parkJob(app.database.pool, job);
      metrics.jobsParked.inc();
      app.log.warn({ jobId: job.jobId, field: job.field, reason: job.reason }, "job parked");
    },
    onRetry: () => metrics.jobRetries.inc(),
  };
}

function count(metrics: Metrics, { outcome, reading, timingsMs }: Scanned, elapsedMs: number): void {
  metrics.scanSeconds.observe(elapsedMs / 1000);
  if (outcome.repeated) return;
  metrics.submissions.inc({ verdict: outcome.verdict });
  if (outcome.alertId) metrics.alerts.inc({ kind: outcome.verdict });
  if (outcome.takedownId) metrics.takedowns.inc();
  if (!reading) return;
  metrics.frames.inc({ usable: "false" }, reading.framesUnusable);
  metrics.frames.inc({ usable: "true" }, reading.framesRead - reading.framesUnusable);
  for (const [stage, ms] of Object.entries({ ...reading.timingsMs, ...timingsMs }))
    metrics.stageSeconds.observe({ stage }, ms / 1000);
}

const QUEUE_NAMES = [SUBMISSIONS, "alerts", "takedowns", TAKEDOWN_RESULTS];

function metricSources({ database: { pool }, queues, index }: App) {
  const one = async (sql: string) => Number((await pool.query<{ n: string }>(sql)).rows[0].n);
  return {
    outboxWaiting: () => one("select count(*) as n from outbox where delivered_at is null"),
    references: () => one("select count(*) as n from reference where retired_at is null"),
    hashIndex: async () => ({ ...index.state(), behind: await index.behind(pool) }),
    queueJobs: async () => {
      const counts = await Promise.all(QUEUE_NAMES.map((name) => queues.queue(name).getJobCounts()));
      return QUEUE_NAMES.flatMap((queue, i) => Object.entries(counts[i]).map(([state, jobs]) => ({ queue, state, jobs })));
    },
  };
}

/** What must work for this process to be of use. */
export function checksOf({ config, database: { pool }, queues }: App) {
  return [
    { name: "database", check: async () => void (await pool.query("select 1")) },
    { name: "queue", check: async () => void (await queues.queue(SUBMISSIONS).getJobCounts("waiting")) },
    { name: "ffmpeg", check: async () => void (await findFfmpeg(config)) },
    { name: "temporary files", check: () => access(config.mediaTmpDir, constants.W_OK) },
  ];
}

async function keepHouse(app: App, stopping: AbortSignal): Promise<void> {
  const { log, casework, config } = app;
  const { pool } = app.database;
  const isThere = (url: string, what: "media" | "page") =>
    stillThere(url, what, { allowPrivateAddresses: config.mediaAllowPrivateAddresses }, stopping);
  await settleLessons(pool, app.learnSteps);
  const resumed = await app.resumeLookBacks(stopping);
  if (resumed > 0) log.info({ resumed }, "interrupted look-backs finished");
  for (const list of await listsToLookBack(pool)) await lookBackForList(pool, app.registerSteps, list, stopping);
  const swept = await sweepTakedowns(pool, casework);
  if (swept.queuedAgain + swept.expired > 0) log.info(swept, "takedowns past their deadline");
  for (let due = 1; due > 0 && !stopping.aborted; ) ({ due } = await recheckTakedowns(pool, isThere, casework));
  await packSome(pool);
  for (const { inQueues } of await retireExpired(pool)) await eraseFromQueues(app.queues, inQueues);
  const { rowCount } = await pool.query("delete from submission_fingerprint where expires_at < now()");
  if (rowCount) log.info({ submissions: rowCount }, "fingerprints past their retention removed");
}

async function every(ms: number, what: string, work: () => Promise<unknown>, log: Log, stopping: AbortSignal): Promise<void> {
  while (!stopping.aborted) {
    try {
      await work();
    } catch (err) {
      if (!stopping.aborted) log.warn({ err }, `${what} failed; trying again`);
    }
    await sleep(ms, undefined, { signal: stopping }).catch(() => {});
  }
}
