import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const LOADER = fileURLToPath(new URL("./typescript.mjs", import.meta.url));

const running = new Set<ChildProcess>();

process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export interface TestProcess {
  child: ChildProcess;
  /** The next line of its standard output; undefined when there will be no more. */
  line(): Promise<string | undefined>;
  /** Ends its standard input and waits until it is gone. */
  leave(): Promise<void>;
  /** kill -9, and waits until it is gone. */
  kill(): Promise<void>;
}

/** Runs a TypeScript file in a process of its own. Its errors go to ours. */
export function startProcess(file: string, args: string[] = []): TestProcess {
  const child = spawn(process.execPath, ["--import", LOADER, file, ...args], { stdio: ["pipe", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const kill = async () => {
    child.kill("SIGKILL");
    await exited;
  };
  running.add(child);
  child.once("exit", () => running.delete(child));
  return {
    child,
    line: async () => (await lines.next()).value,
    leave: async () => {
      child.stdin.end();
      await exited;
    },
    kill,
  };
}
