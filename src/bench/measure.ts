import { performance } from "node:perf_hooks";
import { UsageError } from "../errors.js";
import { processCpu } from "./process-cpu.js";

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

/**
 * Runs `work` and measures it. A program counts from its start to its end, also one that was there before or goes on afterwards;
 * the database is not one of this process and does not count. Nothing else may run in this process meanwhile.
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

async function childrenCpuMs(): Promise<number> {
  const { programsMs } = await processCpu("self").catch(() => {
    throw new UsageError("bench: measuring needs /proc, which only Linux has");
  });
  return programsMs;
}

/** The least, the middle (the lower one of an even number) and the greatest of at least one value. */
export function spreadOf(values: number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  return { min: sorted[0], median: sorted[(sorted.length - 1) >> 1], max: sorted[sorted.length - 1] };
}
