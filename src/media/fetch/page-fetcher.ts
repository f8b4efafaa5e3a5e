import { execFile } from "node:child_process";
import { realpath } from "node:fs/promises";
import { promisify } from "node:util";
import type { Config } from "../../config.js";
import { UsageError } from "../../errors.js";
import { pathOf } from "../sandbox/choice.js";
import { confinedWords, type PageTools, visibleFor } from "./page-command.js";

/** The program that gets videos out of pages, and how it is kept from other things. */
export interface PageFetcher extends PageTools {
  /** yt-dlp's, which is a date. */
  version: string;
  /** What a person should know: it is not confined, or it is old. */
  warnings: string[];
}

const run = promisify(execFile);
const TRIAL_MS = 30_000;
const DAY_MS = 86_400_000;
/** Sites change all the time, and yt-dlp with them. */
const OLD_DAYS = 120;

const found = new Map<string, Promise<PageFetcher>>();

/**
 * The page fetcher that the configuration asks for, tried out once; undefined when it is off.
 *
 * @throws UsageError naming the variable when it does not work here.
 */
export async function findPageFetcher(config: Pick<Config, "pageFetcher" | "ytDlpPath">): Promise<PageFetcher | undefined> {
  if (config.pageFetcher === "off") return undefined;
  const wanted = config.ytDlpPath ?? "yt-dlp";
  const known = found.get(wanted);
  if (known) return known;
  const finding = find(wanted);
  found.set(wanted, finding);
  // What was not found may be installed in the meantime.
  finding.catch(() => found.delete(wanted));
  return finding;
}

async function find(wanted: string): Promise<PageFetcher> {
  const named = wanted === "yt-dlp" ? "PAGE_FETCHER" : "YT_DLP_PATH";
  const ytDlp = pathOf(wanted);
  const prlimit = pathOf("prlimit");
  if (ytDlp === undefined)
    throw new UsageError(`${named}: yt-dlp is not installed: install it, or say in YT_DLP_PATH where it is`);
  if (prlimit === undefined) throw new UsageError("PAGE_FETCHER: prlimit is not installed: install util-linux");
  const real = await realpath(ytDlp).catch(() => {
    throw new UsageError(`${named}: there is no ${wanted}`);
  });
  const plain = { ytDlp: real, prlimit };
  const bwrap = pathOf("bwrap");
  const confined = bwrap === undefined ? undefined : { ...plain, bwrap, visible: await visibleFor(real) };
  const inside = confined ? await versionOf(confined) : "bubblewrap is not installed";
  if (confined && typeof inside !== "string") return { ...confined, ...inside, warnings: ageWarnings(inside.version) };
  const outside = await versionOf(plain);
  if (typeof outside === "string") throw new UsageError(`${named}: yt-dlp cannot be run: ${outside}`);
  const open = `yt-dlp runs without a network namespace (${inside}): it is told to use the filtering proxy, but not forced to`;
  return { ...plain, ...outside, warnings: [open, ...ageWarnings(outside.version)] };
}

/** Or why there is none. */
async function versionOf(tools: PageTools): Promise<{ version: string } | string> {
  const [command, ...args] = confinedWords(tools, ["--ignore-config", "--version"]);
  try {
    const { stdout } = await run(command, args, { env: { PATH: "/usr/bin:/bin", LANG: "C.UTF-8" }, timeout: TRIAL_MS, cwd: "/" });
    const version = stdout.trim();
    return /^\d{4}\.\d/.test(version) ? { version } : "it does not say its version";
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    return (stderr || message).trim().split("\n").at(-1)?.slice(0, 200) ?? "no reason given";
  }
}

function ageWarnings(version: string): string[] {
  const [year, month, day] = version.split(".").map(Number);
  const days = Math.floor((Date.now() - Date.UTC(year, month - 1, day || 1)) / DAY_MS);
  return days > OLD_DAYS ? [`yt-dlp ${version} is ${days} days old: sites change, update it`] : [];
}
