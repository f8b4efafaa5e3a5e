import { createWriteStream } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Command } from "commander";
import type { Pool } from "pg";
import type { CaseClass } from "../casework/case-fields.js";
import { type CaseDetail, closeCase, createCase, listCases, mergeCases, readCase, reopenCase } from "../casework/cases.js";
import { evidenceJson, evidencePack } from "../casework/evidence.js";
import { type EvidencePack, FORMAT, verifyPack } from "../casework/evidence-chain.js";
import { evidencePdf } from "../casework/evidence-pdf.js";
import { UsageError } from "../errors.js";
import { withApp } from "./open.js";
import { complain, oneLine, type SetExitCode, say, sayJson, table } from "./output.js";
import { CLI_ACTOR } from "./user.js";

const PAGE = 500;

export const caseCommand = (setExitCode: SetExitCode): Command =>
  new Command("case")
    .description("cases: what belongs together, and what is handed to the police")
    .addCommand(createCommand())
    .addCommand(showCommand(setExitCode))
    .addCommand(listCommand())
    .addCommand(stateCommand("close", "close a case; its material goes on being recognised", closeCase))
    .addCommand(stateCommand("reopen", "open a closed case again", reopenCase))
    .addCommand(mergeCommand())
    .addCommand(evidenceCommand())
    .addCommand(verifyCommand(setExitCode));

const createCommand = () =>
  new Command("create")
    .description("create a case")
    .argument("<id>", "1-128 printable characters without spaces")
    .option("--title <title>", "what caseworkers see beside the id", "")
    .option("--class <class>", "baseline, national or other", "other")
    .option("--legal-basis <text>", "what it may be kept by", "")
    .option("--retain-until <date>", "when it is erased, such as 2030-12-31")
    .action(async (id: string, options: { title: string; class: string; legalBasis: string; retainUntil?: string }) => {
      const { title, legalBasis } = options;
      const retainUntil = options.retainUntil === undefined ? null : dateOf(options.retainUntil);
      const fields = { id, title, class: options.class as CaseClass, legalBasis, retainUntil };
      await withApp(({ database }) => createCase(database.pool, fields, CLI_ACTOR));
      say(`${id} is created`);
    });

