import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import sharp from "sharp";
import { addKnown } from "../../../src/bench/load-submissions.js";
import { createPool } from "../../../src/platform/database.js";
import { createLog } from "../../../src/platform/log.js";
import { freePort } from "../../../test/support/free-port.js";
import { CHECKOUT, run } from "./build.js";
import { startProxy, type TcpProxy } from "./proxy.js";
import { type PostgresServer, startPostgres, startRedis } from "./servers.js";
import { type ServiceProcess, superviseService } from "./service-process.js";

/** A whole installation on this machine, with a proxy before each of its servers. */
export interface DrillSite {
  folder: string;
  /** Small disks of their own where we may mount them, else plain folders. */
  disks: { database: string; media: string; areSmall: boolean };
  postgres: PostgresServer;
  redis?: Awaited<ReturnType<typeof startRedis>>;
  proxies: { postgres: TcpProxy; redis?: TcpProxy };
  /** Past the proxies; for the drill itself. */
  directUrl: string;
  /** Through the proxies, as everybody else. */
  databaseUrl: string;
  redisUrl?: string;
  /** What a process of the service is given. */
  env: NodeJS.ProcessEnv;
  token: string;
  known: Uint8Array;
  pictures: { known: Buffer; innocent: Buffer };
  start(name: string, roles: string, command: string[], port?: number): Promise<ServiceProcess>;
  /** Rows, asked past the proxies and as often as it takes. */
  ask<Row extends pg.QueryResultRow>(sql: string, values?: unknown[]): Promise<Row[]>;
  close(): Promise<void>;
}

const DATABASE_DISK_MB = 600;
const MEDIA_DISK_MB = 16;

/** @param command runs the version that makes the tables, and that what is known is registered with. */
export async function openDrillSite(
  backend: "redis" | "postgres",
  command: string[],
  over: NodeJS.ProcessEnv = {},
): Promise<DrillSite> {
  const folder = mkdtempSync(join(tmpdir(), "reupload-drill-"));
  execFileSync("chmod", ["711", folder]);
  const disks = makeDisks(folder);
  const postgres = await startPostgres(disks.database);
  const redis = backend === "redis" ? await startRedis(join(folder, "redis")) : undefined;
  const proxies = {
    postgres: await startProxy(() => postgres.port),
    ...(redis && { redis: await startProxy(() => redis.port) }),
  };
  await query(postgres.url("postgres"), "create database reupload");
  const directUrl = postgres.url("reupload");
  const pictures = await makePictures();
  const databaseUrl = postgres.url("reupload", proxies.postgres.port);
  const redisUrl = proxies.redis && `redis://127.0.0.1:${proxies.redis.port}`;
  const env = {
    ...{ PATH: process.env.PATH, HOME: process.env.HOME, NODE_ENV: "production" },
    ...{ DATABASE_URL: databaseUrl, DATABASE_POOL: "5", REDIS_URL: redisUrl ?? "", REUPLOAD_DATA_DIR: join(folder, "data") },
    ...{ MEDIA_TMP_DIR: disks.media, MEDIA_ROOTS: join(folder, "media"), MEDIA_ALLOW_PRIVATE_ADDRESSES: "1" },
    ...{ FETCH_TIMEOUT_MS: "20000", SCAN_TIMEOUT_MS: "30000", WORKER_LOCK_MS: "5000", WORKER_BACKOFF_MS: "1000" },
    ...{ HTTP_HOST: "127.0.0.1", LOG_LEVEL: "info", SHUTDOWN_GRACE_MS: "10000" },
    ...over,
  };
  const direct = {
    ...env,
    DATABASE_URL: directUrl,
    REDIS_URL: redis ? `redis://127.0.0.1:${redis.port}` : "",
    LOG_LEVEL: "warn",
  };
  const { token, known } = await fill(command, direct);
  return {
    ...{ folder, disks, postgres, redis, proxies, directUrl, databaseUrl, redisUrl, env, token, known, pictures },
    start: async (name, roles, command, port) =>
      superviseService(name, command, { ...env, ROLES: roles }, port ?? (await freePort()), folder),
    ask: (sql, values) => askUntil(directUrl, sql, values),
    close: async () => {
      await Promise.all([proxies.postgres.close(), proxies.redis?.close()]);
      await redis?.end("SIGKILL");
      await postgres.end("SIGQUIT");
      // What a server's last process has open is let go of in a moment.
      if (disks.areSmall) for (const disk of [disks.database, disks.media]) execFileSync("umount", ["--lazy", disk]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function makeDisks(folder: string): DrillSite["disks"] {
  const disks = { database: join(folder, "database"), media: join(folder, "tmp") };
  for (const disk of [...Object.values(disks), join(folder, "media"), join(folder, "data")]) mkdirSync(disk, { mode: 0o755 });
  try {
    mount(disks.database, DATABASE_DISK_MB);
  } catch {
    return { ...disks, areSmall: false };
  }
  mount(disks.media, MEDIA_DISK_MB);
  return { ...disks, areSmall: true };
}

const mount = (folder: string, megabytes: number) =>
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m,mode=755`, "tmpfs", folder], { stdio: "ignore" });

async function makePictures(): Promise<DrillSite["pictures"]> {
  const picture = (name: string) =>
    sharp(join(CHECKOUT, "fixtures", "images", name))
      .resize(480)
      .jpeg({ quality: 70 })
      .toBuffer();
  return { known: await picture("butterfly.jpg"), innocent: await picture("teapot.jpg") };
}

/** Known material, and a token for whoever intake and consumers are. */
async function fill(command: string[], env: NodeJS.ProcessEnv): Promise<{ token: string; known: Uint8Array }> {
  const reupload = (...args: string[]) => run(command[0], [...command.slice(1), ...args], { env });
  await reupload("migrate");
  const pool = createPool(env.DATABASE_URL!, 2, createLog("silent"));
  try {
    const known = await addKnown({ database: { pool } });
    await reupload("known", "add", join(CHECKOUT, "fixtures", "images", "butterfly.jpg"), "--case", "case-picture");
    const scopes = "submissions:read,submissions:write,takedowns:write";
    return { known, token: (await reupload("token", "create", "drill", "--scopes", scopes)).split("\n").at(-1)! };
  } finally {
    await pool.end();
  }
}

async function query<Row extends pg.QueryResultRow>(url: string, sql: string, values?: unknown[]): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on("error", () => {});
  try {
    await client.connect();
    return (await client.query<Row>(sql, values)).rows;
  } finally {
    await client.end().catch(() => {});
  }
}

const ATTEMPTS = 60;

async function askUntil<Row extends pg.QueryResultRow>(url: string, sql: string, values?: unknown[]): Promise<Row[]> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await query<Row>(url, sql, values);
    } catch (error) {
      if (attempt === ATTEMPTS || /^42/.test((error as { code?: string }).code ?? "")) throw error;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}
