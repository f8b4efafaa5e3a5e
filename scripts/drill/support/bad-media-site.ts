import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSite, type Site } from "../../../src/bench/load-site.js";
import { type Config, loadConfig } from "../../../src/config.js";
import { findFfmpeg } from "../../../src/media/find-ffmpeg.js";
import type { Log } from "../../../src/platform/log.js";
import { register } from "../../../src/register.js";
import { clip, type Kitchen, openKitchen, PHOTO } from "./bad-media-kitchen.js";
import { type MediaServer, startMediaServer } from "./bad-media-server.js";

/** An installation of its own, a server that hands out inputs, and a kitchen to make them in. All is removed on `close`. */
export interface BadMediaSite {
  site: Site;
  config: Config;
  server: MediaServer;
  kitchen: Kitchen;
  /** Where downloads lie while they are scanned: empty but for those. */
  tmpDir: string;
  close(): Promise<void>;
}

export interface SiteOptions {
  seed: number;
  scanTimeoutMs: number;
  roles: string;
  /** Where inputs are made and stay; a folder that is removed otherwise. */
  keep?: string;
  variables?: NodeJS.ProcessEnv;
}

/** Opens a site where the kitchen's clip and photo are known material, each of a case of its own. */
export async function openBadMediaSite(options: SiteOptions, log: Log, signal: AbortSignal): Promise<BadMediaSite> {
  const folder = await mkdtemp(join(tmpdir(), "reupload-drill-"));
  const tmpDir = join(folder, "tmp");
  const inputs = options.keep ?? join(folder, "inputs");
  await mkdir(tmpDir);
  await mkdir(inputs, { recursive: true });
  const variables = {
    MEDIA_TMP_DIR: tmpDir,
    FETCH_TIMEOUT_MS: String(options.scanTimeoutMs),
    SCAN_TIMEOUT_MS: String(options.scanTimeoutMs),
    MEDIA_ALLOW_PRIVATE_ADDRESSES: "1",
    ROLES: options.roles,
    ...options.variables,
  };
  const config = loadConfig({ ...process.env, ...variables });
  const remove = () => rm(folder, { recursive: true, force: true });
  const server = await startMediaServer();
  const site = await openSite(config, variables, log).catch(async (error) => {
    await Promise.all([server.close(), remove()]);
    throw error;
  });
  const { app } = site;
  // Inputs lie outside the site's own folder, which is removed with it.
  app.config.mediaRoots.push(inputs);
  site.env.MEDIA_ROOTS = app.config.mediaRoots.join(":");
  const close = async () => {
    await server.close();
    await site.close();
    await remove();
  };
  try {
    const { path } = await findFfmpeg(config);
    const kitchen = openKitchen(path, { folder: inputs, trapUrl: server.trapUrl, seed: options.seed }, signal);
    for (const [caseId, path] of [
      ["C-clip", await clip(kitchen)],
      ["C-photo", PHOTO],
    ] as const)
      await register(app.registerSteps, { path }, { caseId, label: caseId, provenance: "own" }, signal);
    return { site, config: app.config, server, kitchen, tmpDir, close };
  } catch (error) {
    await close();
    throw error;
  }
}
