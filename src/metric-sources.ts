import { constants } from "node:fs";
import { access, statfs } from "node:fs/promises";
import type { App } from "./app.js";
import { TAKEDOWN_RESULTS } from "./casework/takedown-results.js";
import { waitingFigures } from "./casework/waiting.js";
import { SUBMISSIONS } from "./intake/client.js";
import { intakeFigures } from "./intake/received.js";
import { findDecoder } from "./media/find-decoder.js";
import { createLog } from "./platform/log.js";
import type { MetricSources } from "./platform/metric-gauges.js";
import type { Queues } from "./platform/queues.js";
import { createReadiness } from "./web/readiness.js";

const QUEUE_NAMES = [SUBMISSIONS, "alerts", "takedowns", TAKEDOWN_RESULTS];

/** Shorter than what a scrape waits, so that a check that hangs is shown as one that fails. */
const READY_TIMEOUT_MS = 1_500;

/** What the metrics ask at each scrape. */
export function metricSources(app: App, isDraining: () => boolean): MetricSources {
  const { config, queues, index } = app;
  const { pool } = app.database;
  // Readiness writes changes to the log; what /health/ready is asked is enough for that.
  const readiness = createReadiness(checksOf(app), createLog("silent"), READY_TIMEOUT_MS);
  return {
    intake: () => intakeFigures(pool),
    waiting: () => waitingFigures(pool),
    references: async () => (await pool.query("select count(*)::int as n from reference where retired_at is null")).rows[0].n,
    hashIndex: async () => ({ ...index.state(), behind: await index.behind(pool) }),
    queueJobs: async () => {
      const counts = await Promise.all(QUEUE_NAMES.map((name) => queues.queue(name).getJobCounts()));
      return QUEUE_NAMES.flatMap((queue, i) => Object.entries(counts[i]).map(([state, jobs]) => ({ queue, state, jobs })));
    },
    queueOldestSeconds: async () =>
      Object.fromEntries(await Promise.all(QUEUE_NAMES.map(async (name) => [name, await oldestSeconds(queues, name)]))),
    ready: async () => {
      const { checks } = await readiness();
      return Object.fromEntries(Object.entries(checks).map(([name, outcome]) => [name, outcome === "ok"]));
    },
    draining: async () => isDraining(),
    temporaryBytes: async () => {
      const { bavail, blocks, bsize } = await statfs(config.mediaTmpDir);
      return { free: bavail * bsize, size: blocks * bsize };
    },
    databaseConnections: async () => {
      const { totalCount, idleCount, waitingCount } = pool;
      return { idle: idleCount, busy: totalCount - idleCount, waiting: waitingCount };
    },
    sandbox: async () => (await findDecoder(config)).sandbox.kind,
  };
}

/** Of the first in the line, and of those with a priority the first and the last: a low priority waits longest. */
async function oldestSeconds(queues: Queues, name: string): Promise<number> {
  const queue = queues.queue(name);
  const ends = await Promise.all([
    queue.getJobs(["waiting"], 0, 0, true),
    queue.getJobs(["prioritized"], 0, 0, true),
    queue.getJobs(["prioritized"], 0, 0, false),
  ]);
  const since = ends.flat().map((job) => job?.timestamp ?? Date.now());
  return Math.max(0, (Date.now() - Math.min(Date.now(), ...since)) / 1000);
}

/** What must work for this process to be of use. */
export function checksOf({ config, database: { pool }, queues }: App) {
  return [
    { name: "database", check: async () => void (await pool.query("select 1")) },
    { name: "queue", check: async () => void (await queues.queue(SUBMISSIONS).getJobCounts("waiting")) },
    { name: "ffmpeg", check: async () => void (await findDecoder(config)) },
    { name: "temporary files", check: () => access(config.mediaTmpDir, constants.W_OK) },
  ];
}
