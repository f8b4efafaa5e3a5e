import { constants } from "node:fs";
import { access, stat, statfs } from "node:fs/promises";
import { SECRET_VARIABLES } from "../config/secret-files.js";
import type { Config } from "../config.js";
import { findPageFetcher } from "../media/fetch/page-fetcher.js";
import { findDecoder } from "../media/find-decoder.js";
import { giveBack, takeStillProcess } from "../media/still/pool.js";
import { availableMemory } from "../platform/postgres-settings.js";
import { type Check, type Finding, gib, ok, warning, worstOf } from "./doctor-findings.js";

/** Of statfs: files there are in memory. */
const TMPFS = 0x01021994;

/** Of the memory, at most so much for files that lie in it. */
const FILES_SHARE = 1 / 2;

/** What this machine must have, whatever servers it talks to. */
export function machineChecks(config: Config, env: NodeJS.ProcessEnv): Check[] {
  const scans = config.roles.includes("worker");
  return [
    ["node", async () => ok(process.version)],
    ["ffmpeg", () => checkFfmpeg(config)],
    ["MEDIA_SANDBOX", () => checkSandbox(config)],
    ...(config.pageFetcher === "off" ? [] : [["PAGE_FETCHER", () => checkPageFetcher(config)] as Check]),
    ["MEDIA_ROOTS", () => checkRoots(config)],
    ["MEDIA_TMP_DIR", () => (scans ? checkTemporary(config) : checkWritable(config))],
    ...(SECRET_VARIABLES.some((name) => env[`${name}_FILE`]) ? [["secrets", () => checkSecretFiles(env)] as Check] : []),
  ];
}

/** Starting one takes a quarter of a second of processor time. */
const IMAGE_DECODER_MS = 20_000;

async function checkFfmpeg(config: Config): Promise<Finding> {
  const { path, version, source, warning: text } = await findDecoder(config);
  return text ? warning(`${version} (${source}): ${text}`) : ok(`${version} (${source}, ${path})`);
}

async function checkSandbox(config: Config): Promise<Finding> {
  const decoder = await findDecoder(config);
  // Finding it has tried ffmpeg in it; this tries the image decoder.
  await giveBack(decoder, await takeStillProcess(decoder, IMAGE_DECODER_MS));
  const { kind, why } = decoder.sandbox;
  if (kind === "bubblewrap" || kind === "namespaces") return ok(`media is read in a sandbox by ${kind} (${why})`);
  const risk = kind === "limits" ? "could read what this user may read, and open connections" : "may do what this user may";
  return warning(`${kind}: a file that breaks ffmpeg ${risk} (${why}): install bubblewrap, and allow user namespaces`);
}

async function checkPageFetcher(config: Config): Promise<Finding> {
  const fetcher = await findPageFetcher(config);
  const warnings = (fetcher?.warnings ?? []).map(warning);
  return worstOf(warnings, `yt-dlp ${fetcher?.version}`);
}

async function checkRoots({ mediaRoots }: Config): Promise<Finding> {
  for (const root of mediaRoots) {
    await access(root, constants.R_OK | constants.X_OK).catch(() => {
      throw new Error(`${root} cannot be read; jobs with a path inside it will be refused: correct it, or give this user access`);
    });
  }
  return ok(mediaRoots.join(", "));
}

async function checkWritable({ mediaTmpDir }: Config): Promise<Finding> {
  await access(mediaTmpDir, constants.W_OK).catch(() => {
    throw new Error(`${mediaTmpDir} cannot be written to; downloads need it: create it, or give this user access`);
  });
  return ok(mediaTmpDir);
}

/** As many of the largest files as are scanned at a time must fit. */
async function checkTemporary(config: Config): Promise<Finding> {
  await checkWritable(config);
  const { mediaTmpDir, workerConcurrency, mediaMaxBytes } = config;
  const { bavail, bsize, type } = await statfs(mediaTmpDir);
  const [free, needed] = [bavail * bsize, workerConcurrency * mediaMaxBytes];
  const room = `${mediaTmpDir}, ${gib(free)} free`;
  const need = `WORKER_CONCURRENCY times MEDIA_MAX_BYTES is ${gib(needed)}`;
  const lower = "lower either, or make room";
  return worstOf(
    [
      free < needed && warning(`${room}, and ${need}: ${lower}`),
      type === TMPFS &&
        needed > availableMemory() * FILES_SHARE &&
        warning(`${mediaTmpDir} is in memory, of which there is ${gib(availableMemory())}, and ${need}: lower either`),
    ],
    `${room}; ${need}`,
  );
}

const OTHERS_READ = 0o004;

/** A platform's own mounts are for one container, whatever their mode says. */
const MOUNTED = /^(\/var)?\/run\/secrets\//;

async function checkSecretFiles(env: NodeJS.ProcessEnv): Promise<Finding> {
  const files = SECRET_VARIABLES.flatMap((name) => (env[`${name}_FILE`] ? [{ name, path: env[`${name}_FILE`] as string }] : []));
  const problems = files.map(async ({ name, path }) => {
    const isOpen = ((await stat(path)).mode & OTHERS_READ) !== 0 && !MOUNTED.test(path);
    return isOpen && warning(`${name}_FILE: everybody on this machine may read ${path}: chmod o-r it`);
  });
  return worstOf(await Promise.all(problems), `${files.length} in files that others may not read`);
}
