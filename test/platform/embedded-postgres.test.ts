import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openDatabase } from "../../src/platform/database.js";
import { openEmbeddedPostgres } from "../../src/platform/embedded-postgres.js";
import { createLog } from "../../src/platform/log.js";
import { findPostgresPackage } from "../../src/platform/postgres-binaries.js";
import { availableMemory, postgresSettings } from "../../src/platform/postgres-settings.js";
import { startProcess, type TestProcess } from "../support/process.js";
import { temporaryDir } from "../support/temporary-dir.js";

const log = createLog("silent");
const CHILD = fileURLToPath(new URL("./embedded-child.ts", import.meta.url));
const isRoot = process.getuid?.() === 0;

let dir: ReturnType<typeof temporaryDir>;
let children: TestProcess[];

beforeEach(() => {
  dir = temporaryDir();
  children = [];
});

afterEach(async () => {
  for (const child of children) await child.kill();
  const pid = postmasterPid();
  if (pid !== undefined && isAlive(pid)) {
    process.kill(pid, "SIGQUIT");
    await expect.poll(() => isAlive(pid), { timeout: 20_000 }).toBe(false);
  }
  dir.remove();
});

const pidFile = () => join(dir.path, "postgres", "postmaster.pid");
const postmasterPid = () => (existsSync(pidFile()) ? Number(readFileSync(pidFile(), "utf8").split("\n")[0]) : undefined);

/** A zombie (a container's first process may not collect them) is not alive. */
function isAlive(pid: number): boolean {
  if (!existsSync(`/proc/${pid}/stat`)) return false;
  return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
}

function secondProcess(): TestProcess {
  const child = startProcess(CHILD, [dir.path]);
  children.push(child);
  return child;
}

async function query(connectionString: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString });
  client.on("error", () => {});
  try {
    await client.connect();
    return (await client.query(sql)).rows;
  } finally {
    await client.end().catch(() => {});
  }
}

