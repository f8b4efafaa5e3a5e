import { Command, Option } from "commander";
import type { App } from "../app.js";
import { readSecret, type SecretVariable } from "../config/secret-files.js";
import { UsageError } from "../errors.js";
import { fetchList } from "../exchange/fetch-list.js";
import { exchangeUrl } from "../exchange/http.js";
import type { Imported } from "../exchange/import-list.js";
import { NCMEC_ENVIRONMENTS, ncmec } from "../exchange/ncmec.js";
import { hashesOfEntries, ownHashes, recordShared } from "../exchange/share.js";
import type { Source } from "../exchange/source.js";
import { FEEDBACK_VALUES, type FeedbackValue, STOPNCII_URL, sendFeedback, stopNcii, submitHashes } from "../exchange/stopncii.js";
import { importSteps, lookBack, tellBad, tellImported } from "./hashes-import.js";
import { withApp } from "./open.js";
import { type SetExitCode, say } from "./output.js";

/** Secrets come from the environment or from files, so that no list of processes shows them. */
const secret = (variable: string): string => {
  const value = readSecret(process.env, variable as SecretVariable);
  if (!value) throw new UsageError(`${variable}: is not set, nor ${variable}_FILE; the exchange gives it to its members`);
  return value;
};

type Environment = keyof typeof NCMEC_ENVIRONMENTS;

interface FetchOptions {
  list: string;
  case?: string;
  url?: string;
  environment: Environment;
  fromStart?: boolean;
  lookBack: boolean;
}

export const fetchCommand = (setExitCode: SetExitCode) =>
  new Command("fetch")
    .description("bring in what is new in an exchange's list since it was last fetched")
    .addArgument(new Command().createArgument("<exchange>", "whose list").choices(["ncmec", "stopncii"]))
    .requiredOption("--list <name>", "what the list is called here: every alert that rests on it says so")
    .option("--case <id>", "the case its entries belong to (default: one with the list's name)")
    .addOption(
      new Option("--environment <name>", "which of NCMEC's lists").choices(Object.keys(NCMEC_ENVIRONMENTS)).default("industry"),
    )
    .option("--url <url>", "another address of the exchange")
    .option("--from-start", "fetch all of it again")
    .option("--no-look-back", "do not search past submissions")
    .addHelpText(
      "after",
      "\nCredentials are read from NCMEC_USER and NCMEC_PASSWORD, or STOPNCII_FUNCTIONS_KEY and STOPNCII_SUBSCRIPTION_KEY.",
    )
    .action(async (exchange: Source["name"], options: FetchOptions) => {
      const source = sourceOf(exchange, options);
      const fetched = await withApp((app, signal) => fetchFrom(app, source, options, signal));
      if (fetched.bad > 0) setExitCode(1);
    });

function sourceOf(exchange: Source["name"], { url, environment }: FetchOptions): Source {
  if (exchange === "ncmec") return ncmec(exchangeUrl(url ?? NCMEC_ENVIRONMENTS[environment]), secret);
  return stopNcii(exchangeUrl(url ?? STOPNCII_URL), secret);
}

async function fetchFrom(app: App, source: Source, options: FetchOptions, signal: AbortSignal): Promise<Imported> {
  const fetched = await fetchList(
    app.database.pool,
    importSteps(app),
    source,
    {
      ...{ list: options.list, caseId: options.case ?? options.list, actor: "cli", fromStart: options.fromStart ?? false },
      onBad: (bad) => tellBad(source.name, bad),
      onPage: (pages) => process.stderr.isTTY && process.stderr.write(`\r${pages} pages`),
    },
    signal,
  );
  tellImported(fetched, false);
  if (options.lookBack) await lookBack(app, options.list, signal);
  return fetched;
}

/** StopNCII refuses more at a time. */
const HASHES_AT_ONCE = 500;

const stopNciiUrl = () => new Option("--url <url>", "another address of StopNCII").default(STOPNCII_URL);
const tags = () => new Option("--tag <tag...>", "tags of your own").default([]);

export const feedbackCommand = () =>
  new Command("feedback")
    .description("tell StopNCII what became of hashes of its list")
    .argument("<entry...>", "entries of the list, from an alert")
    .requiredOption("--list <name>", "what StopNCII's list is called here")
    .addOption(new Option("--value <value>", "what you found").choices(FEEDBACK_VALUES).makeOptionMandatory())
    .addOption(tags())
    .addOption(stopNciiUrl())
    .action(async (entries: string[], options: { list: string; value: FeedbackValue; tag: string[]; url: string }) => {
      const url = exchangeUrl(options.url);
      await withApp(async ({ database: { pool } }, signal) => {
        const hashes = await hashesOfEntries(pool, options.list, entries);
        await sendFeedback(url, secret, { hashes, value: options.value, tags: options.tag }, signal);
        await recordShared(pool, "cli", "hash feedback sent", `list:${options.list}`, hashes.length);
      });
      say(`${entries.length} told`);
    });

export const submitHashesCommand = () =>
  new Command("submit")
    .description("share the hashes of a case's own stills with StopNCII")
    .requiredOption("--case <id>", "the case")
    .addOption(tags())
    .addOption(stopNciiUrl())
    .action(async (options: { case: string; tag: string[]; url: string }) => {
      const url = exchangeUrl(options.url);
      const count = await withApp(async ({ database: { pool } }, signal) => {
        const hashes = await ownHashes(pool, options.case);
        if (hashes.length === 0) throw new UsageError(`--case: ${options.case} has no stills of its own to share`);
        for (let at = 0; at < hashes.length; at += HASHES_AT_ONCE)
          await submitHashes(url, secret, { hashes: hashes.slice(at, at + HASHES_AT_ONCE), tags: options.tag }, signal);
        await recordShared(pool, "cli", "hashes shared", `case:${options.case}`, hashes.length);
        return hashes.length;
      });
      say(`${count} shared`);
    });
