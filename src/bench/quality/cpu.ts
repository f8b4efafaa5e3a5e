import { readFileSync } from "node:fs";

/** Linux counts in hundredths of a second on every architecture that Node runs on (`getconf CLK_TCK`). */
const TICKS_PER_SECOND = 100;

/**
 * CPU seconds, user and system, of this process and of the children that have ended (the decoders). Children are counted on Linux only;
 * read it before and after, once the children have exited.
 */
export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6 + childSeconds();
}

function childSeconds(): number {
  if (process.platform !== "linux") return 0;
  // The command's name, in parentheses, may hold spaces: count from the last one. cutime and cstime are fields 16 and 17.
  const stat = readFileSync("/proc/self/stat", "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[13]) + Number(fields[14])) / TICKS_PER_SECOND;
}
