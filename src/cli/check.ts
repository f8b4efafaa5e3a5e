import { Command } from "commander";
import type { App } from "../app.js";
import { UnscannableError } from "../errors.js";
import type { Match, Reading, Verdict } from "../model.js";
import { judge } from "../scan.js";
import { unscannable } from "../verdict/decide.js";
import { POLICY } from "../verdict/policy.js";
import { withApp } from "./open.js";
import type { SetExitCode } from "./output.js";
import { complain, oneLine, reasonOf, say, sayJson, withProgress } from "./output.js";
import { type NamedMedia, namedMedia } from "./sources.js";

interface Checked {
  verdict: Verdict;
  reading?: Reading;
  timingsMs: Record<"fetch" | "decode" | "hash" | "lookup" | "align", number>;
}

export const checkCommand = (setExitCode: SetExitCode): Command =>
  new Command("check")
    .description("what the verdict on media would be; records nothing")
    .argument("<file|url...>", "images or videos")
    .option("--json", "JSON Lines, in the order given")
    .option("--explain", "why and why not, in words; without a match, the nearest miss")
    .action(async (names: string[], options: { json?: boolean; explain?: boolean }) => {
      const media = await Promise.all(names.map(namedMedia));
      const failed = await withApp((app, signal) => checkAll(app, media, options, signal));
      if (failed) setExitCode(1);
    });

async function checkAll(
  app: App,
  media: NamedMedia[],
  options: { json?: boolean; explain?: boolean },
  signal: AbortSignal,
): Promise<boolean> {
  let failed = false;
  await withProgress(media, "checking", async (item) => {
    try {
      const checked = await check(app, item, signal);
      if (options.json) sayJson(jsonOf(item, checked));
      else say(lineOf(item, checked, options.explain ?? false));
    } catch (error) {
      signal.throwIfAborted();
      failed = true;
      complain(`${item.name}: ${reasonOf(error)}`);
    }
  });
  return failed;
}

/** The scan's steps without its last: nothing is recorded. */
async function check(app: App, { media }: NamedMedia, signal: AbortSignal): Promise<Checked> {
  try {
    const reading = await app.readLocal(media, "as a worker", signal);
    const { verdict, timingsMs } = await judge(app.scanSteps, reading);
    return { verdict, reading, timingsMs: { ...reading.timingsMs, ...timingsMs } };
  } catch (error) {
    if (!(error instanceof UnscannableError)) throw error;
    return { verdict: unscannable(error.reason, POLICY), timingsMs: { fetch: 0, decode: 0, hash: 0, lookup: 0, align: 0 } };
  }
}

function jsonOf({ name }: NamedMedia, { verdict, reading, timingsMs }: Checked): object {
  return {
    file: name,
    kind: reading?.kind ?? null,
    verdict: verdict.kind,
    sha256: reading?.sha256 ?? null,
    durationMs: reading ? Math.round(reading.durationMs) : null,
    matches: verdict.matches.map(matchOf),
    reasons: verdict.reasons,
    timingsMs: Object.fromEntries(Object.entries(timingsMs).map(([stage, ms]) => [stage, Math.round(ms)])),
  };
}

const matchOf = ({ caseId, reference, algorithm: _, ...match }: Match): object => ({
  case: caseId,
  reference: { id: reference.id, label: reference.label },
  ...match,
});

function lineOf({ name }: NamedMedia, { verdict }: Checked, explain: boolean): string {
  const cases = [...new Set(verdict.matches.map((m) => m.caseId))].join(", ");
  const head = `${oneLine(name)}: ${verdict.kind}${cases ? ` (case ${cases})` : ""}`;
  if (!explain && verdict.kind !== "unscannable") return head;
  const why = verdict.nearestMiss && explain ? [...verdict.reasons, verdict.nearestMiss] : verdict.reasons;
  return [head, ...why.map((reason) => `  ${oneLine(reason)}`)].join("\n");
}
