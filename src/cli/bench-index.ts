import { writeFile } from "node:fs/promises";
import { Command, InvalidArgumentError } from "commander";
import { pino } from "pino";
import { indexPlot } from "../bench/index/plot.js";
import { benchIndex, type IndexBenchReport, LEAST_HASHES } from "../bench/index.js";
import { createLog } from "../platform/log.js";
import { say, sayJson, table } from "./output.js";

interface Options {
  hashes: number;
  postgres?: boolean;
  plot?: string;
  json?: boolean;
}

const MOST_HASHES = 30_000_000;

export const benchIndexCommand = (): Command =>
  new Command("index")
    .description("how fast known hashes are found among so many, in memory and in Postgres, checked against brute force")
    .option("--hashes <n>", "how many are made up; measured at a tenth, three tenths and all of them", hashCount, 1_000_000)
    .option("--postgres", "also fill a Postgres of its own in the temporary folder (260 bytes a hash and more), and measure it")
    .option("--plot <file>", "also write the growth as an SVG picture")
    .option("--json", "everything that was measured, as one line of JSON")
    .addHelpText(
      "after",
      "\nTouches no data. Let nothing else run meanwhile: the exit code does not say whether a floor was kept.",
    )
    .action(async ({ hashes, postgres, plot, json }: Options) => {
      const onStep = (text: string) => void (process.stderr.isTTY && process.stderr.write(`${text}\n`));
      const report = await benchIndex({ hashes, postgres: postgres ?? false, onStep }, createLog("warn", pino.destination(2)));
      if (plot) await writeFile(plot, indexPlot(report));
      if (json) sayJson(report);
      else say(textOf(report));
    });

function hashCount(text: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= LEAST_HASHES && value <= MOST_HASHES) return value;
  throw new InvalidArgumentError(`It must be a whole number from ${LEAST_HASHES} to ${MOST_HASHES}.`);
}

/** What a person reads. */
export function textOf(report: IndexBenchReport): string {
  const { cores, cpu, node, threads, inMemory, exponent, postgres, floors } = report;
  const rows = inMemory.map((r) => [
    millions(r.hashes),
    count(r.oneThreadPerS),
    count(r.allThreadsPerS),
    count(r.perCpuS),
    `${r.submissionMs.p50.toFixed(1)} / ${r.submissionMs.p99.toFixed(1)}`,
    `${(r.allThreadsPerS / r.linearPerS).toFixed(0)}`,
    r.bytesPerHash.toFixed(0),
    (r.buildMs / 1000).toFixed(1),
    `${r.verified} (${r.verifiedHits} hits)`,
  ]);
  const header = [
    ...["hashes", "lookups/s, 1 thread", `${threads} threads`, "a CPU second", "ms a submission, p50 / p99"],
    ...["times linear scan", "bytes a hash", "build s", "queries checked"],
  ];
  return [
    `${cores} cores (${cpu}), Node ${node}`,
    table(header, rows),
    `a lookup takes processor time as the number of hashes to the power of ${exponent.toFixed(2)}`,
    ...(postgres ? [postgresText(postgres)] : []),
    table(
      ["floor at 10 million on 2 cores", "limit", "measured", "kept"],
      floors.map((f) => [f.name, count(f.limit), count(f.measured), f.passed ? "yes" : "NO"]),
    ),
  ].join("\n\n");
}

function postgresText(result: NonNullable<IndexBenchReport["postgres"]>): string {
  const { hashes, bytesPerHash, insertMs, foundMs, goneMs } = result;
  const some = (...ms: number[]) => ms.map((each) => each.toFixed(1)).join(" / ");
  return table(
    [`Postgres with ${millions(hashes)} hashes`, ""],
    [
      ["lookups/s, 1 connection", count(result.oneConnectionPerS)],
      ["lookups/s, 4 connections", count(result.fourConnectionsPerS)],
      ["lookups for each second of the server's processor time", count(result.perCpuS)],
      ["bytes a hash: postings, with fingerprints", `${bytesPerHash.postings.toFixed(0)}, ${bytesPerHash.all.toFixed(0)}`],
      ["loading the index in memory, s", (result.loadMs / 1000).toFixed(1)],
      ["adding 60 fingerprints, ms, p50 / p95 / longest", some(insertMs.p50, insertMs.p95, insertMs.max)],
      ["writing the postings of a thousand fingerprints, ms", result.postMs.toFixed(0)],
      ["until found in memory, ms, p50 / longest", some(foundMs.p50, foundMs.max)],
      ["until gone from memory, ms, p50 / longest", some(goneMs.p50, goneMs.max)],
      ["packing a sixteenth, ms", result.packMs.toFixed(0)],
      ["submissions answered alike by both", String(result.compared)],
    ],
  );
}

const count = (n: number): string => (n >= 100 ? Math.round(n).toLocaleString("en") : n.toFixed(1));
const millions = (n: number): string => `${(n / 1e6).toLocaleString("en", { maximumFractionDigits: 2 })} M`;
