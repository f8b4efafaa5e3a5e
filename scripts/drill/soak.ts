import { writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { InvalidArgumentError } from "commander";
import { pino } from "pino";
import { randomFrom } from "../../src/bench/index/generate.js";
import { type Replica, startReplica } from "../../src/bench/load-replica.js";
import { say, table } from "../../src/cli/output.js";
import { createWithPassword } from "../../src/people/links.js";
import { createToken } from "../../src/people/tokens.js";
import { within } from "../../src/platform/deadline.js";
import { createLog } from "../../src/platform/log.js";
import { freePort } from "../../test/support/free-port.js";
import { drill, failed, interruption, wholeFrom } from "./support/arguments.js";
import { type BadMediaSite, openBadMediaSite } from "./support/bad-media-site.js";
import { REUPLOAD } from "./support/service-command.js";
import { findingOf, trendOf } from "./support/soak-fit.js";
import { type Doings, runLoad } from "./support/soak-load.js";
import { makeSoakMedia } from "./support/soak-media.js";
import { soakPlot } from "./support/soak-plot.js";
import { type SoakSample, takeSample, watchedOf } from "./support/soak-samples.js";
import { type Visitor, visit } from "./support/soak-visitor.js";

interface Options {
  minutes: number;
  speed: number;
  workers: number;
  seed: number;
  plot?: string;
}

const SCAN_TIMEOUT_MS = 60_000;
const SAMPLED_EVERY_MS = 10_000;

/** Code is compiled, pools fill, caches and the heap come to their size; at most half of the time. */
const WARM_UP_MS = 20 * 60_000;
const PASSWORD = "correct horse battery staple";

await drill(
  "soak",
  "Keeps a real service busy with everything that is done with it, and says whether anything grows that should not.",
)
  .option("--minutes <n>", "how long", wholeFrom(1, 24 * 60), 120)
  .option("--speed <n>", "submissions a second, as long as they are scanned as fast", positive, 2)
  .option("--workers <n>", "processes, each with all roles", wholeFrom(1, 16), 2)
  .option("--seed <n>", "of the mix", wholeFrom(0, 1_000_000), 1)
  .option("--plot <file>", "also write what was watched as an SVG picture")
  .addHelpText(
    "after",
    "\nUses a database of its own in the temporary folder, and REDIS_URL if set. The exit code is 1 when something grows or failed.",
  )
  .action(run)
  .parseAsync()
  .catch(failed("drill:soak"));

function positive(text: string): number {
  const value = Number(text);
  if (value > 0 && value <= 100) return value;
  throw new InvalidArgumentError("It must be a number above 0, and at most 100.");
}

async function run({ minutes, speed, workers, seed, plot }: Options): Promise<void> {
  const signal = interruption();
  const log = createLog("error", pino.destination(2));
  const place = await openBadMediaSite({ seed, scanTimeoutMs: SCAN_TIMEOUT_MS, roles: "worker,relay,web" }, log, signal);
  const replicas: Replica[] = [];
  try {
    const media = await makeSoakMedia(place, seed);
    const visitors = await startAll(place, workers, replicas, signal);
    const [doings, samples] = await within(60_000 * minutes, signal, (until) =>
      Promise.all([
        runLoad(place, visitors, media, { everyMs: 1000 / speed, random: randomFrom(seed), until }),
        sampleUntil(until, place, replicas),
      ]),
    );
    signal.throwIfAborted();
    if (plot) await writeFile(plot, soakPlot(samples, panelsOf(replicas)));
    process.exitCode = tell(samples, replicas, doings, place) ? 0 : 1;
  } finally {
    await Promise.all(replicas.map((replica) => replica.stop()));
    await place.close();
  }
}

async function startAll({ site }: BadMediaSite, workers: number, replicas: Replica[], signal: AbortSignal): Promise<Visitor[]> {
  const { pool } = site.app.database;
  await createWithPassword(pool, { name: "soak", role: "caseworker", language: "en" }, PASSWORD, "cli");
  const { secret: token } = await createToken(pool, { name: "soak", scopes: ["admin"], days: 2 }, "cli");
  const visitors: Visitor[] = [];
  for (let i = 0; i < workers; i++) {
    const port = await freePort();
    replicas.push(await startReplica(REUPLOAD, { ...site.env, HTTP_PORT: String(port) }, signal));
    visitors.push(await visit(`http://127.0.0.1:${port}`, { name: "soak", password: PASSWORD, token }));
  }
  return visitors;
}

async function sampleUntil(over: AbortSignal, place: BadMediaSite, replicas: Replica[]): Promise<SoakSample[]> {
  const samples: SoakSample[] = [];
  for (const fromMs = performance.now(); !over.aborted; ) {
    samples.push(await takeSample(place, replicas, performance.now() - fromMs));
    await sleep(SAMPLED_EVERY_MS, undefined, { signal: over }).catch(() => {});
  }
  return samples;
}

function panelsOf(replicas: Replica[]) {
  const each = (what: string) => replicas.map((_, i) => `${what} of worker ${i + 1}`);
  return [
    { title: "MB of memory, one line a worker", names: each("memory") },
    { title: "open files, one line a worker", names: each("open files") },
    { title: "submissions done", names: ["submissions done"] },
    { title: "dead rows, % of all", names: ["dead rows"] },
    { title: "MB of submission_fingerprint, of which as much goes as comes", names: ["size of submission_fingerprint"] },
  ];
}

/** Prints the figures. True when nothing grew and nothing failed. */
function tell(samples: SoakSample[], replicas: Replica[], { counts, failures }: Doings, { server }: BadMediaSite): boolean {
  const endMs = samples[samples.length - 1].atMs;
  const warmMs = Math.min(WARM_UP_MS, endMs / 2);
  const warm = samples.filter(({ atMs }) => atMs >= warmMs);
  const findings = watchedOf(replicas, samples).map(({ name, unit, mostPerHour }) => {
    const trend = trendOf(warm.filter(({ values }) => name in values).map(({ atMs, values }) => ({ atMs, value: values[name] })));
    return { name, unit, mostPerHour, ...trend, finding: findingOf(trend, mostPerHour) };
  });
  say(
    Object.entries(counts)
      .map(([what, n]) => `${n} ${what}`)
      .join(", "),
  );
  say(
    `${samples.length} samples in ${(endMs / 60_000).toFixed(1)} minutes, of which the first ${(warmMs / 60_000).toFixed(0)} are warm-up. Something grows when its slope is above the limit with 95 % confidence`,
  );
  const rows = findings.map((f) => [
    f.name,
    `${figure(f.mean)} ${f.unit}`.trim(),
    `${figure(f.perHour)} ± ${figure(f.give)}`,
    figure(f.mostPerHour),
    f.finding,
  ]);
  say(table(["what", "mean", "change in an hour", "limit", "finding"], rows));
  const warnings = replicas.flatMap((replica) => replica.warnings()).map((line) => (JSON.parse(line) as { msg: string }).msg);
  const problems = [
    ...findings.filter(({ finding }) => finding === "grows").map(({ name }) => `${name} grows`),
    ...[...failures].map(([failure, times]) => `failed ${times} times: ${failure}`),
    ...server.trapped.map((visitor) => `somebody followed a list of files: ${visitor}`),
  ];
  for (const problem of problems) say(`WRONG ${problem}`);
  const kinds = [...new Set(warnings)].map((text) => `"${text}" ${warnings.filter((w) => w === text).length} times`);
  say(`${problems.length} problems; warnings in the workers' logs: ${kinds.join(", ") || "none"}`);
  return problems.length === 0;
}

function figure(value: number): string {
  return Number.isFinite(value) ? value.toFixed(Math.abs(value) < 10 ? 1 : 0) : "?";
}
