import { Command, InvalidArgumentError } from "commander";

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

/** Aborts when the drill is told to stop, so that it cleans up. */
export function interruption(): AbortSignal {
  const interrupted = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => interrupted.abort(new Error("interrupted")));
  return interrupted.signal;
}
