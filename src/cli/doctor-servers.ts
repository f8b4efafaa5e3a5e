import type { Config } from "../config.js";
import { type Database, openDatabase } from "../platform/database.js";
import { createLog } from "../platform/log.js";
import { createQueues } from "../platform/queues.js";
import { pingRedis } from "../platform/queues-elsewhere.js";
import { checkRedis } from "../platform/redis-check.js";
import {
  checkAccounts,
  checkClock,
  checkDatabase,
  checkIndex,
  checkMigrations,
  checkRetention,
  checkWebhookKey,
  migrationsOf,
} from "./doctor-database.js";
import type { Check } from "./doctor-findings.js";
import { checkElsewhere, checkProcesses, checkQueues, type Opened } from "./doctor-queues.js";

/** Servers, opened for the checks; `close` when they are done. */
export interface Servers {
  checks: Check[];
  close(): Promise<void>;
}

/** One check when the database cannot be opened; fewer while its tables are not up to date, which the doctor leaves as they are. */
export async function openServers(config: Config): Promise<Servers> {
  const log = createLog("silent");
  const name = config.databaseUrl ? "DATABASE_URL" : "embedded database";
  let database: Database;
  try {
    database = await openDatabase(config, log);
  } catch (error) {
    return { checks: [[name, () => Promise.reject(error)]], close: async () => {} };
  }
  const queues = createQueues(config, database.connectionString, log);
  const away = config.redisUrl ? await redisProblem(config.redisUrl) : undefined;
  const opened: Opened = { config, database, queues, areReached: away === undefined };
  const known = await migrationsOf(database.pool);
  const ofQueues: Check[] = [
    [config.redisUrl ? "REDIS_URL" : "queues in Postgres", () => (away ? Promise.reject(away) : checkQueues(opened))],
    ["processes", () => checkProcesses(opened)],
    ["QUEUE_PREFIX", () => checkElsewhere(opened)],
  ];
  const withTables: Check[] = [
    ["hash index", () => checkIndex(opened)],
    ["accounts", () => checkAccounts(database.pool)],
    ["WEBHOOK_KEY", () => checkWebhookKey(database.pool, config)],
    ["SUBMISSION_RETENTION_DAYS", async () => checkRetention(config)],
    ...(away ? ofQueues.slice(0, 1) : ofQueues),
  ];
  const checks: Check[] = [
    [name, () => checkDatabase(opened)],
    ["clock", () => checkClock(database.pool)],
    ["migrations", async () => checkMigrations(known)],
  ];
  return {
    checks: known.pending.length === 0 ? [...checks, ...withTables] : checks,
    close: async () => {
      await queues.close();
      await database.close();
    },
  };
}

/** Why the Redis cannot be used; undefined when it can. */
const redisProblem = (redisUrl: string): Promise<Error | undefined> =>
  checkRedis(redisUrl)
    .then(() => pingRedis(redisUrl))
    .then(
      () => undefined,
      (error: Error) => error,
    );
