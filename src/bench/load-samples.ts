import { percentile } from "./index/in-memory.js";
import { slope } from "./index.js";
import type { Replica } from "./load-replica.js";

/** One moment of a load. Memory by the replica's process id. */
export interface LoadSample {
  atMs: number;
  done: number;
  residentBytes: Record<string, number>;
}

/** How the memory of a replica that lived all the time went on once it was warm: medians of quarters of the load, and the slope from the second on. */
export interface MemoryGrowth {
  pid: string;
  secondQuarterBytes: number;
  lastQuarterBytes: number;
  bytesPerSubmission: number;
}

export async function sampleOf(replicas: Replica[], atMs: number, done: number): Promise<LoadSample> {
  const each = await Promise.all(replicas.map(async (replica) => [replica.pid, (await replica.cost()).residentBytes]));
  return { atMs: Math.round(atMs), done, residentBytes: Object.fromEntries(each) };
}

/** Empty when a quarter of the load has no sample. */
export function memoryGrowth(samples: LoadSample[]): MemoryGrowth[] {
  if (samples.length === 0) return [];
  const last = samples[samples.length - 1];
  const always = Object.keys(samples[0].residentBytes).filter((pid) => pid in last.residentBytes);
  const between = (from: number, to: number) => samples.filter((s) => s.done >= from * last.done && s.done <= to * last.done);
  const [second, fourth, warm] = [between(0.25, 0.5), between(0.75, 1), between(0.25, 1)];
  if (second.length === 0 || fourth.length === 0) return [];
  const bytes = (part: LoadSample[], pid: string) => part.map((s) => s.residentBytes[pid]);
  return always.map((pid) => ({
    pid,
    secondQuarterBytes: percentile(bytes(second, pid), 0.5),
    lastQuarterBytes: percentile(bytes(fourth, pid), 0.5),
    bytesPerSubmission: slope(
      warm.map((s) => s.done),
      bytes(warm, pid),
    ),
  }));
}
