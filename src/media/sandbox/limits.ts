import type { Launch } from "./sandbox.js";

/** A program to run on hostile input, and all that it may use. */
export interface Confined {
  /** Absolute path. */
  program: string;
  args: string[];
  /** Files and folders that it may read where they are: its libraries. */
  readable: string[];
  /** The one file that it is about. */
  inputPath?: string;
  limits: Limits;
}

export interface Limits {
  /** Of memory that it fills. */
  memoryBytes: number;
  /** Of addresses reserved besides: V8 and glibc reserve much more than they use. */
  reservedBytes: number;
  /** Of all its threads together. */
  cpuSeconds: number;
}

/** Absolute paths of what sandboxes are made with. */
export interface LimitTools {
  prlimit: string;
  setpriv: string;
}

const OPEN_FILES = 64;

/** Threads and processes of the same user that there may be: a flood is stopped, what else the user runs is not. */
const USER_PROCESSES = 4096;

/** prlimit, up to and with its "--". Writing is to pipes only, which the limit on files does not count. */
export function limited({ prlimit }: Pick<LimitTools, "prlimit">, { memoryBytes, reservedBytes, cpuSeconds }: Limits): string[] {
  const seconds = Math.max(1, Math.ceil(cpuSeconds));
  return [
    prlimit,
    `--data=${memoryBytes}`,
    `--as=${memoryBytes + reservedBytes}`,
    // The first number is a signal, which a program may catch; the second is the end.
    `--cpu=${seconds}:${seconds + 1}`,
    "--fsize=0",
    "--core=0",
    `--nofile=${OPEN_FILES}`,
    "--",
  ];
}

/** setpriv, up to and with its "--": no new privileges by set-user-ID programs, and an end when the parent ends. */
export const withoutPrivileges = ({ setpriv }: Pick<LimitTools, "setpriv">): string[] => [
  setpriv,
  "--no-new-privs",
  "--pdeathsig=KILL",
  "--",
];

export function launchOf(words: string[], filter?: Buffer): Launch {
  const [command, ...args] = words;
  return filter ? { command, args, filter } : { command, args };
}

export function launchLimited(tools: LimitTools, { program, args, limits }: Confined): Launch {
  const prlimit = limited(tools, limits);
  const all = [...prlimit.slice(0, -1), `--nproc=${USER_PROCESSES}`, "--"];
  return launchOf([...withoutPrivileges(tools), ...all, program, ...args]);
}