/** Of a day, its end in UTC: until then it is kept. */
function dateOf(text: string): Date {
  const date = new Date(/^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T23:59:59Z` : text);
  if (Number.isNaN(date.getTime())) throw new UsageError("--retain-until: must be a date, such as 2030-12-31");
  return date;
}

const showCommand = (setExitCode: SetExitCode) =>
  new Command("show")
    .description("a case with its known material and its counts")
    .argument("<id>", "the case's id")
    .option("--json", "as JSON")
    .action(async (id: string, { json }: { json?: boolean }) => {
      const found = await withApp(({ database }) => readCase(database.pool, id));
      if (!found) {
        complain(`CASE: there is no case ${id}; "reupload case list" shows them`);
        setExitCode(1);
      } else if (json) sayJson(found);
      else sayCase(found);
    });

function sayCase(found: CaseDetail): void {
  say(`${found.id}: ${found.state}${found.title ? `, ${oneLine(found.title)}` : ""}`);
  if (found.mergedInto) say(`  was merged into ${found.mergedInto}, which has all of its material`);
  if (found.mergedFrom.length > 0) say(`  has the material of ${found.mergedFrom.join(", ")}`);
  say(`  class ${found.class}${found.legalBasis ? `, legal basis: ${oneLine(found.legalBasis)}` : ""}`);
  if (found.retainUntil) say(`  kept until ${found.retainUntil.toISOString()}`);
  const last = found.lastUploadAt ? `, last ${found.lastUploadAt.toISOString()}` : "";
  say(
    `  ${counted(found.uploads, "upload")}, ${counted(found.uploaders, "profile")}, ${counted(found.platforms, "platform")}${last}`,
  );
  say(`  ${counted(found.openAlerts, "open alert")}, ${counted(found.openTakedowns, "open takedown")}`);
  for (const known of found.known) {
    const from = `${known.provenance}${known.learnedFrom ? ` (${oneLine(known.learnedFrom)})` : ""}`;
    say(oneLine(`  ${known.id}  ${known.kind}  ${known.label}, from ${from}${known.retiredAt ? ", retired" : ""}`));
  }
}

const counted = (n: number, what: string) => `${n} ${what}${n === 1 ? "" : "s"}`;

const listCommand = () =>
  new Command("list")
    .description("list cases, newest first")
    .option("--state <state>", "open, closed or all", "open")
    .option("--text <text>", "only those with this in the id or the title")
    .option("--json", "JSON Lines")
    .action(async ({ state, text, json }: { state: string; text?: string; json?: boolean }) => {
      if (state !== "open" && state !== "closed" && state !== "all") throw new UsageError("--state: must be open, closed or all");
      const cases = await withApp(({ database }) => allCases(database.pool, { state, text }));
      if (json) {
        for (const one of cases) sayJson(one);
        return;
      }
      if (cases.length === 0) {
        say('no such case; "reupload case create ID" makes one');
        return;
      }
      say(
        table(
          ["case", "title", "state", "uploads", "known", "open alerts", "last upload"],
          cases.map((c) => [
            c.id,
            c.title,
            c.mergedInto ? `merged into ${c.mergedInto}` : c.state,
            String(c.uploads),
            String(c.references),
            String(c.openAlerts),
            c.lastUploadAt?.toISOString() ?? "-",
          ]),
        ),
      );
    });

async function allCases(pool: Pool, filter: { state: "open" | "closed" | "all"; text?: string }) {
  const all = [];
  for (let after: string | undefined; ; ) {
    const { cases, next } = await listCases(pool, filter, { limit: PAGE, after });
    all.push(...cases);
    if (next === undefined) return all;
    after = next;
  }
}

const stateCommand = (name: string, description: string, act: typeof closeCase) =>
  new Command(name)
    .description(description)
    .argument("<id>", "the case's id")
    .action(async (id: string) => {
      const { state } = await withApp(({ database }) => act(database.pool, id, CLI_ACTOR));
      say(`${id} is ${state}`);
    });

const mergeCommand = () =>
  new Command("merge")
    .description("move all material, alerts, takedowns and re-uploads of a case to another; the merged case stays as a pointer")
    .argument("<from>", "the case that ends")
    .argument("<into>", "the case that has all of it afterwards")
    .action(async (from: string, into: string) => {
      const merged = await withApp(({ database }) => mergeCases(database.pool, from, into, CLI_ACTOR));
      const closed = merged.state === "closed" ? `; it is closed, and stays so` : "";
      say(`${from} is merged into ${into}: ${counted(merged.uploads, "upload")}, ${merged.references} known${closed}`);
    });

const evidenceCommand = () =>
  new Command("evidence")
    .description("the evidence pack of a case, hash-chained, for the police: no media, hashes only")
    .argument("<id>", "the case's id")
    .option("--json [file]", "the pack itself, to a file or standard output; the form to keep")
    .option("--pdf <file>", "the pack to read and to print")
    .option("--language <language>", "of the PDF: en or sq", "en")
    .action(async (id: string, options: { json?: string | true; pdf?: string; language: string }) => {
      const { json, pdf, language } = options;
      if (json === undefined && pdf === undefined) throw new UsageError("--json or --pdf: say which form it is to have");
      if (language !== "en" && language !== "sq") throw new UsageError("--language: must be en or sq");
      await withApp(async ({ database: { pool } }) => {
        if (pdf === undefined) return writeJson(pool, id, json!);
        // One pack in both forms, so that they have one head.
        const pack = await evidencePack(pool, id, CLI_ACTOR);
        if (json !== undefined) await writeText(`${JSON.stringify(pack)}\n`, json);
        await writing("--pdf", pdf, async () => writeFile(pdf, await evidencePdf(pack, language)));
        if (json !== true) say(`${id}: ${pack.entries.length} entries, head ${pack.head}`);
      });
    });

async function writeJson(pool: Pool, id: string, file: string | true): Promise<void> {
  const text = Readable.from(evidenceJson(pool, id, CLI_ACTOR));
  if (file === true) await pipeline(text, process.stdout, { end: false });
  else await writing("--json", file, () => pipeline(text, createWriteStream(file)));
}

async function writeText(text: string, file: string | true): Promise<void> {
  if (file === true) await pipeline(Readable.from([text]), process.stdout, { end: false });
  else await writing("--json", file, () => writeFile(file, text));
}

async function writing(option: string, file: string, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (!(error as NodeJS.ErrnoException).syscall) throw error;
    throw new UsageError(`${option}: ${file} cannot be written (${(error as NodeJS.ErrnoException).code})`);
  }
}

const verifyCommand = (setExitCode: SetExitCode) =>
  new Command("verify")
    .description("check the chain of an evidence pack; exit code 1 when it was changed")
    .argument("<file>", "a pack written by case evidence --json")
    .action(async (file: string) => {
      const check = verifyPack(await packIn(file));
      if (check.broken) {
        complain(`${file}: entry ${check.broken.entry}: ${check.broken.what}`);
        setExitCode(1);
      } else say(`${oneLine(file)}: ${check.entries} entries as they were written, head ${check.head}`);
    });

async function packIn(file: string): Promise<EvidencePack> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`${file}: cannot be read (${error.code})`);
  });
  const notAPack = new UsageError(`${file}: is not an evidence pack (${FORMAT}) in JSON`);
  let pack: Partial<EvidencePack> | null;
  try {
    pack = JSON.parse(text) as Partial<EvidencePack> | null;
  } catch {
    throw notAPack;
  }
  const isPack = pack?.format === FORMAT && Array.isArray(pack.entries) && pack.entries.every((e) => typeof e === "object" && e);
  if (!isPack) throw notAPack;
  return pack as EvidencePack;
}
