import { SingleBar } from "cli-progress";
import { UnscannableError, UsageError } from "../errors.js";
import { hideCredentials } from "../platform/redact.js";

/** A table for people: columns padded, two spaces apart, header in capitals. */
export function table(header: string[], rows: string[][]): string {
  const lines = [header.map((h) => h.toUpperCase()), ...rows.map((row) => row.map(oneLine))];
  const widths = header.map((_, i) => Math.max(...lines.map((line) => line[i].length)));
  return lines
    .map((line) =>
      line
        .map((cell, i) => (i === line.length - 1 ? cell : cell.padEnd(widths[i])))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** File names and page titles are hostile: no escape sequences or line breaks reach the terminal. */
export const oneLine = (text: string): string => text.replace(/\p{Cc}+/gu, " ");

/** Writes a line to standard output. */
export const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

/** Writes a line for the person at the terminal to standard error: standard output has the results, or the log. */
export const tell = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

/** Writes a line of JSON to standard output. JSON escapes control characters, except DEL and the 8-bit ones, of which CSI is one. */
export const sayJson = (value: unknown): void =>
  say(JSON.stringify(value).replace(/[\u007f-\u009f]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`));

/** Calls `work` for every item, in order, with a progress bar on a terminal and nothing in a pipe. */
export async function withProgress<T>(items: T[], label: string, work: (item: T) => Promise<void>): Promise<void> {
  const bar =
    process.stderr.isTTY && items.length > 1
      ? new SingleBar({ format: `${label} {bar} {value}/{total}`, stream: process.stderr, clearOnComplete: true })
      : undefined;
  bar?.start(items.length, 0);
  try {
    for (const item of items) {
      await work(item);
      bar?.increment();
    }
  } finally {
    bar?.stop();
  }
}

/** One sentence on standard error. A stack trace only when it is our own bug, and then only at LOG_LEVEL=debug. */
export function complain(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`reupload: ${oneLine(hideCredentials(message))}\n`);
  if (process.env.LOG_LEVEL === "debug" && error instanceof Error)
    process.stderr.write(`${hideCredentials(error.stack ?? "")}\n`);
}

/** 2 for wrong usage, 1 for everything else that failed. */
export const exitCodeOf = (error: unknown): 1 | 2 => (error instanceof UsageError ? 2 : 1);

/** What went wrong with a file, as one clause. */
export const reasonOf = (error: unknown): string => (error instanceof UnscannableError ? error.reason : (error as Error).message);

/** How a command sets an exit code without ending the process. */
export type SetExitCode = (code: 0 | 1 | 2) => void;
