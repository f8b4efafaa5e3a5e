import { readFile } from "node:fs/promises";

/** Linux reports processes' time in ticks of 1/100 s, whatever the kernel was built with. */
const TICK_MS = 10;

export interface ProcessCpu {
  /** Of the process itself. */
  ownMs: number;
  /** Of all programs that it, and they in turn, have started: those that have ended and those that have not. */
  programsMs: number;
}

/**
 * Processor time, user and system together.
 *
 * @throws Error of the file system when there is no such process, or no /proc.
 */
export async function processCpu(pid: number | "self"): Promise<ProcessCpu> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  // Fields utime, stime, cutime and cstime of proc(5).
  const [user, system, childUser, childSystem] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 15)
    .map(Number);
  const own = Number(stat.slice(0, stat.indexOf(" ")));
  const children = await readFile(`/proc/${own}/task/${own}/children`, "utf8");
  // One that ends between the two readings counts next time, among those waited for.
  const gone: ProcessCpu = { ownMs: 0, programsMs: 0 };
  const living = await Promise.all(
    children
      .split(/\s+/)
      .filter(Boolean)
      .map((child) => processCpu(Number(child)).catch(() => gone)),
  );
  const livingMs = living.reduce((sum, child) => sum + child.ownMs + child.programsMs, 0);
  return { ownMs: TICK_MS * (user + system), programsMs: TICK_MS * (childUser + childSystem) + livingMs };
}
