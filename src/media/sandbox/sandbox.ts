import type { ChildProcess, SpawnOptions } from "node:child_process";
import { readFileSync } from "node:fs";
import type { Writable } from "node:stream";
import type { Confined } from "./limits.js";

export const SANDBOX_KINDS = ["bubblewrap", "namespaces", "limits", "none"] as const;
export type SandboxKind = (typeof SANDBOX_KINDS)[number];

/**
 * How programs that read hostile media are kept from doing harm. Each kind also clears the environment, starts a session of its own,
 * forbids new privileges and ends with its parent; only `none` has nothing but the empty environment and the clock on the wall.
 *
 * - `bubblewrap`: no network, no files but its input and its libraries, no other processes to be seen or started, a filter on system
 *   calls (x86-64), limits on processor time, memory, open files and written bytes.
 * - `namespaces`: the same by util-linux, without the filter: it may start processes, which end with it.
 * - `limits`: the limits only. It could read what we may read, and open connections.
 */
export interface Sandbox {
  kind: SandboxKind;
  /** Why this one and not a stronger one, in a sentence. */
  why: string;
  /** What the input is called inside. */
  inputName(path: string): string;
  /** What to start so that the program runs confined. */
  launch(confined: Confined): Launch;
}

export interface Launch {
  /** Absolute path of what is started, and its arguments: the last of them are the program and what it was given. */
  command: string;
  args: string[];
  /** Read from file descriptor 3 by what is started. */
  filter?: Buffer;
}

/** Options for starting a {@link Launch}; give the child to {@link handFilter} at once. */
export const spawnOptions = ({ filter }: Launch, stdin: "ignore" | "pipe") =>
  ({
    env: {},
    cwd: "/",
    detached: true,
    windowsHide: true,
    stdio: [stdin, "pipe", "pipe", ...(filter ? (["pipe"] as const) : [])],
  }) satisfies SpawnOptions;

export function handFilter(child: ChildProcess, { filter }: Launch): void {
  if (!filter) return;
  const pipe = child.stdio[3] as Writable;
  // A child that ended before it read the filter says so by its exit code.
  pipe.on("error", () => {});
  pipe.end(filter);
}

/** A wrapper whose program has been killed ends at once; if not, it is killed as well. */
const WRAPPER_ENDS_MS = 1_000;

/**
 * Kills the program and what it has started; in a sandbox with namespaces that is all there is in it. The wrapper around it is left to notice:
 * then nobody else (the first process of a container, which may not know how) has to collect its child. Harmless when it has ended.
 */
export function killAll(child: ChildProcess): void {
  if (hasEnded(child)) return;
  const inside = childrenOf(child.pid!);
  for (const pid of inside) kill(pid);
  if (inside.length === 0) kill(-child.pid!);
  else setTimeout(() => hasEnded(child) || kill(-child.pid!), WRAPPER_ENDS_MS).unref();
}

const hasEnded = ({ pid, exitCode, signalCode }: ChildProcess) => pid === undefined || exitCode !== null || signalCode !== null;

function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has just ended.
  }
}

/** util-linux 2.38 says this, and ends with 1, when the program inside was ended by a signal. */
const UNSHARE_ENDED = "unshare: sigprocmask";

/** The signal that ended the program, if one did: wrappers report it as an exit code, or in the last line of standard error. */
export function signalOf({ exitCode, signalCode }: ChildProcess, lastLine: string | undefined): string | undefined {
  if (signalCode) return signalCode;
  if (exitCode !== null && exitCode > 128 && exitCode <= 128 + 31) return `signal ${exitCode - 128}`;
  return exitCode !== 0 && lastLine?.startsWith(UNSHARE_ENDED) ? "a signal" : undefined;
}

/**
 * What a sandbox said that could not be set up, from the first line of standard error: the program inside has not run yet when the
 * sandbox complains, so nothing in a file can make this up.
 */
export function setUpFailure(firstLine: string | undefined): string | undefined {
  if (firstLine === undefined || firstLine.startsWith(UNSHARE_ENDED)) return undefined;
  return /^(bwrap|unshare|prlimit|setpriv|mount|mkdir|chroot|sandbox): /.test(firstLine) ? firstLine : undefined;
}
