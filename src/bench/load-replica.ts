import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { type ProcessCpu, processCpu } from "./process-cpu.js";

/** What a replica has cost since it started. */
export interface ReplicaCost {
  /** Its own processor time, user and system. */
  ownCpuMs: number;
  /** That of the programs it ran, ended or not: ffmpegs and image decoders. */
  programsCpuMs: number;
  residentBytes: number;
  /** The greatest resident size of the process itself. */
  peakBytes: number;
}

/** A process of the real service. */
export interface Replica {
  pid: number;
  cost(): Promise<ReplicaCost>;
  /** Seconds in each stage so far, as `/metrics` has them. */
  stageSeconds(): Promise<Record<string, number>>;
  /** Lines of its log at the level `warn` or above. */
  warnings(): string[];
  /** SIGTERM; waits until it has drained and is gone. */
  stop(): Promise<void>;
  /** kill -9; waits until it is gone. */
  kill(): Promise<void>;
}

/**
 * Starts `reupload start` and waits until it is ready. Its environment must ask for the role `web` on port 0, for its figures, and for the
 * log level `info`.
 *
 * @throws Error with the last thing it said when it ends before.
 */
export async function startReplica(reupload: string[], env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<Replica> {
  signal.throwIfAborted();
  const child = spawn(reupload[0], [...reupload.slice(1), "start"], { env, stdio: ["ignore", "pipe", "pipe"] });
  const exited = once(child, "exit");
  const end = async (how: NodeJS.Signals) => {
    if (child.exitCode === null && child.signalCode === null) child.kill(how);
    await exited;
    process.off("exit", killAtOnce);
  };
  const killAtOnce = () => child.kill("SIGKILL");
  process.once("exit", killAtOnce);
  const warnings: string[] = [];
  const address = await readyAddress(child, exited, warnings).catch(async (error) => {
    await end("SIGKILL");
    throw error;
  });
  const pid = child.pid!;
  return {
    pid,
    cost: () => costOf(pid),
    stageSeconds: async () => stagesIn(await (await fetch(`http://${address}/metrics`)).text()),
    warnings: () => warnings,
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
  };
}

interface LogLine {
  level: string;
  msg: string;
  listening?: string;
}

function readyAddress(child: ChildProcess, exited: Promise<unknown>, warnings: string[]): Promise<string> {
  let last = "";
  const hear = (line: string, found: (address: string) => void) => {
    last = line;
    if (!line.startsWith("{")) return;
    const { level, msg, listening } = JSON.parse(line) as LogLine;
    if (!["debug", "info"].includes(level)) warnings.push(line);
    if (msg === "ready" && listening) found(listening);
  };
  return new Promise((resolve, reject) => {
    for (const stream of [child.stdout!, child.stderr!]) createInterface({ input: stream }).on("line", (l) => hear(l, resolve));
    void exited.then(() => reject(new Error(`a replica ended before it was ready: ${last}`)), reject);
  });
}

/** Sums of the histogram `reupload_stage_seconds`. */
export function stagesIn(metrics: string): Record<string, number> {
  const sums = [...metrics.matchAll(/^reupload_stage_seconds_sum\{stage="(\w+)"\} (\S+)$/gm)];
  return Object.fromEntries(sums.map(([, stage, seconds]) => [stage, Number(seconds)]));
}

async function costOf(pid: number): Promise<ReplicaCost> {
  const { ownMs, programsMs } = await cpuOf(pid);
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  const kilobytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]);
  return {
    ownCpuMs: ownMs,
    programsCpuMs: programsMs,
    residentBytes: 1024 * kilobytes("VmRSS"),
    peakBytes: 1024 * kilobytes("VmHWM"),
  };
}

async function cpuOf(pid: number): Promise<ProcessCpu> {
  return processCpu(pid).catch((cause: unknown) => {
    throw new Error(`process ${pid}, which was to be measured, has ended: was it stopped from outside?`, { cause });
  });
}

/** Processor time of a Postgres server: its first process, whose pid `pidFile` has, and all that it has started. */
export async function serverCpuMs(pidFile: string): Promise<number> {
  const server = Number((await readFile(pidFile, "utf8")).split("\n")[0]);
  const { ownMs, programsMs } = await cpuOf(server);
  return ownMs + programsMs;
}
