import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { freePort } from "./free-port.js";
import { temporaryDir } from "./temporary-dir.js";

export interface TestRedis {
  url: string;
  port: number;
  close(): Promise<void>;
}

function isInstalled(): boolean {
  return (process.env.PATH ?? "").split(":").some((dir) => {
    try {
      accessSync(join(dir, "redis-server"), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * Why suites that need Redis are skipped; "" when they can run. Usual shape:
 *
 *     describe.skipIf(redisMissing)(`on Redis ${redisMissing}`, () => …
 */
export const redisMissing = isInstalled() ? "" : "(redis-server is not installed: apt-get install redis-server)";

async function isReady(child: ChildProcess): Promise<boolean> {
  for await (const line of createInterface({ input: child.stdout! })) {
    if (/Ready to accept connections/.test(line)) return true;
  }
  return false;
}

/** A real Redis of its own that keeps nothing on disk; undefined when it is not installed. `port` fixes the port, for a restart. */
export async function startRedis(port?: number): Promise<TestRedis | undefined> {
  if (redisMissing) return undefined;
  for (let attempt = 0; attempt < 10; attempt++) {
    const chosen = port ?? (await freePort());
    const running = await runRedis(["--port", `${chosen}`, "--appendonly", "no"]);
    if (running) return { url: `redis://127.0.0.1:${chosen}`, port: chosen, close: running.close };
  }
  throw new Error("redis-server did not start");
}

/** A redis-server on 127.0.0.1 that keeps nothing, with these arguments besides; undefined when it ended before it was ready. */
export async function runRedis(args: string[]): Promise<{ close(): Promise<void> } | undefined> {
  const dir = temporaryDir();
  const child = spawn("redis-server", [...args, "--bind", "127.0.0.1", "--save", "", "--dir", dir.path], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const exited = once(child, "exit");
  if (!(await isReady(child))) return undefined;
  child.stdout.resume();
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  const close = async () => {
    kill();
    await exited;
    process.off("exit", kill);
    dir.remove();
  };
  return { close };
}
