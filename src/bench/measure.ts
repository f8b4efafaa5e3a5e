import { readFile } from "node:fs/promises";
import { performance } from "node:perf_hooks";
import { UsageError } from "../errors.js";

/** What one piece of work took. `cpuMs` counts this process and the programs it ran, user and system time together. */
export interface Cost {
  wallMs: number;
  cpuMs: number;
}

export interface Spread {
  min: number;
  median: number;
  max: number;
}

/** Linux reports children's time in ticks of 1/100 s, whatever the kernel was built with. */
const TICK_MS = 10;

/**
 * Runs `work` and measures it. A program counts once it has ended within `work`; the database is a process of its own and
 * does not count. Nothing else may run in this process meanwhile.
 *
 * @throws UsageError where there is no /proc.
 */
export async function measured<T>(work: () => Promise<T>): Promise<{ value: T; cost: Cost }> {
  const childrenFromMs = await childrenCpuMs();
  const ownFrom = process.cpuUsage();
  const fromMs = performance.now();
  const value = await work();
  const wallMs = performance.now() - fromMs;
  const own = process.cpuUsage(ownFrom);
  const cpuMs = (own.user + own.system) / 1000 + (await childrenCpuMs()) - childrenFromMs;
  return { value, cost: { wallMs, cpuMs } };
}

/** Fields `cutime` and `cstime` of proc(5): the time of all children that have ended and been waited for. */
async function childrenCpuMs(): Promise<number> {
  const stat = await readFile("/proc/self/stat", "utf8").catch(() => {
    throw new UsageError("bench: measuring needs /proc, which only Linux has");
  });
  const afterName = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(afterName[13]) + Number(afterName[14])) * TICK_MS;
}

/** The least, the middle (the lower one of an even number) and the greatest of at least one value. */
export function spreadOf(values: number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  return { min: sorted[0], median: sorted[(sorted.length - 1) >> 1], max: sorted[sorted.length - 1] };
}
