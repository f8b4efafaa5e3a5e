import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Command, Option } from "commander";
import type { App } from "../app.js";
import { UsageError } from "../errors.js";
import { exportable } from "../exchange/export-list.js";
import { FORMATS, type Format } from "../exchange/formats.js";
import { type Written, writeList } from "../exchange/write-list.js";
import { withApp } from "./open.js";

export const formatOption = () => new Option("--format <format>", "the list's format").choices(FORMATS).makeOptionMandatory();

interface ExportOptions {
  format: Format;
  case?: string;
  list?: string;
  withdrawn?: boolean;
}

export const exportCommand = () =>
  new Command("export")
    .description("write known material as a list of hashes")
    .argument("<file|->", "a new file; - is standard output")
    .addOption(formatOption())
    .option("--case <id>", "of one case")
    .option("--list <name>", "only what came in this list")
    .option("--withdrawn", "also what is retired, as withdrawn, where the format can say so")
    .action(async (file: string, options: ExportOptions) => {
      const counts = await withApp((app) => exportFile(app, file, options));
      const notes = [
        counts.unsaid > 0 ? `${counts.unsaid} left out, which ${options.format} cannot say` : "",
        counts.without > 0 ? `${counts.without} stills left out, which were registered before their PDQ was kept` : "",
      ].filter(Boolean);
      process.stderr.write(`${[`${counts.written} written`, ...notes].join("; ")}\n`);
    });

async function exportFile(app: App, file: string, options: ExportOptions): Promise<Written> {
  const counts: Written = { written: 0, unsaid: 0, without: 0 };
  const filter = { caseId: options.case, list: options.list, withdrawn: options.withdrawn ?? false };
  const text = Readable.from(writeList(options.format, exportable(app.database.pool, filter), counts));
  try {
    if (file === "-") await pipeline(text, process.stdout, { end: false });
    else await pipeline(text, createWriteStream(file, { flags: "wx", mode: 0o600 }));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") throw new UsageError(`${file}: is there already: name a new file`);
    if ((error as NodeJS.ErrnoException).code === "ENOENT") throw new UsageError(`${file}: its folder is not there`);
    throw error;
  }
  return counts;
}
