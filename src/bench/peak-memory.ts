import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, readlink } from "node:fs/promises";
import { performance } from "node:perf_hooks";

export interface PeakMemory {
  wallMs: number;
  /** Greatest resident size of the process itself, and of the largest program it ran. */
  processBytes: number;
  largestChildBytes: number;
}

/** The kernel keeps the peak (`VmHWM`), so that only growth in a process's last moments can be missed. */
const POLL_MS = 20;

/**
 * Runs a program, `command[0]`, to its end and watches its memory and that of its direct children.
 *
 * @throws Error with the last line of its standard error if it fails; the signal's reason if aborted.
 */
export async function peakMemoryOf(command: string[], signal: AbortSignal): Promise<PeakMemory> {
  const fromMs = performance.now();
  const child = spawn(command[0], command.slice(1), { stdio: ["ignore", "ignore", "pipe"] });
  const kill = () => child.kill("SIGTERM");
  signal.addEventListener("abort", kill, { once: true });
  let said = "";
  child.stderr.on("data", (data: Buffer) => {
    said = (said + data.toString()).slice(-4000);
  });
  try {
    const closed = once(child, "close");
    const peak = await watch(child, closed);
    await closed;
    signal.throwIfAborted();
    if (child.exitCode !== 0) throw new Error(`the scan of the long video failed: ${said.trim().split("\n").at(-1)}`);
    return { wallMs: performance.now() - fromMs, ...peak };
  } finally {
    signal.removeEventListener("abort", kill);
  }
}

async function watch(child: ChildProcess, closed: Promise<unknown>): Promise<Omit<PeakMemory, "wallMs">> {
  const peak = { processBytes: 0, largestChildBytes: 0 };
  while (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
    peak.processBytes = Math.max(peak.processBytes, await peakBytes(child.pid));
    for (const pid of await programsOf(child.pid))
      peak.largestChildBytes = Math.max(peak.largestChildBytes, await peakBytes(pid));
    await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, POLL_MS))]);
  }
  return peak;
}

/** 0 for a process that is gone. */
async function peakBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
}

/** Direct children that have become a program of their own: between fork and exec a child's memory is its parent's. */
async function programsOf(pid: number): Promise<number[]> {
  const list = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  const own = await programOf(pid);
  const children = list.trim().split(/\s+/).filter(Boolean).map(Number);
  const programs = await Promise.all(children.map(programOf));
  return children.filter((_, i) => programs[i] !== undefined && programs[i] !== own);
}

const programOf = (pid: number): Promise<string | undefined> => readlink(`/proc/${pid}/exe`).catch(() => undefined);
