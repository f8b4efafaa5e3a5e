import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import type { Config } from "../config.js";
import { TransientError, UsageError } from "../errors.js";
import { openEmbeddedPostgres } from "./embedded-postgres.js";
import type { Log } from "./log.js";
import { certificateProblem } from "./tls-problem.js";

/** What functions with SQL take first: the pool, or the client of the transaction they are part of. */
export type Db = pg.Pool | pg.PoolClient;

export interface Database {
  pool: pg.Pool;
  connectionString: string;
  /** True when the Postgres is our own, in the data folder. */
  embedded: boolean;
  close(): Promise<void>;
}

export type Isolation = "read committed" | "repeatable read" | "serializable";

const MAX_RETRIES = 5;

/** Serialization failure, deadlock: the same transaction may succeed the next time. */
const RETRIED = new Set(["40001", "40P01"]);

/** Network errors of Node, and SQLSTATEs of a server that is full, stopping, starting, read-only after a failover, or out of disk. */
const OUTAGES = new Set([
  ...["ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH", "ENOTFOUND", "EAI_AGAIN"],
  ...["57P01", "57P02", "57P03", "57P05", "53000", "53100", "53200", "53300", "55P03", "25006", "58030"],
  ...["08000", "08001", "08003", "08004", "08006"],
  ...RETRIED,
]);

/** Errors that `pg` throws without a code. */
const OUTAGE_MESSAGES =
  /Connection terminated|connection error and is not queryable|timeout exceeded when trying to connect|Client was closed/i;

const codeOf = (error: unknown): string => {
  const { code, cause } = error as { code?: unknown; cause?: { code?: unknown } };
  const found = error instanceof TransientError ? cause?.code : code;
  return typeof found === "string" ? found : "";
};

/** The error itself, or a {@link TransientError} around it when the database was away, full, or asks us to try again. */
export function asTransient(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof TransientError) return error;
  const code = codeOf(error);
  if (!OUTAGES.has(code) && !(code === "" && OUTAGE_MESSAGES.test(error.message))) return error;
  return new TransientError(`database: ${error.message || code}`, { cause: error, isDatabase: true });
}

/**
 * What every session of ours begins with. Compiling statements takes longer than running them: a lookup of 480 hashes among 6,000 took
 * 1.3 s with it and 0.5 s without. A statement rather than a startup parameter, which connection poolers refuse.
 */
export async function prepareSession(client: pg.ClientBase): Promise<void> {
  await client.query("set jit = off");
}

/**
 * A pool of at most `max` connections. Its `query` and `connect` throw {@link TransientError} for an outage, and a
 * connection that drops is logged instead of ending the process. `bigint` columns arrive as strings.
 */
export function createPool(connectionString: string, max: number, log: Log): pg.Pool {
  const pool = new pg.Pool({
    connectionString,
    max,
    connectionTimeoutMillis: 15_000,
    keepAlive: true,
    // With the ten probes a second apart that follow, a server that is gone without a word is noticed after 20 s, and not after two hours.
    keepAliveInitialDelayMillis: 10_000,
    application_name: "reupload",
    onConnect: prepareSession,
  });
  pool.on("error", (err) => {
    if (!pool.ending) log.warn({ err }, "an idle database connection was lost");
  });
  // A client that drops between two queries of a transaction emits here; the next query reports it.
  pool.on("connect", (client) => client.on("error", (err) => log.debug({ err }, "a database connection was lost")));
  for (const method of ["query", "connect"] as const) {
    const original = pool[method].bind(pool) as (...args: unknown[]) => unknown;
    const mapped = (...args: unknown[]) => {
      const result = original(...args);
      return result instanceof Promise ? result.catch((error) => Promise.reject(asTransient(error))) : result;
    };
    Object.defineProperty(pool, method, { value: mapped });
  }
  return pool;
}

async function checkConnection(pool: pg.Pool): Promise<void> {
  try {
    await pool.query("SELECT 1");
  } catch (error) {
    const certificate = certificateProblem(error);
    if (certificate)
      throw new UsageError(`DATABASE_URL: ${certificate}: name the file with its CA as sslrootcert=… or in NODE_EXTRA_CA_CERTS`);
    const { message, code, path, syscall } = error as NodeJS.ErrnoException;
    if (syscall === "open") throw new UsageError(`DATABASE_URL: the file ${path}, which it names, cannot be read (${code})`);
    if (/^(28|3D)/.test(codeOf(error)) || /SCRAM|SASL|SSL/.test(message))
      throw new UsageError(`DATABASE_URL: the database refused us: ${message}`);
    throw error;
  }
}

/**
 * Connects to `DATABASE_URL`, or else to the Postgres in the data folder, which is started if it is not running.
 *
 * @throws UsageError when the server refuses the user, password or database name.
 * @throws TransientError when the server cannot be reached.
 */
export async function openDatabase(
  config: Pick<Config, "databaseUrl" | "databasePool" | "dataDir">,
  log: Log,
): Promise<Database> {
  const server = config.databaseUrl === undefined ? await openEmbeddedPostgres(config.dataDir, log) : undefined;
  const connectionString = server?.connectionString ?? config.databaseUrl!;
  const pool = createPool(connectionString, config.databasePool, log);
  const close = async () => {
    await pool.end();
    await server?.close();
  };
  try {
    await checkConnection(pool);
  } catch (error) {
    await close();
    throw error;
  }
  return { pool, connectionString, embedded: server !== undefined, close };
}

async function attempt<T>(pool: pg.Pool, fn: (tx: pg.PoolClient) => Promise<T>, isolation: Isolation): Promise<T> {
  const tx = await pool.connect();
  let broken = false;
  try {
    await tx.query(`BEGIN ISOLATION LEVEL ${isolation}`);
    const value = await fn(tx);
    await tx.query("COMMIT");
    return value;
  } catch (error) {
    await tx.query("ROLLBACK").catch(() => {
      broken = true;
    });
    throw error;
  } finally {
    tx.release(broken);
  }
}

/**
 * Runs `fn` in one transaction: commits what it returns, rolls back when it throws. After a serialization failure or
 * a deadlock `fn` is run again, up to five times, so it must do nothing but talk to `tx`.
 *
 * @throws TransientError when the database was away, or still conflicted after the last retry.
 */
export async function transaction<T>(
  pool: pg.Pool,
  fn: (tx: pg.PoolClient) => Promise<T>,
  options: { isolation?: Isolation } = {},
): Promise<T> {
  for (let retries = 0; ; retries++) {
    try {
      return await attempt(pool, fn, options.isolation ?? "read committed");
    } catch (error) {
      if (!RETRIED.has(codeOf(error)) || retries === MAX_RETRIES) throw asTransient(error);
      await delay(Math.random() * 20 * 2 ** retries);
    }
  }
}
