import { pino } from "pino";
import { say, table } from "../../src/cli/output.js";
import { UsageError } from "../../src/errors.js";
import { createLog } from "../../src/platform/log.js";
import { drill, failed, interruption, wholeFrom } from "./support/arguments.js";
import { allBadMedia } from "./support/bad-media-all.js";
import { countsByGroup, type Judged, judgeAll } from "./support/bad-media-run.js";
import { type BadMediaSite, openBadMediaSite } from "./support/bad-media-site.js";
import { megabytes, throughWorker, type WorkerReport } from "./support/bad-media-worker.js";
import { type Handles, handlesOf } from "./support/processes.js";
import { REUPLOAD } from "./support/service-command.js";

interface Options {
  seed: number;
  only?: string;
  keep?: string;
  atOnce: number;
  worker: number;
  list?: boolean;
}

/** Decoding a bomb is given up after so long: the default of half an hour would only make the drill longer. */
const SCAN_TIMEOUT_MS = 30_000;

/** After so many inputs all code has been loaded, and memory and handles are compared with what they are then. */
const WARM_UP = 60;
const MORE_FILES = 12;
const MORE_BYTES = 300_000_000;

const VERDICTS = ["match", "review", "clear", "unscannable", "refused"];

await drill("media", "Makes bad, odd and hostile files and reads them: each gets the right verdict, and nothing is left of any.")
  .option("--seed <n>", "of what is random", wholeFrom(0, 1_000_000), 1)
  .option("--only <text>", "inputs whose name or group has this in it")
  .option("--keep <folder>", "make the inputs here, and leave them")
  .option("--at-once <n>", "inputs read at the same time", wholeFrom(1, 16), 3)
  .option("--worker <n>", "every so manieth also goes through the queue and a worker process; 0: none", wholeFrom(0, 1000), 3)
  .option("--list", "say what became of each")
  .action(run)
  .parseAsync()
  .catch(failed("drill:media"));

async function run({ seed, only, keep, atOnce, worker, list }: Options): Promise<void> {
  const signal = interruption();
  const inputs = allBadMedia(seed).filter(({ name, group }) => !only || name.includes(only) || group.includes(only));
  if (inputs.length === 0) throw new UsageError(`--only: no input and no group has "${only}" in its name`);
  const log = createLog("error", pino.destination(2));
  const fromMs = performance.now();
  const options = { seed, keep, scanTimeoutMs: SCAN_TIMEOUT_MS, roles: "worker,relay,web" };
  const place = await openBadMediaSite(options, log, signal);
  try {
    const handles: Handles[] = [];
    const onJudged = async (judged: Judged) => {
      if (list) say(lineOf(judged));
      handles.push(await handlesOf(process.pid));
    };
    const all = await judgeAll(place, inputs, { atOnce, onJudged }, signal);
    const sample = all.filter((_, i) => worker > 0 && i % worker === 0);
    const report = sample.length > 0 ? await throughWorker(place, REUPLOAD, sample, signal) : undefined;
    const complaints = [
      ...all.flatMap(({ input, complaints }) => complaints.map((text) => `${input.name}: ${text}`)),
      ...place.server.trapped.map((visit) => `somebody followed a list of files: ${visit}`),
      ...grown(handles),
      ...(report?.complaints ?? []),
    ];
    tell(all, handles, report, place);
    for (const complaint of complaints) say(`WRONG ${complaint}`);
    say(`${all.length} inputs, ${complaints.length} complaints, ${((performance.now() - fromMs) / 1000).toFixed(0)} s`);
    process.exitCode = complaints.length > 0 ? 1 : 0;
  } finally {
    await place.close();
  }
}

/** This process reads the files itself. */
function grown(handles: Handles[]): string[] {
  if (handles.length <= WARM_UP) return [];
  const [warm, last] = [handles[WARM_UP], handles[handles.length - 1]];
  return [
    ...(last.files > warm.files + MORE_FILES ? [`${last.files} files are open, and ${warm.files} were`] : []),
    ...(last.residentBytes > warm.residentBytes + MORE_BYTES
      ? [`reading takes ${megabytes(last.residentBytes)} MB, and took ${megabytes(warm.residentBytes)}`]
      : []),
  ];
}

function tell(all: Judged[], handles: Handles[], report: WorkerReport | undefined, { config }: BadMediaSite): void {
  const groups = countsByGroup(all);
  const total = groups.reduce((sum, { wrong }) => sum + wrong, 0);
  const counts = (of: Record<string, number>) => VERDICTS.map((verdict) => String(of[verdict] ?? 0));
  const sums = Object.fromEntries(VERDICTS.map((v) => [v, all.filter(({ judgement }) => judgement.verdict === v).length]));
  say(
    table(
      ["group", "inputs", ...VERDICTS, "wrong"],
      [
        ...groups.map(({ group, inputs, counts: own, wrong }) => [group, String(inputs), ...counts(own), String(wrong)]),
        ["all", String(all.length), ...counts(sums), String(total)],
      ],
    ),
  );
  const slowest = all.reduce((a, b) => (a.judgement.tookMs > b.judgement.tookMs ? a : b));
  say(
    `slowest: ${slowest.input.name}, ${(slowest.judgement.tookMs / 1000).toFixed(1)} s (limit ${config.scanTimeoutMs / 1000} s)`,
  );
  const warm = handles[Math.min(WARM_UP, handles.length - 1)];
  const told = (from: Handles, to: Handles) =>
    `${from.files} to ${to.files} open files, ${megabytes(from.residentBytes)} to ${megabytes(to.residentBytes)} MB`;
  say(`reading here: ${told(warm, handles[handles.length - 1])}`);
  if (report)
    say(`a worker process: ${report.submitted} submissions, ${told(report.before, report.after)}, ${report.warnings} warnings`);
}

function lineOf({ input, way, judgement }: Judged): string {
  const { verdict, reason, framesRead, medianBits, tookMs } = judgement;
  const bits = medianBits === undefined ? "" : ` ${medianBits} bits`;
  const about = verdict === "match" ? "" : reason;
  return `${input.group} | ${input.name} | ${way} | ${verdict} | ${framesRead} frames${bits} | ${(tookMs / 1000).toFixed(1)} s | ${about}`;
}
