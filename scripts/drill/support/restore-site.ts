import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { type App, openApp } from "../../../src/app.js";
import { jobOf } from "../../../src/bench/load-submissions.js";
import { loadConfig } from "../../../src/config.js";
import { createIntakeClient } from "../../../src/intake/client.js";
import { createLog } from "../../../src/platform/log.js";
import { startService } from "../../../src/service.js";
import { interruption } from "./arguments.js";
import { announced } from "./restored.js";

const PATIENCE_MS = 240_000;
const CLOSE_WITHIN_MS = 10_000;

/** Checked wherever the drill waits, so that what it started is stopped. */
export const interrupted = interruption();

/** The service, worker and relay, in this process. */
export async function open(
  folder: string,
  databaseUrl: string,
  redisPort: number,
): Promise<{ app: App; close(): Promise<void> }> {
  await mkdir(join(folder, "tmp"), { recursive: true });
  const config = loadConfig({
    ...{ DATABASE_URL: databaseUrl, REDIS_URL: `redis://127.0.0.1:${redisPort}`, REUPLOAD_DATA_DIR: join(folder, "data") },
    ...{
      MEDIA_ROOTS: `${folder}:fixtures`,
      MEDIA_TMP_DIR: join(folder, "tmp"),
      WORKER_LOCK_MS: "5000",
      SHUTDOWN_GRACE_MS: "3000",
    },
  });
  const app = await openApp(config, createLog("fatal"));
  const service = await startService(app, ["worker", "relay"]);
  const close = async () => {
    const closed = service.stop().then(() => app.close());
    // Ctrl-C ends Redis as well, and queues wait for a Redis that is away for as long as it takes.
    await (interrupted.aborted ? Promise.race([closed, sleep(CLOSE_WITHIN_MS)]) : closed);
  };
  return { app, close };
}

/** Until it is done, or the database is gone. */
export async function submit(app: App, hashes: Uint8Array, from: number, to: number, perSecond: number): Promise<void> {
  const intake = createIntakeClient(app.queues, app.database.pool);
  for (let number = from; number < to; number++) {
    interrupted.throwIfAborted();
    await intake.submit(jobOf(number, hashes));
    await sleep(1_000 / perSecond);
  }
}

/** As an intake does that has heard of the restore: everything, because it cannot know what was lost. */
export async function submitAgain(app: App, { all, hashes }: { all: string[]; hashes: Uint8Array }): Promise<void> {
  const intake = createIntakeClient(app.queues, app.database.pool);
  for (let number = 0; number < all.length; number++) await intake.submit(jobOf(number, hashes));
}

/** Messages about nothing that the database knows, and those that are there twice. Nobody takes any in this drill. */
export async function messagesIn(
  folder: string,
  url: string,
  redisPort: number,
): Promise<{ strangers: number; doubled: number }> {
  const config = loadConfig({
    DATABASE_URL: url,
    REDIS_URL: `redis://127.0.0.1:${redisPort}`,
    REUPLOAD_DATA_DIR: join(folder, "data"),
  });
  const app = await openApp(config, createLog("fatal"));
  try {
    const ids: string[] = [];
    for (const name of ["alerts", "takedowns"])
      for (const job of await app.queues
        .queue<Record<string, unknown>>(name)
        .getJobs(["wait", "prioritized", "delayed"], 0, -1)) {
        const { alertId, takedownId, attempt } = job.data;
        if (alertId) ids.push(String(alertId));
        else if (takedownId) ids.push(`${takedownId}-${attempt}`);
      }
    const known = await announced(url);
    return { strangers: ids.filter((id) => !known.has(id)).length, doubled: ids.length - new Set(ids).size };
  } finally {
    await app.close();
  }
}

export async function sql<Row extends pg.QueryResultRow>(url: string, text: string, values?: unknown[]): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(text, values)).rows;
  } finally {
    await client.end();
  }
}

export async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (const fromMs = performance.now(); !(await isSo()); await sleep(500)) {
    interrupted.throwIfAborted();
    if (performance.now() - fromMs > PATIENCE_MS) throw new Error(`waited ${PATIENCE_MS / 1000} s in vain: ${what}`);
  }
}