describe("the embedded Postgres", () => {
  it("starts in an empty data folder, keeps it closed to others, and stops when its only user leaves", async () => {
    const server = await openEmbeddedPostgres(dir.path, log);
    const rows = await query(server.connectionString, "SELECT current_database() AS db, current_setting('fsync') AS fsync");
    expect(rows).toEqual([{ db: "reupload", fsync: "on" }]);
    expect(statSync(join(dir.path, "postgres")).mode & 0o777).toBe(0o700);
    expect(statSync(join(dir.path, "postgres", "reupload-password")).mode & 0o777).toBe(0o600);
    const pid = postmasterPid()!;
    await server.close();
    expect(isAlive(pid)).toBe(false);
  });

  it("gives a cluster that was made with other settings those that fit the memory, at its next start", async () => {
    await (await openEmbeddedPostgres(dir.path, log)).close();
    const file = join(dir.path, "postgres", "reupload.conf");
    writeFileSync(
      file,
      readFileSync(file, "utf8").replace(/^(shared_buffers|effective_cache_size|max_wal_size).*$/gm, "$1 = 64MB"),
    );
    const server = await openEmbeddedPostgres(dir.path, log);
    const wanted = postgresSettings(availableMemory());
    const names = ["shared_buffers", "effective_cache_size", "max_wal_size"];
    const rows = (await query(
      server.connectionString,
      `SELECT name, setting::text || coalesce(unit, '') AS setting FROM pg_settings WHERE source = 'configuration file'`,
    )) as { name: string; setting: string }[];
    const bytes = (text: string) =>
      text.replace(/^(\d+)(8kB|MB|GB)$/, (_, n, unit) => `${n * { "8kB": 8, MB: 1024, GB: 1024 ** 2 }[unit as "MB"]}kB`);
    const found = new Map(rows.map((r) => [r.name, r.setting]));
    for (const name of names) expect(bytes(found.get(name)!), name).toBe(bytes(wanted[name]));
    expect([found.get("checkpoint_timeout"), found.get("jit")]).toEqual(["900s", "off"]);
    await server.close();
  });

  it.skipIf(availableMemory() < 8 * 1024 ** 3)("starts with little memory where it may not have more (needs 8 GB)", async () => {
    const packageDir = join(dir.path, "package");
    cpSync(findPostgresPackage(), packageDir, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (path) => !path.endsWith(".a"),
    });
    const tool = join(packageDir, "native", "bin", "pg_ctl");
    renameSync(tool, `${tool}.real`);
    writeFileSync(tool, `#!/bin/sh\nulimit -v 800000\nexec "$0.real" "$@"\n`, { mode: 0o755 });
    const server = await openEmbeddedPostgres(join(dir.path, "data"), log, packageDir);
    expect(await query(server.connectionString, "SHOW shared_buffers")).toEqual([{ shared_buffers: "128MB" }]);
    await server.close();
  });

  it("works in a folder whose name has spaces and quotes", async () => {
    const server = await openEmbeddedPostgres(join(dir.path, "it's a “folder”"), log);
    expect(await query(server.connectionString, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
    await server.close();
  });

  it("is shared with a second process, and stopped by whoever leaves last", async () => {
    const server = await openEmbeddedPostgres(dir.path, log);
    const pid = postmasterPid()!;
    const child = secondProcess();
    expect(await child.line()).toBe(server.connectionString);
    await server.close();
    expect(isAlive(pid)).toBe(true);
    await child.leave();
    expect(isAlive(pid)).toBe(false);
  });

  it("is started once when several processes come first at the same moment", async () => {
    const all = [secondProcess(), secondProcess(), secondProcess()];
    const server = await openEmbeddedPostgres(dir.path, log);
    for (const child of all) expect(await child.line()).toBe(server.connectionString);
    await server.close();
    await Promise.all(all.map((child) => child.leave()));
    expect(postmasterPid()).toBeUndefined();
  });

  it("outlives a process that is killed, and the next one joins it", async () => {
    const child = secondProcess();
    const connectionString = await child.line();
    const pid = postmasterPid()!;
    await child.kill();
    expect(isAlive(pid)).toBe(true);
    const server = await openEmbeddedPostgres(dir.path, log);
    expect(server.connectionString).toBe(connectionString);
    expect(postmasterPid()).toBe(pid);
    await server.close();
    expect(isAlive(pid)).toBe(false);
  });

  it("recovers what was committed when Postgres itself was killed with all its users", async () => {
    const child = secondProcess();
    await query((await child.line())!, "CREATE TABLE kept AS SELECT 7 AS n");
    await child.kill();
    process.kill(postmasterPid()!, "SIGKILL");
    const server = await openEmbeddedPostgres(dir.path, log);
    expect(await query(server.connectionString, "SELECT n FROM kept")).toEqual([{ n: 7 }]);
    await server.close();
  });

  it("comes back on the same port when Postgres is killed under a running process", async () => {
    const database = await openDatabase({ dataDir: dir.path, databasePool: 2 }, log);
    await database.pool.query("CREATE TABLE kept AS SELECT 7 AS n");
    const killed = postmasterPid()!;
    process.kill(killed, "SIGKILL");
    // Sessions of the killed server may still answer for a moment, so what is read counts once there is another.
    const readAgain = () =>
      database.pool.query("SELECT n FROM kept").then(
        ({ rows }) => ({ rows, another: postmasterPid() !== killed }),
        (error) => error.name,
      );
    await expect.poll(readAgain, { timeout: 60_000, interval: 100 }).toEqual({ rows: [{ n: 7 }], another: true });
    const pid = postmasterPid()!;
    await database.close();
    expect(isAlive(pid)).toBe(false);
  });

  it("survives a first start that was killed half way", async () => {
    const child = secondProcess();
    await expect
      .poll(() => readdirSync(dir.path).some((name) => name.startsWith("postgres.partial")), { interval: 1, timeout: 30_000 })
      .toBe(true);
    await child.kill();
    const server = await openEmbeddedPostgres(dir.path, log);
    expect(await query(server.connectionString, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
    await server.close();
  });

  it("starts although postmaster.pid names a process that is something else", async () => {
    await (await openEmbeddedPostgres(dir.path, log)).close();
    writeFileSync(pidFile(), `${process.pid}\n${join(dir.path, "postgres")}\n1\n5432\n\n127.0.0.1\n\nready\n`);
    const server = await openEmbeddedPostgres(dir.path, log);
    expect(await query(server.connectionString, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
    await server.close();
  });
});

describe("a data folder that cannot be used", () => {
  it("of another Postgres version is refused with what to do", async () => {
    await (await openEmbeddedPostgres(dir.path, log)).close();
    writeFileSync(join(dir.path, "postgres", "PG_VERSION"), "15\n");
    await expect(openEmbeddedPostgres(dir.path, log)).rejects.toThrow(
      /created by Postgres 15.*brings Postgres 18.*set DATABASE_URL/,
    );
  });

  it("that holds something else is refused and left alone", async () => {
    mkdirSync(join(dir.path, "postgres"));
    writeFileSync(join(dir.path, "postgres", "holiday.jpg"), "");
    await expect(openEmbeddedPostgres(dir.path, log)).rejects.toThrow(/REUPLOAD_DATA_DIR: .* is not a Postgres data folder/);
    expect(readdirSync(join(dir.path, "postgres"))).toEqual(["holiday.jpg"]);
  });

  it.runIf(isRoot)("under a closed folder is refused for root, naming the variable and the folder (needs root)", async () => {
    chmodSync(dir.path, 0o700);
    await expect(openEmbeddedPostgres(join(dir.path, "data"), log)).rejects.toThrow(
      new RegExp(`REUPLOAD_DATA_DIR: .* may not enter ${dir.path}`),
    );
  });

  it.skipIf(isRoot)("of another user is refused, naming the variable (needs an ordinary user)", async () => {
    chmodSync(dir.path, 0o555);
    await expect(openEmbeddedPostgres(join(dir.path, "data"), log)).rejects.toThrow(/REUPLOAD_DATA_DIR/);
    chmodSync(dir.path, 0o755);
  });
});

describe("the binaries", () => {
  /** As after `npm ci --ignore-scripts`: no library symlinks. */
  function installPackage(): string {
    const target = join(dir.path, "closed", "package");
    const isStatic = (path: string) => path.endsWith(".a");
    cpSync(findPostgresPackage(), target, { recursive: true, verbatimSymlinks: true, filter: (path) => !isStatic(path) });
    const links = JSON.parse(readFileSync(join(target, "native", "pg-symlinks.json"), "utf8")) as { target: string }[];
    for (const link of links) rmSync(join(target, link.target), { force: true });
    return target;
  }

  it("get the library symlinks that an install without scripts leaves out", async () => {
    const packageDir = installPackage();
    const data = join(dir.path, "data");
    await (await openEmbeddedPostgres(data, log, packageDir)).close();
    expect(readdirSync(data)).toEqual(["postgres"]);
    expect(existsSync(join(packageDir, "native", "lib", "libpq.so.5"))).toBe(true);
  });

  it("are copied into the data folder when the package is read-only or closed to the user that runs them", async () => {
    const packageDir = installPackage();
    const lib = join(packageDir, "native", "lib");
    chmodSync(isRoot ? join(dir.path, "closed") : lib, isRoot ? 0o700 : 0o555);
    const data = join(dir.path, "data");
    const server = await openEmbeddedPostgres(data, log, packageDir);
    expect(await query(server.connectionString, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
    await server.close();
    const copies = readdirSync(data).filter((name) => name.startsWith("postgres-bin-18"));
    expect(copies).toHaveLength(1);
    const inode = statSync(join(data, copies[0])).ino;
    await (await openEmbeddedPostgres(data, log, packageDir)).close();
    expect(statSync(join(data, copies[0])).ino).toBe(inode);
    if (!isRoot) chmodSync(lib, 0o755);
  });
});
