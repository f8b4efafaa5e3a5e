import { type ChildProcess, spawn } from "node:child_process";
import { createReadStream } from "node:fs";
import type { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { TransientError, UnscannableError } from "../../errors.js";
import type { Decoder } from "../find-decoder.js";
import { handFilter, killAll, type Launch, signalOf, spawnOptions } from "../sandbox/sandbox.js";
import { stillLibraries } from "./libraries.js";
import { createMessageReader, lengthsOf, type Message } from "./messages.js";

/** A running image decoder. It works on one file at a time, one request after the other. */
export interface StillProcess {
  /** How many files it was given, and for how long it worked on them. */
  files: number;
  busyMs: number;
  /** Set once it has failed, or has ended; then it is of no more use. */
  isOver(): boolean;
  /**
   * Sends a request, with the bytes of a file if one is given, and waits for the answer.
   *
   * @throws UnscannableError if it crashes or answers nonsense; the reason it was killed for.
   */
  ask(request: object, answerBytes: number, file?: { path: string; bytes: number }): Promise<Message>;
  /** When it has ended. */
  gone: Promise<void>;
  /** Kills it; whoever waits for an answer gets the reason. */
  kill(reason: unknown): void;
  /** Whether it keeps our own process from ending. */
  hold(isHeld: boolean): void;
}

const PROGRAM = fileURLToPath(new URL("./child.mjs", import.meta.url));

/**
 * Its JavaScript needs next to nothing, pictures are not in V8's heap. Without a compiler there is no memory that can be both written and
 * run; it costs 30 ms more to start.
 */
const NODE_OPTIONS = ["--max-old-space-size=64", "--jitless"];

/** V8 reserves 0.6 GiB of addresses, and each thread 64 MiB. */
const RESERVED_BYTES = 4 * 1024 ** 3;

/** Of a process's whole life, beside the time for one file: it is replaced before it gets there. */
const SPARE_CPU_SECONDS = 120;

const STDERR_CHARACTERS = 2_000;

/**
 * Starts one and waits until it is ready.
 *
 * @throws TransientError if it does not start: that says nothing about a file.
 */
export async function startStillProcess(decoder: Decoder, timeoutMs: number): Promise<StillProcess> {
  const launch = await launchOf(decoder, timeoutMs);
  const child = spawn(launch.command, launch.args, spawnOptions(launch, "pipe"));
  handFilter(child, launch);
  const started = attach(child);
  const timer = setTimeout(() => started.kill(new Error("it was not ready in time")), timeoutMs);
  try {
    await started.ready;
    return started;
  } catch (error) {
    const said = started.said().split("\n")[0];
    throw new TransientError(`the image decoder could not be started: ${said || (error as Error).message}`);
  } finally {
    clearTimeout(timer);
  }
}

async function launchOf({ sandbox, maxMemoryBytes: memoryBytes }: Decoder, timeoutMs: number): Promise<Launch> {
  const { sharp, libraries } = await stillLibraries();
  return sandbox.launch({
    program: process.execPath,
    args: [...NODE_OPTIONS, PROGRAM, sharp],
    readable: [PROGRAM, ...libraries],
    limits: { memoryBytes, reservedBytes: RESERVED_BYTES, cpuSeconds: timeoutMs / 1000 + SPARE_CPU_SECONDS },
  });
}

function attach(child: ChildProcess): StillProcess & { ready: Promise<Message>; said(): string } {
  const reader = createMessageReader();
  let stderr = "";
  let ended = false;
  let killedFor: unknown;
  const fail = (reason: unknown) => {
    killedFor ??= reason;
    killAll(child);
  };
  child.stdout!.on("data", (chunk: Buffer) => {
    if (!reader.push(chunk)) fail(new UnscannableError("the decoder crashed on this file", "its answer is nonsense"));
  });
  child.stderr!.on("data", (chunk: Buffer) => {
    stderr = (stderr + chunk.toString()).slice(0, STDERR_CHARACTERS);
  });
  child.stdin!.on("error", () => {});
  const end = (problem: string) => {
    ended = true;
    reader.fail(killedFor ?? new UnscannableError("the decoder crashed on this file", `${problem} ${stderr}`.trim()));
  };
  child.on("error", (error) => end(error.message));
  child.on("close", () =>
    end(`image decoder ended by ${signalOf(child, stderr.trim().split("\n").at(-1)) ?? `exit code ${child.exitCode}`}`),
  );
  const gone = new Promise<void>((resolve) => child.on("close", () => resolve()).on("error", () => resolve()));
  return {
    files: 0,
    busyMs: 0,
    isOver: () => ended || killedFor !== undefined,
    ready: reader.next(0),
    said: () => stderr,
    gone,
    kill: fail,
    async ask(request, answerBytes, file) {
      const fromMs = performance.now();
      const answer = reader.next(answerBytes);
      answer.catch(() => {});
      const header = Buffer.from(JSON.stringify(request));
      child.stdin!.write(Buffer.concat([lengthsOf(header.length, file?.bytes ?? 0), header]));
      try {
        if (file) await send(child, file, gone);
        return await answer;
      } catch (error) {
        fail(error);
        // Nothing of it is left when the caller learns of it.
        await gone;
        throw error;
      } finally {
        this.busyMs += performance.now() - fromMs;
      }
    },
    hold: (isHeld) => {
      for (const part of [child, child.stdin, child.stdout, child.stderr] as unknown as Socket[])
        if (isHeld) part.ref();
        else part.unref();
    },
  };
}

async function send(child: ChildProcess, { path, bytes }: { path: string; bytes: number }, gone: Promise<void>): Promise<void> {
  if (bytes === 0) return;
  const stdin = child.stdin!;
  let sent = 0;
  for await (const chunk of createReadStream(path, { end: bytes - 1, highWaterMark: 1024 ** 2 }) as AsyncIterable<Buffer>) {
    sent += chunk.length;
    if (stdin.destroyed) return;
    if (stdin.write(chunk)) continue;
    await Promise.race([gone, new Promise<void>((resolve) => stdin.once("drain", resolve))]);
  }
  if (sent < bytes) throw new TransientError("the image became shorter while it was read");
}
