import type { Log } from "./log.js";

/**
 * An error that nobody caught ends the process, as Node does by itself; but it is logged as everything else is. Node would print it with
 * all that hangs on it, and so with rows, addresses and passwords.
 */
export function logCrashes(log: Log): void {
  process.once("uncaughtException", (err) => {
    log.fatal({ err }, "the program has a bug and ends; whatever was under way is done again by the next");
    process.exit(1);
  });
}
