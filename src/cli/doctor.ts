import { constants } from "node:fs";
import { access, statfs } from "node:fs/promises";
import { totalmem } from "node:os";
import { Command } from "commander";
import { type App, openApp } from "../app.js";
import { type Config, loadConfig } from "../config.js";
import { activeFingerprints, indexProcesses } from "../hash-index/index-tiers.js";
import { SUBMISSIONS } from "../intake/client.js";
import { findFfmpeg } from "../media/find-ffmpeg.js";
import { createLog } from "../platform/log.js";
import type { SetExitCode } from "./output.js";
import { oneLine, say } from "./output.js";

type Finding = { state: "ok" | "warning" | "failed"; text: string };

const ok = (text: string): Finding => ({ state: "ok", text });
const warning = (text: string): Finding => ({ state: "warning", text });

/** Less free space than this and a large download fails half way. */
const LEAST_FREE_BYTES = 8 * 1024 ** 3;

export const doctorCommand = (setExitCode: SetExitCode): Command =>
  new Command("doctor").description("check that this machine and its configuration can do the work").action(async () => {
    const config = loadConfig();
    const checks: [string, () => Promise<Finding>][] = [
      ["node", async () => ok(process.version)],
      ["ffmpeg", () => checkFfmpeg(config)],
      ["MEDIA_ROOTS", () => checkRoots(config)],
      ["MEDIA_TMP_DIR", () => checkTemporary(config)],
      ...(await serverChecks(config)),
    ];
    for (const [name, check] of checks) {
      const finding = await check().catch((error: Error): Finding => ({ state: "failed", text: error.message }));
      say(`${finding.state.padEnd(8)} ${name}: ${oneLine(finding.text)}`);
      if (finding.state === "failed") setExitCode(1);
    }
  });

async function checkFfmpeg(config: Config): Promise<Finding> {
  const { path, version, source, warning: text } = await findFfmpeg(config);
  return text ? warning(`${version} (${source}): ${text}`) : ok(`${version} (${source}, ${path})`);
}

async function checkRoots({ mediaRoots }: Config): Promise<Finding> {
  for (const root of mediaRoots) {
    await access(root, constants.R_OK | constants.X_OK).catch(() => {
      throw new Error(`${root} cannot be read; jobs with a path inside it will be refused`);
    });
  }
  return ok(mediaRoots.join(", "));
}

async function checkTemporary({ mediaTmpDir }: Config): Promise<Finding> {
  await access(mediaTmpDir, constants.W_OK).catch(() => {
    throw new Error(`${mediaTmpDir} cannot be written to; downloads need it`);
  });
  const { bavail, bsize } = await statfs(mediaTmpDir);
  const free = `${mediaTmpDir}, ${Math.round((bavail * bsize) / 1024 ** 3)} GiB free`;
  return bavail * bsize < LEAST_FREE_BYTES ? warning(`${free}: less than two of the largest downloads`) : ok(free);
}

/** One check when the database cannot be opened, more when it can. */
async function serverChecks(config: Config): Promise<[string, () => Promise<Finding>][]> {
  let app: App;
  try {
    app = await openApp(config, createLog("silent"));
  } catch (error) {
    return [[config.databaseUrl ? "DATABASE_URL" : "embedded database", () => Promise.reject(error)]];
  }
  return [
    [app.database.embedded ? "embedded database" : "DATABASE_URL", () => checkDatabase(app)],
    ["hash index", () => checkIndex(app)],
    [app.queues.backend === "redis" ? "REDIS_URL" : "queues in Postgres", () => checkQueues(app).finally(() => app.close())],
  ];
}

async function checkDatabase({ database: { pool } }: App): Promise<Finding> {
  const { rows } = await pool.query<{ version: string; free: number }>(
    `select current_setting('server_version') as version,
            current_setting('max_connections')::int - (select count(*)::int from pg_stat_activity) as free`,
  );
  const text = `PostgreSQL ${rows[0].version}, ${rows[0].free} connections free`;
  return Number.parseInt(rows[0].version, 10) < 15 ? warning(`${text}: version 15 or newer is tested`) : ok(text);
}

/** Memory of one fingerprint in a process's own index (142 bytes), and of the patches that come with it (two of 74): `docs/scale.md`. */
const BYTES_A_FINGERPRINT = 290;

async function checkIndex({ config, database: { pool } }: App): Promise<Finding> {
  const fingerprints = await activeFingerprints(pool);
  const from = config.hashIndexInProcessFrom;
  const { serving, loading } = await indexProcesses(pool);
  const processes = `${serving} ${serving === 1 ? "process answers" : "processes answer"} from memory, ${loading} loading`;
  if (from === "never") return ok(`${fingerprints} fingerprints, Postgres answers (HASH_INDEX_IN_PROCESS_FROM is never)`);
  if (fingerprints < from) return ok(`${fingerprints} fingerprints, Postgres answers until there are ${from}`);
  const needed = fingerprints * BYTES_A_FINGERPRINT;
  const text = `${fingerprints} fingerprints, ${processes}, each needs about ${Math.ceil(needed / 1024 ** 2)} MiB`;
  return needed > totalmem() / 2
    ? warning(`${text}, more than half of this machine's memory: set HASH_INDEX_IN_PROCESS_FROM to never, or add memory`)
    : ok(text);
}

async function checkQueues(app: App): Promise<Finding> {
  const queue = app.queues.queue(SUBMISSIONS);
  const counts = await queue.getJobCounts();
  const waiting = `${counts.waiting ?? 0} waiting, ${counts.failed ?? 0} failed`;
  if (app.queues.backend === "postgres") return ok(waiting);
  const policy = await app.queues.redisSetting("maxmemory-policy");
  return policy === undefined || policy === "noeviction"
    ? ok(waiting)
    : warning(`${waiting}; maxmemory-policy is ${policy}: set it to noeviction, or Redis may drop jobs`);
}
