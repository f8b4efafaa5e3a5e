import { Command } from "commander";
import { loadConfig } from "../config.js";
import type { Check, Finding } from "./doctor-findings.js";
import { machineChecks } from "./doctor-machine.js";
import { networkChecks } from "./doctor-network.js";
import { openServers } from "./doctor-servers.js";
import { oneLine, type SetExitCode, say, sayJson } from "./output.js";

/** For one check; trying out a sandbox and yt-dlp takes the longest. */
const PATIENCE_MS = 60_000;

/**
 * Looks for what most often is wrong, and changes nothing (the database's tables are left as they are, only queues may be made):
 *
 * 1. the intake writes to other queues than the workers read (`QUEUE_PREFIX`, `REDIS_URL`);
 * 2. no process has the role worker, or relay;
 * 3. Redis drops jobs when it is full, or keeps none on disk;
 * 4. `MEDIA_TMP_DIR` has no room for `WORKER_CONCURRENCY` times `MEDIA_MAX_BYTES`;
 * 5. more connections are asked for than PostgreSQL gives (`DATABASE_POOL`), or it is read-only, old, or without fsync or autovacuum;
 * 6. ffmpeg is old or missing, or media is read without a sandbox;
 * 7. the console is reached without TLS, or cookies and proxies do not fit `PUBLIC_URL`;
 * 8. the OpenID Connect issuer or the mail server refuse us;
 * 9. clocks differ, or the digest has no time zone;
 * 10. tables are behind or ahead of the program; nobody is admin.
 *
 * And: files of secrets that all may read, retention that nobody meant, an index larger than the memory, yt-dlp, the collector of traces.
 */
export const doctorCommand = (setExitCode: SetExitCode): Command =>
  new Command("doctor")
    .description("check that this machine and its configuration can do the work; exit code 1 when something fails")
    .option("--json", "one line of JSON")
    .action(async ({ json = false }: { json?: boolean }) => {
      const config = loadConfig();
      const findings: { check: string; state: Finding["state"]; text: string }[] = [];
      const look = async ([check, run]: Check) => {
        const { state, text } = await inTime(run).catch((error: Error): Finding => ({ state: "failed", text: error.message }));
        findings.push({ check, state, text: oneLine(text) });
        if (!json) say(`${state.padEnd(8)} ${check}: ${oneLine(text)}`);
      };
      const servers = await openServers(config);
      try {
        for (const check of [...machineChecks(config, process.env), ...servers.checks, ...networkChecks(config, process.env)])
          await look(check);
      } finally {
        await servers.close();
      }
      if (json) sayJson({ findings });
      if (findings.some(({ state }) => state === "failed")) setExitCode(1);
    });

async function inTime(run: () => Promise<Finding>): Promise<Finding> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${PATIENCE_MS / 1000} s`)), PATIENCE_MS);
  });
  return Promise.race([run(), late]).finally(() => clearTimeout(timer));
}
