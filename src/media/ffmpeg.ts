import type { ChildProcess, SpawnOptions } from "node:child_process";
import { once } from "node:events";
import { PassThrough, type Readable } from "node:stream";
import ffmpegCommand, { type FfmpegCommand } from "fluent-ffmpeg";
import { TransientError, UnscannableError } from "../errors.js";
import { DEMUXERS } from "./containers.js";
import { DECODER_LIST } from "./ffmpeg-decoders.js";
import { type Decoder, FFMPEG_RESERVED_BYTES } from "./find-decoder.js";
import { handFilter, killAll, setUpFailure, signalOf, spawnOptions } from "./sandbox/sandbox.js";

export interface FfmpegTask {
  decoder: Decoder;
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

/** What fluent-ffmpeg has and its types leave out. */
interface Inner {
  /** Set before its `start` event. */
  ffmpegProc?: ChildProcess;
  _spawnFfmpeg(args: string[], options: SpawnOptions, onProcess: unknown, onEnd: unknown): void;
  _checkCapabilities(callback: () => void): void;
  availableEncoders(callback: (error: null, encoders: object) => void): void;
}

interface Said {
  firstLine?: string;
  tail: string[];
}

const TAIL_LINES = 20;
const TAIL_LINE_CHARACTERS = 500;

/** What ffmpeg says when the limit on processor time makes it stop, by a signal that it catches. */
const OUT_OF_TIME = /received signal 24\b/;

/**
 * Starts ffmpeg on one local file, in the decoder's sandbox. It reads nothing but that file: no network, no playlist, no pattern of file
 * names. `done` rejects with the signal's reason when aborted, with UnscannableError after `timeoutMs` (the clock on the wall) or the same
 * time of the processor, or if ffmpeg crashed, with TransientError if the sandbox could not be set up, and with Error when it could not be
 * started at all; in each case the process is killed and has exited by then.
 */
export function runFfmpeg(task: FfmpegTask, signal: AbortSignal): FfmpegRun {
  // Without a "close": fluent-ffmpeg ends the process 20 ms after one, also while it is still tidying up.
  const stdout = new PassThrough({ emitClose: false });
  // fluent-ffmpeg may destroy it with an error of its own; `done` tells the story.
  stdout.on("error", () => {});
  const said: Said = { tail: [] };
  const command = prepare(task, said);
  const started = new Promise<ChildProcess>((resolve, reject) => {
    command.on("start", () => resolve((command as unknown as Inner).ffmpegProc!));
    command.on("error", reject);
  });
  let stopReason: unknown;
  const kill = (reason: unknown) => {
    stopReason ??= reason;
    stdout.destroy(new Error("ffmpeg was stopped"));
    void started.then(killAll, () => {});
  };
  const onAbort = () => kill(signal.reason ?? new Error("aborted"));
  const timer = setTimeout(() => kill(tookTooLong(task.timeoutMs)), task.timeoutMs);

  const done = finished(started, said, task, () => stopReason).finally(() => {
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

/** What it writes. Its stream is destroyed when the process is: then the reason for that is thrown, which `done` knows. */
export async function* outputOf({ stdout, done }: FfmpegRun): AsyncGenerator<Buffer> {
  try {
    yield* stdout as AsyncIterable<Buffer>;
  } catch (error) {
    await done;
    throw error;
  }
}

const tookTooLong = (timeoutMs: number) =>
  new UnscannableError(`reading the file took longer than ${Math.round(timeoutMs / 1000)} s`);

function prepare(task: FfmpegTask, said: Said): FfmpegCommand {
  const allowed = ["-protocol_whitelist", "file,pipe", "-format_whitelist", DEMUXERS, "-codec_whitelist", DECODER_LIST];
  const command = ffmpegCommand({ stdoutLines: TAIL_LINES })
    .input(`file:${task.decoder.sandbox.inputName(task.inputPath)}`)
    .inputOptions("-nostdin", "-hide_banner", ...allowed, ...task.inputOptions)
    .outputOptions("-map_metadata", "-1", ...task.outputOptions)
    .on("stderr", (line: string) => {
      said.firstLine ??= line;
      said.tail.push(line.slice(0, TAIL_LINE_CHARACTERS));
      if (said.tail.length > TAIL_LINES) said.tail.shift();
      task.onStderrLine?.(line);
    });
  confine(command, task);
  return command;
}

/** fluent-ffmpeg starts the sandbox in place of ffmpeg, with ffmpeg and its arguments as the sandbox's last. */
function confine(command: FfmpegCommand, { decoder, inputPath, timeoutMs }: FfmpegTask): void {
  const { path: program, libraries: readable, sandbox, maxMemoryBytes: memoryBytes } = decoder;
  const limits = { memoryBytes, reservedBytes: FFMPEG_RESERVED_BYTES, cpuSeconds: timeoutMs / 1000 };
  const launch = sandbox.launch({ program, args: [], readable, inputPath, limits });
  command.setFfmpegPath(launch.command);
  const inner = command as unknown as Inner;
  const spawn = inner._spawnFfmpeg;
  inner._spawnFfmpeg = function (args, options, onProcess, onEnd) {
    spawn.call(this, [...launch.args, ...args], { ...options, ...spawnOptions(launch, "ignore") }, onProcess, onEnd);
  };
  // It would start ffmpeg twice to ask what it can do; our few options are the same for every file.
  inner._checkCapabilities = (callback) => callback();
  inner.availableEncoders = (callback) => callback(null, {});
  command.on("start", () => handFilter(inner.ffmpegProc!, launch));
}

async function finished(
  started: Promise<ChildProcess>,
  said: Said,
  { inputPath, timeoutMs }: FfmpegTask,
  stopReason: () => unknown,
): Promise<FfmpegExit> {
  const child = await started;
  const exited = child.exitCode === null && child.signalCode === null ? once(child, "exit") : undefined;
  // It stays open until the last process of the sandbox has ended.
  const closed = child.stderr?.closed ? undefined : once(child.stderr!, "close");
  await exited;
  await closed;
  if (stopReason()) throw stopReason();
  const stderrTail = said.tail.join("\n");
  const problem = child.exitCode === 0 ? undefined : setUpFailure(said.firstLine)?.replaceAll(inputPath, "the file");
  if (problem) throw new TransientError(`the sandbox for ffmpeg could not be set up: ${problem}`);
  const endedBy = signalOf(child, said.tail.findLast(Boolean));
  if (endedBy === "SIGXCPU" || OUT_OF_TIME.test(stderrTail)) throw tookTooLong(timeoutMs);
  if (endedBy) throw new UnscannableError("the decoder crashed on this file", `ffmpeg ended by ${endedBy}`);
  return { exitCode: child.exitCode ?? 1, stderrTail };
}
