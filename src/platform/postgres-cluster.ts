import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { appendFile, chown, mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { UsageError } from "../errors.js";
import type { PostgresBinaries } from "./postgres-binaries.js";
import { availableMemory, postgresSettings } from "./postgres-settings.js";
import type { ServiceUser } from "./service-user.js";

/** A cluster's folder, and what runs it. `user` is whom root drops to. */
export interface Cluster {
  dir: string;
  binaries: PostgresBinaries;
  user: ServiceUser | undefined;
}

export const SUPERUSER = "reupload";
const SETTINGS_FILE = "reupload.conf";
const PASSWORD_FILE = "reupload-password";
const LOG_FILE = "postgres.log";
const LOG_MAX_BYTES = 10 * 1024 ** 2;
const START_WAIT_SECONDS = 300;
const START_ATTEMPTS = 100;
const MEMORY_REFUSED = /could not map anonymous shared memory|could not create shared memory segment/;
const PORT_TAKEN = /could not bind|could not create any TCP/;

interface Exit {
  code: number | null;
  output: string;
}

async function run(cluster: Cluster, tool: "initdb" | "pg_ctl", args: string[]): Promise<Exit> {
  const { user, binaries, dir } = cluster;
  const child = spawn(join(binaries.nativeDir, "bin", tool), args, {
    cwd: existsSync(dir) ? dir : "/",
    env: { PATH: "/usr/local/bin:/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" },
    stdio: ["ignore", "pipe", "pipe"],
    ...(user && { uid: user.uid, gid: user.gid }),
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (part) => (output += part));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, output: output.trim() };
}

/** Creates the cluster in a folder of another name first: one that was interrupted is never taken for a whole one. */
async function createCluster(cluster: Cluster, dataDir: string): Promise<void> {
  // An initdb whose parent was killed may still be at work in its own folder, so ours has a new name.
  for (const name of await readdir(dataDir)) {
    if (name.startsWith("postgres.partial-")) await rm(join(dataDir, name), { recursive: true, force: true }).catch(() => {});
  }
  const partial = join(dataDir, `postgres.partial-${randomBytes(6).toString("hex")}`);
  const passwordFile = `${partial}-password`;
  await mkdir(partial, { mode: 0o700 });
  await writeFile(passwordFile, randomBytes(24).toString("base64url"), { mode: 0o600 });
  if (cluster.user) for (const path of [partial, passwordFile]) await chown(path, cluster.user.uid, cluster.user.gid);
  const { code, output } = await run({ ...cluster, dir: partial }, "initdb", [
    ...["-D", partial, "-U", SUPERUSER, `--pwfile=${passwordFile}`, "--auth=scram-sha-256", "--encoding=UTF8"],
    ...["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"],
  ]);
  if (code !== 0) throw new Error(`initdb could not create the database in ${dataDir}: ${output}`);
  await appendFile(join(partial, "postgresql.conf"), `include_if_exists '${SETTINGS_FILE}'\n`);
  await rename(passwordFile, join(partial, PASSWORD_FILE));
  await rename(partial, cluster.dir);
}

async function checkVersion({ dir, binaries }: Cluster): Promise<void> {
  const found = (await readFile(join(dir, "PG_VERSION"), "utf8").catch(() => "")).trim();
  if (found === `${binaries.majorVersion}`) return;
  if (found === "")
    throw new UsageError(`REUPLOAD_DATA_DIR: ${dir} is not a Postgres data folder: move it away, or choose another folder`);
  throw new UsageError(
    `REUPLOAD_DATA_DIR: ${dir} was created by Postgres ${found}, and this version brings Postgres ${binaries.majorVersion}: ` +
      `move the folder away and restore a dump of it, or run Postgres ${found} yourself and set DATABASE_URL`,
  );
}

/** Makes sure that the cluster exists and that our binaries can read it. Returns its superuser's password. */
export async function ensureCluster(cluster: Cluster, dataDir: string): Promise<string> {
  const empty = await readdir(cluster.dir).then(
    (names) => names.length === 0,
    (error) => {
      if (error.code === "ENOENT") return true;
      throw error;
    },
  );
  if (empty) await createCluster(cluster, dataDir);
  await checkVersion(cluster);
  return (await readFile(join(cluster.dir, PASSWORD_FILE), "utf8")).trim();
}

/** The pid of a killed server may belong to another program by now, or to a zombie that nobody waits for. */
async function isPostgres(pid: number): Promise<boolean> {
  const process = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return /^\d+ \(postgres\) [^ZX]/.test(process);
}

/** What postmaster.pid says, and whether that process is a living Postgres; undefined when there is no such file. */
async function readPidFile({ dir }: Cluster): Promise<{ pid: number; port: number; alive: boolean } | undefined> {
  const lines = (await readFile(join(dir, "postmaster.pid"), "utf8").catch(() => "")).split("\n");
  const [pid, port] = [Number(lines[0]), Number(lines[3])];
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  return { pid, port, alive: await isPostgres(pid) };
}

/** A server that is running, starting or stopping; undefined when there is none. */
export async function readPostmaster(cluster: Cluster): Promise<{ pid: number; port: number } | undefined> {
  const found = await readPidFile(cluster);
  return found?.alive ? found : undefined;
}

/** The port of the last start if it is still free, so that open pools find the server again; else any free one. */
async function choosePort(wanted: number): Promise<number> {
  const server = createServer();
  try {
    server.listen(wanted, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    return port;
  } catch {
    return choosePort(0);
  }
}

async function writeSettings(cluster: Cluster, avoidLastPort: boolean, memory: number): Promise<void> {
  const path = join(cluster.dir, SETTINGS_FILE);
  const lastPort = Number(/^port = (\d+)$/m.exec(await readFile(path, "utf8").catch(() => ""))?.[1] ?? 0);
  const port = await choosePort(avoidLastPort ? 0 : lastPort);
  const settings = postgresSettings(memory);
  const lines = Object.entries({ ...settings, port }).map(([name, value]) => `${name} = ${value}\n`);
  await writeFile(
    path,
    `# Written at every start; your own settings belong into postgresql.conf, below the include.\n${lines.join("")}`,
  );
  if (cluster.user) await chown(path, cluster.user.uid, cluster.user.gid);
}

async function logSize(path: string): Promise<number> {
  const bytes = await stat(path).then(
    (s) => s.size,
    () => 0,
  );
  if (bytes <= LOG_MAX_BYTES) return bytes;
  await rename(path, `${path}.old`);
  return 0;
}

/** Runs pg_ctl once. Returns "" or, when the server did not start, what it logged. */
async function tryStart(cluster: Cluster, avoidLastPort: boolean, memory: number): Promise<string> {
  const logFile = join(cluster.dir, LOG_FILE);
  const fromByte = await logSize(logFile);
  const stale = await readPidFile(cluster);
  if (stale?.alive) return "";
  if (stale !== undefined) await rm(join(cluster.dir, "postmaster.pid"), { force: true });
  await writeSettings(cluster, avoidLastPort, memory);
  const args = ["start", "-D", cluster.dir, "-l", logFile, "-w", "-t", `${START_WAIT_SECONDS}`, "-s"];
  const { code, output } = await run(cluster, "pg_ctl", args);
  if (code === 0) return "";
  const logged = await readFile(logFile).catch(() => Buffer.alloc(0));
  return logged.subarray(fromByte).toString("utf8").trim() || output || "pg_ctl gave no reason";
}

/**
 * Starts the server and waits until it takes connections, however long its recovery takes (up to five minutes).
 * Call it under the mutex, when {@link readPostmaster} found none.
 */
export async function startServer(cluster: Cluster): Promise<void> {
  let reason = "";
  let memory = availableMemory();
  for (let attempt = 0; attempt < START_ATTEMPTS; attempt++) {
    reason = await tryStart(cluster, PORT_TAKEN.test(reason), memory);
    // A start of ours whose parent was killed half way may have come first.
    if (reason === "" || /lock file "postmaster.pid" already exists/.test(reason)) return;
    // Backends of a killed server take a moment to notice, and hold on to its shared memory until then.
    if (/shared memory block .* in use/.test(reason)) await delay(100);
    // Where memory is promised sparingly, it is started with as little as can be.
    else if (MEMORY_REFUSED.test(reason) && memory > 0) memory = 0;
    else if (!PORT_TAKEN.test(reason)) break;
  }
  throw new Error(`Postgres did not start in ${cluster.dir}: ${reason.split("\n").slice(-5).join(" | ")}`);
}

/** Ends all sessions, writes a checkpoint, and waits until the server is gone. */
export async function stopServer(cluster: Cluster): Promise<void> {
  const running = await readPostmaster(cluster);
  if (running === undefined) return;
  const { code, output } = await run(cluster, "pg_ctl", ["stop", "-D", cluster.dir, "-m", "fast", "-w", "-t", "120", "-s"]);
  if (code !== 0 && (await readPostmaster(cluster)) !== undefined) throw new Error(`Postgres did not stop: ${output}`);
  // pg_ctl waits for postmaster.pid to go, which is shortly before the process does.
  while (await isPostgres(running.pid)) await delay(5);
}
