import { readdir, readFile } from "node:fs/promises";

export interface RunningProcess {
  pid: number;
  parent: number;
  command: string;
}

/** All processes that descend from one, without itself. */
export async function descendantsOf(pid: number): Promise<RunningProcess[]> {
  const all = await runningProcesses();
  const found: RunningProcess[] = [];
  for (let parents = [pid]; parents.length > 0; ) {
    const children = all.filter(({ parent }) => parents.includes(parent));
    found.push(...children);
    parents = children.map((child) => child.pid);
  }
  return found;
}

async function runningProcesses(): Promise<RunningProcess[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const each = await Promise.all(pids.map((pid) => processOf(Number(pid)).catch(() => undefined)));
  return each.filter((process) => process !== undefined);
}

/** @throws Error when it has ended. */
async function processOf(pid: number): Promise<RunningProcess> {
  const [stat, command] = await Promise.all([readFile(`/proc/${pid}/stat`, "utf8"), readFile(`/proc/${pid}/cmdline`, "utf8")]);
  const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  return { pid, parent, command: command.replaceAll("\0", " ").trim() };
}

export interface Handles {
  files: number;
  threads: number;
  residentBytes: number;
}

/** Open files, threads and memory of a process, as proc(5) has them. */
export async function handlesOf(pid: number): Promise<Handles> {
  const [files, status] = await Promise.all([readdir(`/proc/${pid}/fd`), readFile(`/proc/${pid}/status`, "utf8")]);
  const numberOf = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1]);
  return { files: files.length, threads: numberOf("Threads"), residentBytes: 1024 * numberOf("VmRSS") };
}
