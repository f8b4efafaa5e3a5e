import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type App, openApp } from "../app.js";
import { withoutSecrets } from "../config/secret-files.js";
import type { Config } from "../config.js";
import { SUBMISSIONS } from "../intake/client.js";
import type { Log } from "../platform/log.js";
import { serverCpuMs } from "./load-replica.js";

/** An installation of its own, with replicas of the real service, that is removed afterwards. */
export interface Site {
  app: App;
  /** For media; what lies here, and the program's own clips, may be submitted by path. */
  folder: string;
  /** What a replica needs in its environment to be part of it. */
  env: NodeJS.ProcessEnv;
  /** Processor time of the database so far. */
  databaseCpuMs(): Promise<number>;
  close(): Promise<void>;
}

export const FIXTURES = fileURLToPath(new URL("../../fixtures", import.meta.url));

/**
 * Opens a site on an embedded Postgres in the temporary folder, with its queues there too, or in Redis when `REDIS_URL` is set. Nothing
 * of the installation that `config` describes is touched, except that Redis, under names of its own.
 */
export async function openSite(config: Config, variables: NodeJS.ProcessEnv, log: Log): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), "reupload-bench-site-"));
  // Embedded Postgres runs as another user when we are root, and must be able to reach its folder.
  await chmod(folder, 0o711);
  const dataDir = join(folder, "data");
  const queuePrefix = `bench_${process.pid}`;
  const mediaRoots = [folder, FIXTURES];
  const remove = () => rm(folder, { recursive: true, force: true });
  const own = { ...config, dataDir, databaseUrl: undefined, queuePrefix, mediaRoots };
  const app = await openApp(own, log).catch(async (error) => {
    await remove();
    throw error;
  });
  const env = {
    ...withoutSecrets(process.env),
    REUPLOAD_DATA_DIR: dataDir,
    REDIS_URL: config.redisUrl,
    DIGEST_TO: "",
    QUEUE_PREFIX: queuePrefix,
    MEDIA_ROOTS: mediaRoots.join(":"),
    HTTP_HOST: "127.0.0.1",
    HTTP_PORT: "0",
    LOG_LEVEL: "info",
    ...variables,
  };
  const close = async () => {
    try {
      if (app.queues.backend === "redis")
        for (const name of [SUBMISSIONS, "alerts", "takedowns", "relay-beat"])
          await app.queues.queue(name).obliterate({ force: true });
    } finally {
      await app.close();
      await remove();
    }
  };
  return { app, folder, env, databaseCpuMs: () => serverCpuMs(join(dataDir, "postgres", "postmaster.pid")), close };
}
