import { spawn } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { UsageError } from "../../errors.js";
import { INPUT, launchBubblewrapped } from "./bubblewrap.js";
import { librariesOf } from "./libraries.js";
import { type Confined, type Limits, launchLimited, launchOf } from "./limits.js";
import { launchUnshared } from "./namespaces.js";
import { handFilter, killAll, SANDBOX_KINDS, type Sandbox, type SandboxKind, spawnOptions } from "./sandbox.js";

/** A program with arguments that make it print something and end at once: what a sandbox is tried out with. */
export interface Trial {
  program: string;
  args: string[];
  readable: string[];
  limits: Limits;
}

const TRIAL_MS = 20_000;

/**
 * The strongest sandbox in which the trial's program really runs here, or the one that is `wanted`.
 *
 * @throws UsageError if the one that is wanted does not work.
 */
export async function chooseSandbox(wanted: SandboxKind | "auto", trial: Trial): Promise<Sandbox> {
  const kinds = wanted === "auto" ? SANDBOX_KINDS : [wanted];
  const refused: string[] = [];
  for (const kind of kinds) {
    const sandbox = await make(kind);
    const problem = typeof sandbox === "string" ? sandbox : await tryOut(sandbox, trial);
    if (problem === undefined) return { ...(sandbox as Sandbox), why: whyOf(wanted, kind, refused) };
    refused.push(`${kind}: ${problem}`);
  }
  throw new UsageError(`MEDIA_SANDBOX: ${refused.join("; ")}`);
}

const whyOf = (wanted: SandboxKind | "auto", kind: SandboxKind, refused: string[]): string => {
  if (wanted !== "auto") return "MEDIA_SANDBOX asks for it";
  return refused.length === 0 ? "the strongest there is" : `${kind} works here; ${refused.join("; ")}`;
};

/** A sentence instead when a tool that it is made with is missing. */
async function make(kind: SandboxKind): Promise<Omit<Sandbox, "why"> | string> {
  const tools = { bwrap: ["bwrap", "prlimit"], namespaces: ["unshare", "prlimit", "setpriv", "sh", "mount", "chroot", "mkdir"] };
  const needed = { bubblewrap: tools.bwrap, namespaces: tools.namespaces, limits: ["prlimit", "setpriv"], none: [] }[kind];
  const paths = Object.fromEntries(needed.map((name) => [name, pathOf(name)]));
  const missing = needed.filter((name) => paths[name] === undefined);
  if (missing.length > 0) return `${missing.join(" and ")} ${missing.length === 1 ? "is" : "are"} not installed`;
  const found = paths as Record<string, string>;
  const bwrap = { bwrap: found.bwrap, prlimit: found.prlimit };
  const limits = { prlimit: found.prlimit, setpriv: found.setpriv };
  const own = (path: string) => path;
  if (kind === "bubblewrap") return { kind, inputName: () => INPUT, launch: (c) => launchBubblewrapped(bwrap, c) };
  if (kind === "limits") return { kind, inputName: own, launch: (c) => launchLimited(limits, c) };
  if (kind === "none") return { kind, inputName: own, launch: ({ program, args }) => launchOf([program, ...args]) };
  const libraries = await librariesOf([found.setpriv, found.prlimit]);
  const unshare = { ...limits, unshare: found.unshare, sh: found.sh };
  const withTools = (c: Confined) => ({ ...c, readable: [...new Set([...c.readable, ...libraries])] });
  return { kind, inputName: () => INPUT, launch: (c) => launchUnshared(unshare, isFolder, withTools(c)) };
}

const isFolder = (path: string) => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

/** Where a program of this name lies, also where only root's PATH looks; undefined when it is not installed. */
export function pathOf(name: string): string | undefined {
  if (name.includes("/")) return name;
  const folders = [...(process.env.PATH ?? "").split(delimiter).filter((folder) => folder.startsWith("/")), "/usr/sbin", "/sbin"];
  return folders
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return statSync(path).isFile();
      } catch {
        return false;
      }
    });
}

/** Undefined when the program ran and ended well; else what was said instead. */
async function tryOut(sandbox: Omit<Sandbox, "why">, trial: Trial): Promise<string | undefined> {
  const launch = sandbox.launch(trial);
  const child = spawn(launch.command, launch.args, spawnOptions(launch, "ignore"));
  const said: string[] = [];
  return new Promise((resolve) => {
    const timer = setTimeout(() => killAll(child), TRIAL_MS);
    child.on("error", (error) => resolve(error.message));
    child.stdout!.resume();
    child.stderr!.on("data", (chunk: Buffer) => said.push(chunk.toString()));
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      const firstLine = said.join("").split("\n")[0].slice(0, 200);
      resolve(code === 0 ? undefined : firstLine || `the program ended by ${signal ?? `exit code ${code}`}`);
    });
    handFilter(child, launch);
  });
}
