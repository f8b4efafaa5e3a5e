import { readdir, statfs } from "node:fs/promises";
import type { Pool } from "pg";
import type { Config } from "../config.js";
import { sealedFigures } from "../delivery/webhook-secrets.js";
import { activeFingerprints, indexProcesses } from "../hash-index/index-tiers.js";
import { availableMemory } from "../platform/postgres-settings.js";
import { type Finding, failed, gib, ok, warning, worstOf } from "./doctor-findings.js";
import { type Opened, processesOf } from "./doctor-queues.js";

/** Tested from this one on. */
const LEAST_VERSION = 15;

/** Connections that a process holds besides its pool: two that listen, and the index's. On Postgres also three for each of eight queue objects. */
const BESIDES_POOL = { redis: 3, postgres: 3 + 8 * 3 };

/** A database that has less than this, or than a tenth, is soon full. */
const LEAST_FREE_BYTES = 2 * 1024 ** 3;
const LEAST_FREE_SHARE = 0.1;

interface Settings {
  version: string;
  connections: number;
  used: number;
  fsync: boolean;
  autovacuum: boolean;
  readOnly: boolean;
}

export async function checkDatabase(opened: Opened): Promise<Finding> {
  const { config, database, queues } = opened;
  const { rows } = await database.pool.query<Settings>(
    `select current_setting('server_version') as version,
            current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int as connections,
            (select count(*)::int from pg_stat_activity where backend_type = 'client backend') as used,
            current_setting('fsync')::bool as fsync, current_setting('autovacuum')::bool as autovacuum,
            pg_is_in_recovery() or current_setting('default_transaction_read_only')::bool as "readOnly"`,
  );
  const { version, connections, used, fsync, autovacuum, readOnly } = rows[0];
  const { workers, relays } = await processesOf(opened);
  const each = config.databasePool + BESIDES_POOL[queues.backend];
  const processes = Math.max(1, workers, relays);
  const need = `${processes} ${processes === 1 ? "process takes" : "processes take"} up to ${processes * each}`;
  const room = await roomOf(opened);
  return worstOf(
    [
      readOnly && failed("it takes no writes: connect to the primary server"),
      each > connections &&
        failed(`one process takes up to ${each} connections, and it gives ${connections}: lower DATABASE_POOL`),
      each <= connections &&
        processes * each > connections &&
        warning(`it gives ${connections} connections, and ${need}: lower DATABASE_POOL, or raise max_connections`),
      !fsync && warning("fsync is off: a power cut may destroy it: set it to on"),
      !autovacuum && warning("autovacuum is off: tables grow and plans age: set it to on"),
      Number.parseInt(version, 10) < LEAST_VERSION &&
        warning(`version ${version}: ${LEAST_VERSION} or newer is tested: upgrade it`),
      room,
    ],
    `PostgreSQL ${version}, ${connections - used} of ${connections} connections free; ${need}`,
  );
}

/** Only of our own server do we know where its files lie. */
async function roomOf({ config, database }: Opened): Promise<Finding | undefined> {
  if (!database.embedded) return undefined;
  const { bavail, blocks, bsize } = await statfs(config.dataDir);
  const free = bavail * bsize;
  if (free >= LEAST_FREE_BYTES && bavail >= blocks * LEAST_FREE_SHARE) return undefined;
  return warning(`${config.dataDir} has only ${gib(free)} left: make room, or set REUPLOAD_DATA_DIR to a larger disk`);
}

/** A machine that is further off than this confuses deadlines and the order of acts; further still, sign-ins and signatures fail. */
const SKEW_MS = { warning: 2_000, failed: 60_000 };

export async function checkClock(pool: Pool, nowMs: () => number = Date.now): Promise<Finding> {
  const beforeMs = nowMs();
  const { rows } = await pool.query<{ atMs: number }>(`select extract(epoch from clock_timestamp())::float8 * 1000 as "atMs"`);
  const apartMs = Math.round(rows[0].atMs - (beforeMs + nowMs()) / 2);
  const seconds = Math.abs(apartMs / 1000).toFixed(1);
  const off = `this machine's clock is ${seconds} s ${apartMs > 0 ? "behind" : "ahead of"} the database's: run NTP on both`;
  if (Math.abs(apartMs) >= SKEW_MS.failed) return failed(off);
  if (Math.abs(apartMs) >= SKEW_MS.warning) return warning(off);
  return ok(`${seconds} s from the database's`);
}

export interface Migrations {
  pending: string[];
  /** Of a newer version. */
  unknown: string[];
}

