import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { PassThrough, type Readable } from "node:stream";
import ffmpegCommand, { type FfmpegCommand } from "fluent-ffmpeg";
import { UnscannableError } from "../errors.js";
import { DEMUXERS } from "./containers.js";

export interface FfmpegTask {
  ffmpegPath: string;
  inputPath: string;
  inputOptions: string[];
  outputOptions: string[];
  timeoutMs: number;
  onStderrLine?: (line: string) => void;
}

export interface FfmpegRun {
  stdout: Readable;
  /** Settles once the process is gone. A bad exit code does not reject: what was decoded until then may be of use. */
  done: Promise<FfmpegExit>;
  /** Kills the process and waits until it is gone. Harmless after the end. */
  stop(): Promise<void>;
}

export interface FfmpegExit {
  exitCode: number;
  stderrTail: string;
}

/** What fluent-ffmpeg sets before its `start` event, and its types leave out. */
type Running = { ffmpegProc?: ChildProcess };

const TAIL_LINES = 20;
const TAIL_LINE_CHARACTERS = 500;

/**
 * Starts ffmpeg on one local file. It reads nothing but that file: no network, no playlist, no pattern of file names.
 * `done` rejects with the signal's reason when aborted, with UnscannableError after `timeoutMs` (the clock on the
 * wall), and with Error when ffmpeg could not be started; in each case the process is killed and has exited by then.
 */
export function runFfmpeg(task: FfmpegTask, signal: AbortSignal): FfmpegRun {
  // Without a "close": fluent-ffmpeg ends the process 20 ms after one, also while it is still tidying up.
  const stdout = new PassThrough({ emitClose: false });
  // fluent-ffmpeg may destroy it with an error of its own; `done` tells the story.
  stdout.on("error", () => {});
  const tail: string[] = [];
  const command = prepare(task, tail);
  const started = new Promise<ChildProcess>((resolve, reject) => {
    command.on("start", () => resolve((command as Running).ffmpegProc!));
    command.on("error", reject);
  });
  let stopReason: unknown;
  const kill = (reason: unknown) => {
    stopReason ??= reason;
    stdout.destroy(new Error("ffmpeg was stopped"));
    void started.then(
      (child) => child.kill("SIGKILL"),
      () => {},
    );
  };
  const onAbort = () => kill(signal.reason ?? new Error("aborted"));
  const seconds = Math.round(task.timeoutMs / 1000);
  const timer = setTimeout(() => kill(new UnscannableError(`reading the file took longer than ${seconds} s`)), task.timeoutMs);

  const done = finished(started, () => stopReason)
    .then((exitCode) => ({ exitCode, stderrTail: tail.join("\n") }))
    .finally(() => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
    });
  done.catch(() => stdout.destroy(new Error("ffmpeg failed")));

  command.pipe(stdout);
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  const stop = async () => {
    kill(new Error("stopped by its reader"));
    await done.catch(() => {});
  };
  return { stdout, done, stop };
}

function prepare(task: FfmpegTask, tail: string[]): FfmpegCommand {
  const confined = ["-protocol_whitelist", "file,pipe", "-format_whitelist", DEMUXERS];
  return ffmpegCommand({ stdoutLines: TAIL_LINES })
    .setFfmpegPath(task.ffmpegPath)
    .input(`file:${task.inputPath}`)
    .inputOptions("-nostdin", "-hide_banner", ...confined, ...task.inputOptions)
    .outputOptions("-map_metadata", "-1", ...task.outputOptions)
    .on("stderr", (line: string) => {
      tail.push(line.slice(0, TAIL_LINE_CHARACTERS));
      if (tail.length > TAIL_LINES) tail.shift();
      task.onStderrLine?.(line);
    });
}

async function finished(started: Promise<ChildProcess>, stopReason: () => unknown): Promise<number> {
  const child = await started;
  const exited = child.exitCode === null && child.signalCode === null ? once(child, "exit") : undefined;
  const said = child.stderr?.closed ? undefined : once(child.stderr!, "close");
  await exited;
  await said;
  if (stopReason()) throw stopReason();
  if (child.signalCode) throw new UnscannableError("the decoder crashed on this file", `ffmpeg ended by ${child.signalCode}`);
  return child.exitCode ?? 1;
}
