import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { Command } from "commander";
import type { App } from "../app.js";
import { UsageError } from "../errors.js";
import type { BadEntry } from "../exchange/entry.js";
import { type Format, READERS } from "../exchange/formats.js";
import { type Imported, importList } from "../exchange/import-list.js";
import { listsToLookBack, lookBackForList } from "../exchange/look-back-list.js";
import { ALGORITHM } from "../fingerprint/fingerprint-frame.js";
import { applyListed, unseenEntries } from "../hash-index/listed.js";
import { formatOption } from "./hashes-export.js";
import { withApp } from "./open.js";
import { oneLine, type SetExitCode, say } from "./output.js";

interface ImportOptions {
  format: Format;
  list: string;
  case?: string;
  replace?: boolean;
  dryRun?: boolean;
  lookBack: boolean;
}

export const importCommand = (setExitCode: SetExitCode) =>
  new Command("import")
    .description("bring a list of hashes into known material, and look back over past submissions; repeating it changes nothing")
    .argument("<file|->", "the list; - is standard input")
    .addOption(formatOption())
    .requiredOption("--list <name>", "what the list is called: every alert that rests on it says so")
    .option("--case <id>", "the case its entries belong to (default: one with the list's name)")
    .option("--replace", "the file is all of the list: entries it does not have are withdrawn")
    .option("--dry-run", "say what would change, and change nothing")
    .option("--no-look-back", "do not search past submissions")
    .action(async (file: string, options: ImportOptions) => {
      await mustBeFile(file);
      const imported = await withApp((app, signal) => importFile(app, file, options, signal));
      if (imported.bad > 0) setExitCode(1);
    });

async function mustBeFile(file: string): Promise<void> {
  if (file === "-") return;
  const found = await stat(file).catch(() => undefined);
  if (!found) throw new UsageError(`${file}: there is no such file`);
  if (found.isDirectory()) throw new UsageError(`${file}: is a folder`);
}

async function importFile(app: App, file: string, options: ImportOptions, signal: AbortSignal): Promise<Imported> {
  const stream = file === "-" ? process.stdin : createReadStream(file);
  const caseId = options.case ?? options.list;
  if (!/^[\x21-\x7e]{1,128}$/.test(caseId)) throw new UsageError("--case: must be 1-128 printable characters without spaces");
  const imported = await importList(
    app.database.pool,
    importSteps(app),
    READERS[options.format](untilInterrupted(stream, signal)),
    {
      ...{ list: options.list, caseId, actor: "cli", replace: options.replace ?? false, dryRun: options.dryRun ?? false },
      onBad: (bad) => tellBad(file, bad),
    },
  );
  tellImported(imported, options.dryRun ?? false);
  if (options.lookBack && !options.dryRun) await lookBack(app, options.list, signal);
  return imported;
}

async function* untilInterrupted(stream: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream) {
    signal.throwIfAborted();
    yield chunk;
  }
}

/** What imports and fetches do to the index of this app. */
export const importSteps = ({ database: { pool } }: App) => ({
  apply: (list: string, entries: Parameters<typeof applyListed>[2], options: { dryRun: boolean }) =>
    applyListed(pool, list, entries, ALGORITHM, options),
  unseen: unseenEntries,
});

/** Every one of them: none is dropped in silence. */
export const tellBad = (file: string, { place, field, problem }: BadEntry): void =>
  void process.stderr.write(`${oneLine(`${file}: ${place}: ${field}: ${problem}`)}\n`);

export function tellImported(imported: Imported, dryRun: boolean): void {
  const { added, unchanged, changed, withdrawn, bad, unsupported, repeated, notReplaced } = imported;
  const rest = [
    repeated > 0 ? `${repeated} given more than once` : "",
    unsupported > 0 ? `${unsupported} without a hash that can be looked for` : "",
    bad > 0 ? `${bad} that could not be read` : "",
  ].filter(Boolean);
  const counts = [`${added} added`, `${unchanged} as before`, `${changed} changed`, `${withdrawn} withdrawn`, ...rest].join(", ");
  say(dryRun ? `would be: ${counts} (nothing was changed)` : counts);
  if (notReplaced) say(notReplaced);
}

export async function lookBack({ database, registerSteps }: App, list: string, signal: AbortSignal): Promise<void> {
  const raised = await lookBackForList(database.pool, registerSteps, list, signal);
  if (raised > 0) say(`${raised} earlier upload${raised === 1 ? "" : "s"} found`);
}

export const lookBackCommand = () =>
  new Command("look-back")
    .description("search past submissions for what came in lists and was not searched for yet")
    .option("--list <name>", "of one list (default: all)")
    .action(async (options: { list?: string }) => {
      await withApp(async (app, signal) => {
        const lists = options.list === undefined ? await listsToLookBack(app.database.pool) : [options.list];
        for (const list of lists) await lookBack(app, list, signal);
      });
    });
