import { Command, InvalidArgumentError } from "commander";
import type { Spread } from "../bench/measure.js";
import { benchScan, CONTESTANTS, type FileResult, type Floor, type ScanBenchReport, STAGES } from "../bench/scan.js";
import type { ThroughputReport } from "../bench/throughput.js";
import { UsageError } from "../errors.js";
import { STAGES as WORKER_STAGES } from "../platform/metrics.js";
import { withApp } from "./open.js";
import { say, table } from "./output.js";
import { namedMedia } from "./sources.js";

interface Options {
  files?: string[];
  runs: number;
  hours: number;
  workers: number[];
  submissions: number;
  json?: boolean;
}

export const benchScanCommand = (): Command =>
  new Command("scan")
    .description("how long a check takes against ffmpeg's own decode of the same file, where the time goes, and how much memory")
    .option(
      "--files <file...>",
      "videos (default: a minute of 720p made from the program's own clips, as three encoders write it)",
    )
    .option("--runs <n>", "how often everything runs", numberFrom(1, 1000, true), 5)
    .option("--hours <h>", "length of the video that memory is measured on; 0 leaves that out", numberFrom(0, 12, false), 2)
    .option("--workers <list>", "also measure throughput with so many worker processes, as in 1,2,4", workerCounts, [])
    .option("--submissions <n>", "stills and short videos in that stream", numberFrom(1, 100_000, true), 66)
    .option("--json", "everything that was measured, as one line of JSON")
    .addHelpText(
      "after",
      "\nRecords nothing; --workers uses a database of its own, and REDIS_URL if set. Let nothing else run meanwhile: the exit code does not say whether a floor was kept.",
    )
    .action(async (options: Options) => {
      const files = await Promise.all((options.files ?? []).map(localFile));
      const reupload = [process.execPath, ...process.execArgv, process.argv[1]];
      const { runs, hours: longHours, workers, submissions } = options;
      const settings = { files, runs, longHours, workers, submissions, reupload, onStep: noteOnTerminal };
      const report = await withApp((app, signal) => benchScan(app, settings, signal));
      say(options.json ? JSON.stringify(report) : textOf(report));
    });

function numberFrom(least: number, most: number, whole: boolean): (text: string) => number {
  return (text) => {
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most && (!whole || Number.isInteger(value))) return value;
    throw new InvalidArgumentError(`It must be a ${whole ? "whole " : ""}number from ${least} to ${most}.`);
  };
}

function workerCounts(text: string): number[] {
  const one = numberFrom(1, 64, true);
  return text.split(",").map((part) => one(part.trim()));
}

async function localFile(name: string): Promise<string> {
  const { media } = await namedMedia(name);
  if ("url" in media) throw new UsageError(`--files: ${name} is an address, and only files are measured`);
  return media.path;
}

function noteOnTerminal(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`${text}\n`);
}

function textOf(report: ScanBenchReport): string {
  const { cores, node, ffmpeg, knownFingerprints, runs, memory, throughput } = report;
  return [
    `${cores} cores, Node ${node}, ffmpeg ${ffmpeg}, ${knownFingerprints} known fingerprints, ${runs} runs`,
    ...report.files.map(fileText),
    ...(memory ? [memoryText(memory)] : []),
    ...(throughput ? [throughputText(throughput)] : []),
    table(["floor", "limit", "measured", "kept"], report.floors.map(floorRow)),
  ].join("\n\n");
}

function fileText(result: FileResult): string {
  const { file, durationMs, bytes, framesRead, fingerprints, verdict, coldWallMs, wallMs, cpuMs, wallRatio, cpuRatio } = result;
  const rows = CONTESTANTS.map((name) => [
    name,
    spread(wallMs[name], seconds),
    spread(cpuMs[name], seconds),
    wallRatio[name] ? spread(wallRatio[name], times) : "",
    cpuRatio[name] ? spread(cpuRatio[name], times) : "",
  ]);
  const totalMs = STAGES.reduce((sum, stage) => sum + result.stagesMs[stage], 0);
  const stages = STAGES.map((stage) => [
    stage,
    `${result.stagesMs[stage].toFixed(1)} ms`,
    `${((100 * result.stagesMs[stage]) / totalMs).toFixed(1)} %`,
  ]);
  return [
    `${file}: ${seconds(durationMs)} s, ${megabytes(bytes)} MB, ${framesRead} frames read, ${fingerprints} fingerprints, ${verdict}`,
    table(["min / median / max", "wall s", "cpu s", "check's wall to it", "check's cpu to it"], rows),
    `the first check in the process: ${seconds(coldWallMs)} s`,
    "",
    table(["stage of check", "median", "share"], stages),
  ].join("\n");
}

function memoryText({ hours, wallMs, processBytes, largestChildBytes }: NonNullable<ScanBenchReport["memory"]>): string {
  const peaks = `reupload ${megabytes(processBytes)} MB, ffmpeg ${megabytes(largestChildBytes)} MB`;
  return `check of ${hours} h of video in a process of its own: ${seconds(wallMs)} s, peak memory ${peaks}`;
}

function throughputText({
  queue,
  submissions,
  stills,
  videos,
  videoSeconds,
  keyframesMs,
  fullDecodeMs,
  stillsMs,
  runs,
}: ThroughputReport): string {
  const rows = runs.map((run) => [
    String(run.workers),
    run.submissionsPerS.toFixed(1),
    run.videoSecondsPerCpuS.toFixed(1),
    `${percent(run.overhead)} %`,
    times(run.timesKeyframes),
    times(run.timesFullDecode),
    [run.cpu.decodersMs, run.cpu.workersMs, run.cpu.databaseMs].map(seconds).join(" / "),
    run.peakBytes.map((bytes) => (bytes / 1e6).toFixed(0)).join(" "),
    Object.entries(run.verdicts)
      .map(([kind, n]) => `${n} ${kind}`)
      .join(", "),
  ]);
  const header = [
    ...["workers", "submissions/s", "s of video a cpu s", "not decoding", "times keyframes", "times full decode"],
    ...["cpu s: decoders / workers / database", "peak MB each", "verdicts"],
  ];
  const stages = WORKER_STAGES.map((stage) => [stage, ...runs.map((run) => `${percent(run.stageShare[stage])} %`)]);
  return [
    `${submissions} submissions (${stills} stills, ${videos} videos of ${videoSeconds} s) through ${queue}; plain ffmpeg on the videos: ` +
      `keyframes ${seconds(keyframesMs)} cpu s, everything ${seconds(fullDecodeMs)} cpu s; the stills ${seconds(stillsMs)} cpu s`,
    table(header, rows),
    "",
    table(["stage, share of time", ...runs.map(({ workers }) => `${workers} workers`)], stages),
  ].join("\n");
}

const floorRow = ({ name, limit, measured, unit, passed }: Floor): string[] => [
  name,
  `${limit} ${unit}`,
  `${unit === "times" ? times(measured) : measured.toFixed(0)} ${unit}`,
  passed ? "yes" : "NO",
];

const spread = ({ min, median, max }: Spread, show: (n: number) => string): string =>
  `${show(min)} / ${show(median)} / ${show(max)}`;
const percent = (share: number): string => (100 * share).toFixed(0);
const seconds = (ms: number): string => (ms / 1000).toFixed(2);
const times = (n: number): string => n.toFixed(2);
const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);
