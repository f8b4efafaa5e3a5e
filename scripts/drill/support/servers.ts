import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFile, chmod, chown, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { findPostgresPackage, preparePostgresBinaries } from "../../../src/platform/postgres-binaries.js";
import { type Cluster, ensureCluster, readPostmaster, SUPERUSER, startServer } from "../../../src/platform/postgres-cluster.js";
import { serviceUserFor } from "../../../src/platform/service-user.js";
import { freePort } from "../../../test/support/free-port.js";

/** A server that can be stopped in every way, and comes back on the same port with what it had kept. */
export interface Server {
  port: number;
  isRunning(): Promise<boolean>;
  end(signal: NodeJS.Signals): Promise<void>;
  start(): Promise<void>;
}

export interface PostgresServer extends Server {
  /** The address of a database on any port that leads to the server. */
  url(database: string, port?: number): string;
}

/** What a small installation would have; and not so much log of changes that a small disk is full of it. */
const SETTINGS = ["max_connections = 300", "shared_buffers = 64MB", "max_wal_size = 64MB", "min_wal_size = 32MB"];

/** A PostgreSQL of the drill's own, with its data in `folder`. SIGINT is a fast stop, SIGQUIT an immediate one. */
export async function startPostgres(folder: string): Promise<PostgresServer> {
  await mkdir(folder, { recursive: true, mode: 0o755 });
  await chmod(folder, 0o755);
  const dir = join(folder, "postgres");
  const user = serviceUserFor(dir);
  if (user) await chown(folder, user.uid, user.gid);
  const cluster: Cluster = { dir, user, binaries: await preparePostgresBinaries(findPostgresPackage(), folder, user) };
  const password = await ensureCluster(cluster, folder);
  await appendFile(join(dir, "postgresql.conf"), `${SETTINGS.join("\n")}\n`);
  await startServer(cluster);
  const { port } = (await readPostmaster(cluster))!;
  return {
    port,
    url: (database, through = port) => `postgresql://${SUPERUSER}:${password}@127.0.0.1:${through}/${database}`,
    isRunning: async () => (await readPostmaster(cluster)) !== undefined,
    end: async (signal) => {
      const running = await readPostmaster(cluster);
      if (running) process.kill(running.pid, signal);
      while (await readPostmaster(cluster)) await sleep(20);
    },
    start: () => startServer(cluster),
  };
}

/**
 * A Redis of the drill's own that keeps on disk only what it is told to save. Ended with SIGTERM it saves first; with SIGKILL it goes back to
 * what it saved the last time, however long ago.
 */
export async function startRedis(folder: string): Promise<Server & { ask(...command: string[]): Promise<unknown> }> {
  await mkdir(folder, { recursive: true });
  const port = await freePort();
  let child: ChildProcess | undefined;
  const ask = async (...[name, ...values]: string[]) => {
    const client = new Redis({ port, host: "127.0.0.1", lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: () => null });
    client.on("error", () => {});
    try {
      await client.connect();
      return await client.call(name, ...values);
    } finally {
      client.disconnect();
    }
  };
  const start = async () => {
    child = spawn(
      "redis-server",
      ["--port", `${port}`, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder],
      {
        stdio: "ignore",
      },
    );
    for (;;) {
      if ((await ask("PING").catch(() => undefined)) === "PONG") return;
      if (child.exitCode !== null) throw new Error("redis-server did not start");
      await sleep(50);
    }
  };
  await start();
  return {
    port,
    ask,
    start,
    isRunning: async () => child !== undefined && child.exitCode === null && child.signalCode === null,
    end: async (signal) => {
      if (!child || child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, "exit");
      if (signal === "SIGTERM") await ask("SAVE").catch(() => {});
      child.kill(signal);
      await exited;
    },
  };
}
