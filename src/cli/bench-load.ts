import { writeFile } from "node:fs/promises";
import { Command, InvalidArgumentError } from "commander";
import { pino } from "pino";
import { benchLoad, type LoadReport } from "../bench/load.js";
import type { TableState } from "../bench/load-growth.js";
import { loadPlot } from "../bench/load-plot.js";
import { loadConfig } from "../config.js";
import { createLog } from "../platform/log.js";
import { say, sayJson, table } from "./output.js";

interface Options {
  submissions: number;
  replicas: number;
  plot?: string;
  json?: boolean;
}

export const benchLoadCommand = (): Command =>
  new Command("load")
    .description("whether nothing is lost or done twice under load, how memory, the queue and the database fare")
    .option("--submissions <n>", "how many are queued; hash-only but for one in a hundred", wholeFrom(100, 1_000_000), 2_000)
    .option(
      "--replicas <n>",
      "processes with the roles worker and relay; one of several is killed on the way",
      wholeFrom(1, 32),
      4,
    )
    .option("--plot <file>", "also write the replicas' memory as an SVG picture")
    .option("--json", "everything that was measured, as one line of JSON")
    .addHelpText(
      "after",
      "\nUses a database of its own in the temporary folder, and REDIS_URL if set. The exit code is 1 when anything was lost or done twice.",
    )
    .action(async ({ submissions, replicas, plot, json }: Options) => {
      const onStep = (text: string) => void (process.stderr.isTTY && process.stderr.write(`${text}\n`));
      const reupload = [process.execPath, ...process.execArgv, process.argv[1]];
      const interrupted = new AbortController();
      for (const signal of ["SIGINT", "SIGTERM"] as const)
        process.once(signal, () => interrupted.abort(new Error("interrupted")));
      const log = createLog("warn", pino.destination(2));
      const report = await benchLoad(loadConfig(), { submissions, replicas, reupload, onStep }, log, interrupted.signal);
      if (plot) await writeFile(plot, loadPlot(report));
      if (json) sayJson(report);
      else say(textOf(report));
      const wrong = Object.entries(report.check.miscounts).filter(([, n]) => n > 0);
      if (wrong.length > 0) throw new Error(`not exactly once: ${wrong.map(([name, n]) => `${name} ${n}`).join(", ")}`);
    });

function wholeFrom(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  };
}

function textOf(report: LoadReport): string {
  const { submissions, replicas, queue, queuedMs, wallMs, submissionsPerS, cpu, submittedAgain, check, missed, wronglyFound } =
    report;
  const { retention, warnings } = report;
  return [
    `${submissions} submissions, ${replicas} replicas, queue in ${queue}: queued in ${seconds(queuedMs)} s, done in ${seconds(wallMs)} s ` +
      `(${submissionsPerS.toFixed(0)}/s), processor time ${seconds(cpu.replicasMs)} s of replicas and ${seconds(cpu.databaseMs)} s of the ` +
      `database; ${warnings} warnings in their logs`,
    `${check.alerts} alerts, ${check.takedowns} takedowns; ${submittedAgain} submitted again; ${missed} copies missed, ${wronglyFound} wrongly found`,
    table(
      ["should be 0", "is"],
      Object.entries(check.miscounts).map(([name, n]) => [name, String(n)]),
    ),
    table(
      ["from queued to recorded", "submissions", "p50 s", "p95 s", "longest s"],
      report.latencies.map((l) => [l.priority, String(l.submissions), seconds(l.p50), seconds(l.p95), seconds(l.max)]),
    ),
    table(
      ["replica", "MB in the second quarter", "in the last", "slope, MB for 10,000 submissions"],
      report.memory.map((m) => [
        m.pid,
        megabytes(m.secondQuarterBytes),
        megabytes(m.lastQuarterBytes),
        ((10_000 * m.bytesPerSubmission) / 1e6).toFixed(1),
      ]),
    ),
    table(
      ["table", "MB before", "after", "GB for a million", "live rows", "dead rows", "updates (HOT)", "autovacuums"],
      growthRows(report),
    ),
    `retention: ${retention.rows} rows deleted in ${retention.deleteMs.toFixed(0)} ms, vacuum ${retention.vacuumMs.toFixed(0)} ms; ` +
      `${megabytes(retention.bytesBefore)} MB before, ${megabytes(retention.bytesAfter)} after, of which ${megabytes(retention.bytesFree)} free`,
  ].join("\n\n");
}

function growthRows({ before, after, submissions }: LoadReport): string[][] {
  const earlier = new Map(before.map((state) => [state.table, state.bytes]));
  const grown = ({ table: name, bytes }: TableState) => bytes - (earlier.get(name) ?? 0);
  return after
    .filter((state) => grown(state) > 0 || state.deadRows > 0)
    .sort((a, b) => grown(b) - grown(a))
    .map((state) => [
      state.table,
      megabytes(state.bytes - grown(state)),
      megabytes(state.bytes),
      (grown(state) / submissions / 1000).toFixed(2),
      String(state.liveRows),
      String(state.deadRows),
      `${state.updates} (${state.hotUpdates})`,
      String(state.autovacuums),
    ]);
}

const seconds = (ms: number): string => (ms / 1000).toFixed(2);
const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);
