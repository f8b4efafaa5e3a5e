import { existsSync, realpathSync } from "node:fs";
import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { TransientError, UsageError } from "../errors.js";
import type { Log } from "./log.js";
import { findPostgresPackage, preparePostgresBinaries } from "./postgres-binaries.js";
import { type Cluster, ensureCluster, readPostmaster, SUPERUSER, startServer, stopServer } from "./postgres-cluster.js";
import { withProcessMutex } from "./process-mutex.js";
import { closedFolder, type ServiceUser, serviceUserFor } from "./service-user.js";

export interface EmbeddedPostgres {
  /** Of the database `reupload`, as its owner. */
  connectionString: string;
  /** Leaves; the last process to leave stops the server. Safe to call twice. */
  close(): Promise<void>;
}

const DATABASE = "reupload";

/** Every process that uses the server keeps one session of this name open: whoever is killed is counted out by the kernel. */
const PRESENCE = "reupload-presence";
const PRESENT = "SELECT count(*)::int AS others FROM pg_stat_activity WHERE application_name = $1 AND pid <> pg_backend_pid()";

/** How long a server may take to come up, or to go down, before we call it stuck. */
const SETTLE_POLLS = 600;
const SETTLE_POLL_MS = 100;
const ENTER_ATTEMPTS = 3;

interface Session {
  presence: pg.Client;
  connectionString: string;
}

function urlFor(port: number, password: string, database: string): string {
  return `postgresql://${SUPERUSER}:${password}@127.0.0.1:${port}/${database}`;
}

async function prepareDataDir(dataDir: string): Promise<{ dir: string; user: ServiceUser | undefined }> {
  const isRoot = process.getuid?.() === 0;
  if (!existsSync(dataDir)) {
    await mkdir(dataDir, { recursive: true, mode: isRoot ? 0o755 : 0o700 });
    // The umask may have taken away what the user we drop to needs.
    if (isRoot) await chmod(dataDir, 0o755);
  }
  const dir = realpathSync(dataDir);
  const user = serviceUserFor(join(dir, "postgres"));
  const closed = user && closedFolder(dir, user);
  if (!closed) return { dir, user };
  throw new UsageError(
    `REUPLOAD_DATA_DIR: Postgres does not run as root but as user ${user.name}, who may not enter ${closed}: ` +
      "choose a folder outside it, such as /var/lib/reupload, or run as an ordinary user",
  );
}

async function connectPresence(port: number, password: string): Promise<pg.Client> {
  const connectionString = urlFor(port, password, "postgres");
  const presence = new pg.Client({
    connectionString,
    application_name: PRESENCE,
    keepAlive: true,
    connectionTimeoutMillis: 10_000,
  });
  presence.on("error", () => {});
  await presence.connect();
  return presence;
}

/** Joins the running server, waiting while it starts or stops; undefined when there is none. */
async function joinRunning(cluster: Cluster, password: string): Promise<{ presence: pg.Client; port: number } | undefined> {
  let problem: unknown;
  for (let poll = 0; poll < SETTLE_POLLS; poll++) {
    const postmaster = await readPostmaster(cluster);
    if (postmaster === undefined) return undefined;
    try {
      return { presence: await connectPresence(postmaster.port, password), port: postmaster.port };
    } catch (error) {
      problem = error;
      await delay(SETTLE_POLL_MS);
    }
  }
  throw new TransientError(`the Postgres in ${cluster.dir} runs but takes no connections: ${(problem as Error).message}`);
}

async function enter(cluster: Cluster, dataDir: string, log: Log): Promise<Session> {
  const password = await ensureCluster(cluster, dataDir);
  let joined = await joinRunning(cluster, password);
  for (let attempt = 0; joined === undefined && attempt < ENTER_ATTEMPTS; attempt++) {
    await startServer(cluster);
    joined = await joinRunning(cluster, password);
    log.debug({ dir: cluster.dir, port: joined?.port }, "Postgres started");
  }
  if (joined === undefined) throw new TransientError(`the Postgres in ${cluster.dir} stopped right after its start`);
  const { presence, port } = joined;
  const { rowCount } = await presence.query("SELECT FROM pg_database WHERE datname = $1", [DATABASE]);
  if (rowCount === 0) await presence.query(`CREATE DATABASE ${DATABASE}`);
  return { presence, connectionString: urlFor(port, password, DATABASE) };
}

async function leave(cluster: Cluster, presence: pg.Client): Promise<void> {
  const others = await presence.query<{ others: number }>(PRESENT, [PRESENCE]).then(
    ({ rows }) => rows[0].others,
    () => undefined,
  );
  await presence.end().catch(() => {});
  if (others === 0) await stopServer(cluster);
}

function explain(error: unknown, dataDir: string): unknown {
  const { code, path } = error as NodeJS.ErrnoException;
  if (code !== "EACCES" && code !== "EPERM" && code !== "EROFS") return error;
  return new UsageError(`REUPLOAD_DATA_DIR: ${path ?? dataDir} belongs to another user or is read-only: choose another folder`, {
    cause: error,
  });
}

/**
 * The real Postgres of the optional package, with its data in `<dataDir>/postgres`: started if it is not running,
 * joined if it is. Killing this process leaves the server running for the next one. When the server is killed while
 * we are here, it is started again on the same port.
 *
 * @throws UsageError when the data folder cannot be used; the message says what to do.
 */
export async function openEmbeddedPostgres(
  dataDir: string,
  log: Log,
  packageDir = findPostgresPackage(),
): Promise<EmbeddedPostgres> {
  const { dir, user } = await prepareDataDir(dataDir).catch((error) => {
    throw explain(error, dataDir);
  });
  const exclusively = <T>(fn: () => Promise<T>) => withProcessMutex(dir, fn);
  let closing: Promise<void> | undefined;
  let session: Session;
  let cluster: Cluster;

  const open = async () => {
    cluster = { dir: join(dir, "postgres"), user, binaries: await preparePostgresBinaries(packageDir, dir, user) };
    session = await enter(cluster, dir, log);
    session.presence.once("end", () => {
      if (closing === undefined) void reopen();
    });
  };
  const reopen = async () => {
    log.warn("the connection to the embedded Postgres was lost: starting it again if it stopped");
    await exclusively(async () => {
      if (closing === undefined) await open();
    }).catch((err) => log.error({ err }, "the embedded Postgres could not be started again"));
  };

  await exclusively(open).catch((error) => {
    throw explain(error, dataDir);
  });
  return {
    connectionString: session!.connectionString,
    close: () => {
      closing ??= exclusively(() => leave(cluster, session.presence));
      return closing;
    },
  };
}
