import { setTimeout as sleep } from "node:timers/promises";
import type { App } from "./app.js";
import { startTakedownResults } from "./casework/takedown-results.js";
import { type Config, longestScanMs, type Role } from "./config.js";
import { type DigestOptions, runDigest } from "./delivery/digest.js";
import { checkQueues } from "./delivery/queue-loss.js";
import { runRelay } from "./delivery/relay.js";
import { runWebhooks } from "./delivery/webhooks.js";
import { postYoung } from "./hash-index/pack.js";
import { housekeeper } from "./housekeeping.js";
import { createIntakeClient } from "./intake/client.js";
import { parkJob } from "./intake/park.js";
import { forgetReceived } from "./intake/received.js";
import { enqueueWaiting, missInQueue } from "./intake/reconcile.js";
import { startIntake } from "./intake/worker.js";
import { removeLeftOvers } from "./media/fetch/download-left-overs.js";
import { fetchOptionsOf } from "./media/fetch/fetch-media.js";
import { findDecoder } from "./media/find-decoder.js";
import { checksOf, metricSources } from "./metric-sources.js";
import type { Outcome, Submission } from "./model.js";
import type { Log } from "./platform/log.js";
import { createMetrics, type Metrics } from "./platform/metrics.js";
import { inSpan } from "./platform/tracing.js";
import { register } from "./register.js";
import { judge, recordUnscannable, type Scanned, scan } from "./scan.js";
import type { Parts } from "./web/parts.js";
import { startWeb } from "./web/server.js";
import { addSurfaces } from "./web/surfaces.js";
import { webhookGuard } from "./web/webhook-guard.js";

/** How often the relay's process looks for what a crash interrupted, what is late, and what has outlived its retention. */
const HOUSEKEEPING_MS = 60_000;

/** How often the relay's process makes sure that the queues have lost nothing, and looks for jobs that they should have. */
const QUEUE_CHECK_MS = 5_000;
const JOB_CHECK_MS = 30_000;

/** How often it queues what was accepted and is in no queue. */
const ENQUEUE_MS = 2_000;

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
  if (roles.includes("worker")) await beforeScanning(app);
  const draining = new AbortController();
  // The relay stops last: what the workers record while they drain is still delivered.
  const drained = new AbortController();
  const killing = new AbortController();
  const isDraining = () => draining.signal.aborted;
  const metrics = createMetrics(metricSources(app, isDraining), roles);
  const web = roles.includes("web")
    ? await startWeb({
        config: app.config,
        log: app.log,
        metrics,
        checks: checksOf(app),
        isDraining,
        surfaces: (server, readiness) => addSurfaces(server, { ...partsOf(app), readiness }),
      })
    : undefined;
  // Only who scans looks anything up.
  const index = roles.includes("worker") ? app.index.serve(drained.signal) : undefined;
  const worker = roles.includes("worker")
    ? startIntake(app.queues, intakeSteps(app, metrics), app.config, app.log, killing.signal)
    : undefined;
  const relay = roles.includes("relay") ? runRelayRole(app, metrics, draining.signal, drained.signal) : undefined;
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

/** What a worker needs is tried out before it takes work, and what a killed one left behind is removed. */
async function beforeScanning({ config, log }: App): Promise<void> {
  const { sandbox } = await findDecoder(config);
  log.info({ sandbox: sandbox.kind, why: sandbox.why }, "media is decoded in a sandbox");
  const { pageFetcher } = await fetchOptionsOf(config);
  for (const warning of pageFetcher?.warnings ?? []) log.warn({ warning }, "page fetcher");
  const removed = await removeLeftOvers(config.mediaTmpDir, longestScanMs(config));
  if (removed > 0) log.info({ removed }, "temporary files of killed processes removed");
}

async function runRelayRole(app: App, metrics: Metrics, draining: AbortSignal, drained: AbortSignal): Promise<void> {
  const { config, log, queues } = app;
  const { pool, connectionString } = app.database;
  const results = startTakedownResults(queues, pool, log);
  const digest = digestOptions(config);
  await Promise.all([
    runRelay(pool, connectionString, queues, log, drained),
    runWebhooks(
      pool,
      connectionString,
      { publicUrl: config.publicUrl, guard: webhookGuard(config), keys: config.webhookKey },
      log,
      drained,
    ),
    digest && runDigest(pool, digest, log, draining),
    every(HOUSEKEEPING_MS, "housekeeping", housekeeper(app, draining), log, draining),
    every(POSTING_MS, "posting", () => postYoung(pool), log, draining),
    every(QUEUE_CHECK_MS, "the look for lost queues", () => mendLostQueues(app, metrics), log, draining),
    every(JOB_CHECK_MS, "the look for lost jobs", () => mendLostJobs(app, metrics), log, draining),
    every(ENQUEUE_MS, "queueing what was accepted", () => enqueueAccepted(app, draining), log, draining),
  ]);
  await results.close();
}

async function enqueueAccepted({ database: { pool }, queues }: App, stopping: AbortSignal): Promise<void> {
  while (!stopping.aborted && (await enqueueWaiting(pool, queues)) > 0);
}

async function mendLostQueues({ database: { pool }, queues, log }: App, metrics: Metrics): Promise<void> {
  const loss = await checkQueues(pool, queues);
  metrics.submissionsRequeued.inc(loss?.submissions ?? 0);
  if (loss) log.warn(loss, "the queues have lost what they held; it is queued and delivered again");
}

async function mendLostJobs({ database: { pool }, queues, log }: App, metrics: Metrics): Promise<void> {
  const missing = await missInQueue(pool, queues);
  metrics.submissionsRequeued.inc(missing);
  if (missing > 0) log.warn({ missing }, "jobs that the queue should have are not there; they are queued again");
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
    intake: createIntakeClient(queues, app.database.pool),
    check: async (media, signal) => {
      const reading = await app.readReceived(media, "all of it", signal);
      return judge(app.scanSteps, reading);
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
      {
        ...about,
        frames: reading?.framesRead,
        fingerprints: reading?.fingerprints.length,
        unread: reading?.unread,
        readAgain: reading?.before && true,
        reason: failure?.reason,
      },
      "scanned",
    );
    if (failure?.detail) app.log.debug({ submissionId: submission.id, detail: failure.detail }, "unscannable");
    return outcome;
  };
  return {
    scan: (submission: Submission, signal: AbortSignal) =>
      inSpan("scan", async (note) => {
        const startedAtMs = performance.now();
        const scanned = await scan(app.scanSteps, submission, signal);
        const { verdict, repeated } = scanned.outcome;
        // Queued more than once: what was recorded the first time is the end of each.
        if (repeated) await forgetReceived(app.database.pool, submission.id);
        note({ verdict, repeated, kind: scanned.reading?.kind, frames: scanned.reading?.framesRead });
        return finished(submission, scanned, startedAtMs);
      }),
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
  if (reading.unread) metrics.readInPart.inc({ unread: reading.unread });
  if (reading.before) metrics.readDenser.inc();
  metrics.frames.inc({ usable: "false" }, reading.framesUnusable);
  metrics.frames.inc({ usable: "true" }, reading.framesRead - reading.framesUnusable);
  for (const [stage, ms] of Object.entries({ ...reading.timingsMs, ...timingsMs }))
    metrics.stageSeconds.observe({ stage }, ms / 1000);
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
