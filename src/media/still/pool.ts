import type { Decoder } from "../find-decoder.js";
import { type StillProcess, startStillProcess } from "./process.js";

/**
 * Starting an image decoder costs some 200 ms of processor time, ten times as much as a photograph, so that one decodes several files, one after
 * the other. What is given up: a file that takes the process over can see, and lie about, the files that it is given afterwards. Hence so
 * few, and none after a failure of any kind.
 */
const MOST_FILES = 50;

/** Worked for longer, it is replaced: so it never comes near its limit of processor time. */
const MOST_BUSY_MS = 30_000;

/** Not needed for so long, it ends: it holds some 70 MB. */
const IDLE_MS = 20_000;

const idle = new Map<string, StillProcess[]>();

const keyOf = ({ sandbox, maxMemoryBytes }: Decoder) => `${sandbox.kind} ${maxMemoryBytes}`;

/** One that is free, or a new one. Nobody else has it until it is given back. */
export async function takeStillProcess(decoder: Decoder, timeoutMs: number): Promise<StillProcess> {
  const free = idle.get(keyOf(decoder)) ?? [];
  for (let child = free.pop(); child; child = free.pop()) {
    if (child.isOver()) continue;
    child.hold(true);
    child.files++;
    return child;
  }
  const child = await startStillProcess(decoder, timeoutMs);
  child.files++;
  return child;
}

/** It forgets its file, or ends if it is worn out. To be called once. */
export async function giveBack(decoder: Decoder, child: StillProcess): Promise<void> {
  if (child.isOver()) return child.gone;
  if (child.files >= MOST_FILES || child.busyMs >= MOST_BUSY_MS) child.kill(new Error("replaced"));
  else await child.ask({ act: "close" }, 0).catch(() => {});
  if (child.isOver()) return child.gone;
  child.hold(false);
  idle.set(keyOf(decoder), [...(idle.get(keyOf(decoder)) ?? []), child]);
  setTimeout(() => endIfIdle(decoder, child), IDLE_MS).unref();
}

function endIfIdle(decoder: Decoder, child: StillProcess): void {
  const free = idle.get(keyOf(decoder)) ?? [];
  if (!free.includes(child)) return;
  idle.set(
    keyOf(decoder),
    free.filter((other) => other !== child),
  );
  child.kill(new Error("not needed any more"));
}

/** Ends those that wait for work. They end by themselves with our own process. */
export function endStillProcesses(): void {
  for (const child of [...idle.values()].flat()) child.kill(new Error("not needed any more"));
  idle.clear();
}
