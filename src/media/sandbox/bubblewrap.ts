import { type Confined, launchOf, limited } from "./limits.js";
import type { Launch } from "./sandbox.js";
import { syscallFilter } from "./syscalls.js";

export const INPUT = "/input";

/** The filter is read from here: the first descriptor after standard error. */
const FILTER_FD = "3";
const FILTER = syscallFilter(process.arch);

/**
 * Everything unshared, an empty root with the libraries and the input, all read-only. No /proc and no /dev: neither ffmpeg nor the
 * image decoder needs them. As root the program is still the machine's root to the file system, but sees none and has no capability.
 */
export function launchBubblewrapped(tools: { bwrap: string; prlimit: string }, confined: Confined): Launch {
  const { program, args, readable, inputPath, limits } = confined;
  return launchOf(
    [
      ...limited(tools, limits),
      tools.bwrap,
      // With a first process of its own, bubblewrap would end without waiting for it: its processor time would be lost to who counts.
      ...["--unshare-all", "--as-pid-1", "--clearenv", "--die-with-parent", "--new-session", "--cap-drop", "ALL"],
      ...[program, ...readable].flatMap((path) => ["--ro-bind", path, path]),
      ...(inputPath === undefined ? [] : ["--ro-bind", inputPath, INPUT]),
      ...["--remount-ro", "/", "--chdir", "/"],
      ...(FILTER ? ["--seccomp", FILTER_FD] : []),
      ...["--", program, ...args],
    ],
    FILTER,
  );
}
