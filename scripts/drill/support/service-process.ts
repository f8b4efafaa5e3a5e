import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

/** A process of the service under a supervisor that starts it again whenever it ends, as any platform does. */
export interface ServiceProcess {
  name: string;
  /** Where its web role answers. */
  address: string;
  signal(signal: NodeJS.Signals): void;
  /** Its clock, from the next start on, is ahead by so much; negative is behind. Ends it, so that this is now. */
  skew(ms: number): void;
  /** How often it ended without having been told to, after it had answered. */
  deaths(): string[];
  isReady(): Promise<boolean>;
  /** SIGTERM, and no new start. Returns how it ended. */
  stop(): Promise<string>;
  killForGood(): Promise<void>;
}

const SKEW = fileURLToPath(new URL("./skewed-clock.mjs", import.meta.url));

/** Before it is started again. */
const PAUSE_MS = 300;

export function superviseService(
  name: string,
  command: string[],
  env: NodeJS.ProcessEnv,
  port: number,
  folder: string,
): ServiceProcess {
  const address = `http://127.0.0.1:${port}`;
  const deaths: string[] = [];
  let child: ChildProcess;
  let skewMs = 0;
  let told = false;
  let isStopping = false;

  const start = () => {
    told = false;
    const skewed = skewMs === 0 ? [] : ["--import", SKEW];
    const log = openSync(join(folder, `${name}.log`), "a");
    child = spawn(command[0], [...skewed, ...command.slice(1), "start"], {
      env: { ...env, HTTP_PORT: String(port), DRILL_SKEW_MS: String(skewMs) },
      stdio: ["ignore", log, log],
      // In a session of its own: Ctrl-C at the drill is not for it.
      detached: true,
    });
    closeSync(log);
    const startedAtMs = performance.now();
    child.once("exit", (code, signal) => {
      // Not before it can have been up: a service that finds no database when it starts may say so and end.
      if (!told && !isStopping && performance.now() - startedAtMs > 20_000)
        deaths.push(`${name} ended by itself: ${signal ?? code}`);
      if (!isStopping) void sleep(PAUSE_MS).then(() => isStopping || start());
    });
  };
  const send = (signal: NodeJS.Signals) => {
    if (["SIGKILL", "SIGTERM"].includes(signal)) told = true;
    child.kill(signal);
  };
  const end = async (signal: NodeJS.Signals) => {
    isStopping = true;
    if (child.exitCode === null && child.signalCode === null) {
      const exited = once(child, "exit");
      child.kill("SIGCONT");
      child.kill(signal);
      await exited;
    }
    return String(child.signalCode ?? child.exitCode);
  };
  start();
  return {
    name,
    address,
    signal: send,
    skew: (ms) => {
      skewMs = ms;
      send("SIGKILL");
    },
    deaths: () => deaths,
    isReady: () =>
      fetch(`${address}/health/ready`, { signal: AbortSignal.timeout(3_000) }).then(
        ({ ok }) => ok,
        () => false,
      ),
    stop: () => end("SIGTERM"),
    killForGood: async () => void (await end("SIGKILL")),
  };
}
