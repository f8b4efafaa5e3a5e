/**
 * `node scripts/run.mjs <command> [arguments]`: makes the checkout ready, then runs the command in its place.
 * `test` runs the tests; everything else is a command of reupload.
 */
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { join } from "node:path";
import { ROOT, SetupError, setUp } from "./setup.mjs";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"];

/** Ctrl-C at a terminal reaches the child by itself: passed on, it would count as a second, impatient one. */
const reachesChild = (signal) => signal === "SIGINT" && (process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY);

/** Resolves to the exit code a shell would see. Signals that reach us are passed on, and the child decides. */
function runChild(args) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: "inherit" });
    for (const signal of SIGNALS) process.on(signal, () => reachesChild(signal) || child.kill(signal));
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
  });
}

function commandLine(command, args) {
  if (command !== "test") return [join(ROOT, "dist", "main.js"), command, ...args].filter((part) => part !== undefined);
  const vitest = join(ROOT, "node_modules", "vitest", "vitest.mjs");
  return [vitest, "run", "--root", ROOT, "--configLoader", "runner", ...args];
}

const [command, ...args] = process.argv.slice(2);
try {
  await setUp({ compiled: command !== "test" });
  process.exitCode = await runChild(commandLine(command, args));
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = error.exitCode;
}
