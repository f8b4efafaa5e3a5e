import { rmSync } from "node:fs";
import { Command, InvalidArgumentError } from "commander";
import { makeBuildFolder } from "./build.js";

/** Of a drill's own command line. */
export const drill = (name: string, about: string): Command =>
  new Command(`drill:${name}`).description(about).showHelpAfterError().helpOption("--help", "this text");

export function wholeFrom(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  };
}

/** Aborts when the drill is told to stop, so that it cleans up. Told twice, it ends at once. */
export function interruption(): AbortSignal {
  const interrupted = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const)
    process.once(name, () => {
      interrupted.abort(new Error("interrupted"));
      process.once(name, () => process.exit(1));
    });
  return interrupted.signal;
}

/** What a drill that could not be run says: one sentence, and exit code 1. */
export const failed =
  (drill: string) =>
  (error: Error): void => {
    process.stderr.write(`${drill}: ${error.message}\n`);
    process.exitCode = 1;
  };

/** Runs a drill in a folder for its builds, which goes with it. Exit code 1 when a promise was broken, or the drill could not be run. */
export function runInBuildFolder<O>(command: Command, work: (options: O, folder: string) => Promise<boolean>): void {
  command
    .action(async (options: O) => {
      const folder = makeBuildFolder();
      try {
        process.exitCode = (await work(options, folder)) ? 0 : 1;
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    })
    .parseAsync()
    .catch(failed(command.name()));
}
