import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:fs";
import { lstat, mkdir, mkdtemp, open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { TransientError, UnscannableError } from "../../errors.js";
import type { MediaFile } from "../../model.js";
import type { FetchOptions } from "./fetch-media.js";
import { type FilteringProxy, startFilteringProxy } from "./filtering-proxy.js";
import { digest } from "./local-file.js";
import { pageEnvironment, pageWords } from "./page-command.js";
import type { PageFetcher } from "./page-fetcher.js";
import { explainFailure } from "./page-outcome.js";

/** What pages, scripts and lists of fragments may take besides the video. */
const EXTRA_BYTES = 64 * 1024 ** 2;
const MOST_CPU_SECONDS = 600;
const KEPT_OUTPUT = 16_384;
/** For its output to be read when it has ended. */
const LAST_WORDS_MS = 2_000;
const DEFAULT_MAX_DURATION_MS = 12 * 3_600_000;

/**
 * The video that a page shows, fetched by yt-dlp through a {@link startFilteringProxy} and into a folder of its own, which `dispose` removes.
 *
 * @throws UnscannableError when the page shows none, several, a live stream, or one that may not be fetched; TransientError when it may be
 *   there later; the signal's reason if aborted. By then nothing runs any more, and no file is left.
 */
export async function fetchPage(
  url: string,
  fetcher: PageFetcher,
  options: FetchOptions,
  signal: AbortSignal,
): Promise<MediaFile> {
  await mkdir(options.tmpDir, { recursive: true });
  const folder = await mkdtemp(join(options.tmpDir, "reupload-"));
  const dispose = () => rm(folder, { recursive: true, force: true });
  try {
    for (const name of ["home", "out"]) await mkdir(join(folder, name));
    const path = await runInto(folder, url, fetcher, options, signal);
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      return { path, ...(await digest(file, options.maxBytes, signal)), dispose };
    } finally {
      await file.close();
    }
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** The path of the file that it brought. */
async function runInto(folder: string, url: string, fetcher: PageFetcher, options: FetchOptions, signal: AbortSignal) {
  const { maxBytes, timeoutMs, maxDurationMs = DEFAULT_MAX_DURATION_MS } = options;
  const { hostname: host } = new URL(url);
  const socket = fetcher.bwrap === undefined ? undefined : join(folder, "proxy");
  const proxy = await startFilteringProxy(options, maxBytes + EXTRA_BYTES, socket);
  try {
    const cpuSeconds = Math.min(MOST_CPU_SECONDS, Math.ceil(timeoutMs / 1000));
    const words = pageWords(fetcher, { folder, maxBytes, maxDurationMs, cpuSeconds });
    const ended = await runToEnd(words, folder, url, proxy, timeoutMs, signal);
    const out = join(folder, "out");
    const path = join(out, "media");
    const brought = await lstat(path).catch(() => undefined);
    if (ended.exitCode === 0 && brought?.isFile() && brought.size > 0) return path;
    // A large part of a file is left when yt-dlp was cut off by a limit; then the limit is the reason.
    const isFull = (await readdir(out)).length > 0 && (brought?.size ?? 0) >= maxBytes;
    if (isFull) proxy.refusals.add("too many bytes");
    throw explainFailure({ ...ended, host, refusals: proxy.refusals, maxBytes, maxDurationMs });
  } finally {
    await proxy.close();
  }
}

async function runToEnd(
  [command, ...args]: string[],
  folder: string,
  url: string,
  proxy: FilteringProxy,
  timeoutMs: number,
  signal: AbortSignal,
) {
  signal.throwIfAborted();
  const env = pageEnvironment(folder, proxy.credentials, proxy.port);
  const child = spawn(command, args, { cwd: join(folder, "out"), env, detached: true, stdio: ["pipe", "pipe", "pipe"] });
  const failed = new Promise<never>((_, reject) => child.once("error", (error) => reject(startFailure(error))));
  child.stdin.on("error", () => {}).end(`${url}\n`);
  const stdout = tailOf(child.stdout);
  const stderr = tailOf(child.stderr);
  let stopped: unknown;
  const stop = (reason: unknown) => {
    stopped ??= reason;
    killGroup(child);
  };
  const onAbort = () => stop(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  const seconds = Math.round(timeoutMs / 1000);
  const timer = setTimeout(
    () => stop(new TransientError(`the page of ${new URL(url).hostname} did not give its video within ${seconds} s`)),
    timeoutMs,
  );
  try {
    const closed = once(child, "close");
    const [exitCode] = (await Promise.race([once(child, "exit"), failed])) as [number | null];
    // What it may have left behind still holds the pipes.
    killGroup(child);
    await Promise.race([closed, sleep(LAST_WORDS_MS, undefined, { ref: false })]);
    if (stopped) throw stopped;
    return { exitCode: exitCode ?? 1, stdout: stdout(), stderr: stderr() };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
    killGroup(child);
    child.stdout.destroy();
    child.stderr.destroy();
  }
}

const startFailure = (error: NodeJS.ErrnoException) =>
  error.code === "EAGAIN" || error.code === "ENOMEM"
    ? new TransientError(`the page fetcher could not be started (${error.code})`)
    : new UnscannableError("the page fetcher could not be started: run doctor", String(error));

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Nobody is left in it.
  }
}

/** The end of what is written to it. */
function tailOf(stream: Readable): () => string {
  let text = "";
  stream.setEncoding("utf8").on("data", (chunk: string) => {
    text = (text + chunk).slice(-KEPT_OUTPUT);
  });
  return () => text;
}