/** What of this version's migrations the database lacks, and what it has besides. */
export async function migrationsOf(pool: Pool): Promise<Migrations> {
  const own = (await readdir(new URL("../platform/migrations", import.meta.url))).filter((name) => name.endsWith(".sql")).sort();
  const { rows: found } = await pool.query<{ there: boolean }>("select to_regclass('schema_migration') is not null as there");
  const applied = found[0].there
    ? (await pool.query<{ name: string }>("select name from schema_migration order by name")).rows
    : [];
  const names = applied.map(({ name }) => name);
  return { pending: own.filter((name) => !names.includes(name)), unknown: names.filter((name) => !own.includes(name)) };
}

export function checkMigrations({ pending, unknown }: Migrations): Finding {
  const rest = "and the checks that need them were left out";
  if (pending.length > 0)
    return warning(`${pending.join(", ")} not applied yet, ${rest}: run reupload migrate, or start the service`);
  if (unknown.length > 0)
    return warning(`the database is newer than this program (${unknown.join(", ")}): upgrade this machine too`);
  return ok("up to date");
}

/** Memory of one fingerprint in a process's own index (142 bytes), and of the patches that come with it (of fast clips five of 50: three sets of the bench have 413 fingerprints and 1,892 patches): `docs/scale.md`. */
const BYTES_A_FINGERPRINT = 392;

export async function checkIndex({ config, database: { pool } }: Opened): Promise<Finding> {
  const fingerprints = await activeFingerprints(pool);
  const from = config.hashIndexInProcessFrom;
  const { serving, loading } = await indexProcesses(pool);
  const processes = `${serving} ${serving === 1 ? "process answers" : "processes answer"} from memory, ${loading} loading`;
  if (from === "never") return ok(`${fingerprints} fingerprints, Postgres answers (HASH_INDEX_IN_PROCESS_FROM is never)`);
  if (fingerprints < from) return ok(`${fingerprints} fingerprints, Postgres answers until there are ${from}`);
  const needed = fingerprints * BYTES_A_FINGERPRINT;
  const text = `${fingerprints} fingerprints, ${processes}, each needs about ${Math.ceil(needed / 1024 ** 2)} MiB`;
  return needed > availableMemory() / 2
    ? warning(`${text}, more than half of this machine's memory: set HASH_INDEX_IN_PROCESS_FROM to never, or add memory`)
    : ok(text);
}

export async function checkAccounts(pool: Pool): Promise<Finding> {
  const { rows } = await pool.query<{ admins: number; people: number }>(
    `select count(*) filter (where role = 'admin')::int as admins, count(*)::int as people from account where disabled_at is null`,
  );
  const [{ admins, people }] = rows;
  return admins > 0
    ? ok(`${people} people may sign in, ${admins} of them as admin`)
    : warning("there is no admin: open the link that start prints, or run reupload user add NAME --role admin");
}

export async function checkWebhookKey(pool: Pool, { webhookKey }: Pick<Config, "webhookKey">): Promise<Finding> {
  const { clear, sealed, older, closed } = await sealedFigures(pool, webhookKey);
  const all = clear + sealed + older + closed;
  if (webhookKey.length === 0 && closed === 0)
    return ok(
      all === 0 ? "there are no webhooks" : `the secrets of ${all} webhooks are kept in clear; WEBHOOK_KEY would encrypt them`,
    );
  return worstOf(
    [
      closed > 0 && failed(`the secrets of ${closed} webhooks are encrypted with another key: nothing can be sent to them`),
      clear > 0 && warning(`the secrets of ${clear} webhooks are kept in clear: run reupload webhook encrypt`),
      older > 0 && warning(`the secrets of ${older} webhooks are encrypted with an older key: run reupload webhook encrypt`),
    ],
    `the secrets of ${all} webhooks are encrypted`,
  );
}

/** Below a month most re-uploads of new known material are forgotten before it is reported; above ten years nobody meant it. */
const RETENTION_DAYS = { least: 30, most: 3_650 };

export function checkRetention({ submissionRetentionDays: days }: Pick<Config, "submissionRetentionDays">): Finding {
  const kept = `hashes of submissions, and what was clear, are kept for ${days} days`;
  if (days < RETENTION_DAYS.least)
    return warning(
      `${kept}: what was uploaded before that is not found when it is reported: at least ${RETENTION_DAYS.least} is usual`,
    );
  if (days > RETENTION_DAYS.most) return warning(`${kept}, more than ten years: keep no longer than your purpose needs`);
  return ok(kept);
}
