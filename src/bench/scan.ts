import { mkdtemp, rm, stat } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { basename, join } from "node:path";
import type { App } from "../app.js";
import { totals } from "../casework/report.js";
import { findFfmpeg } from "../media/find-ffmpeg.js";
import type { Reading, VerdictKind } from "../model.js";
import { judge } from "../scan.js";
import { type Cost, measured, type Spread, spreadOf } from "./measure.js";
import { type PeakMemory, peakMemoryOf } from "./peak-memory.js";
import { runPlainFfmpeg } from "./run-ffmpeg.js";
import { makeLong, makeMinutes } from "./scan-media.js";
import { benchThroughput, MOST_OVERHEAD, type ThroughputReport } from "./throughput.js";

export interface ScanBenchOptions {
  /** Empty: a minute of 720p that is made from the fixtures, as three encoders write it. */
  files: string[];
  runs: number;
  /** Length of the video that memory is measured on; 0 leaves that out. */
  longHours: number;
  /** Numbers of worker processes that a stream of submissions is scanned with; empty leaves that out. */
  workers: number[];
  /** Submissions in that stream. */
  submissions: number;
  /** The command line that is `reupload` here: its memory is measured on `check`, its throughput on `start`. */
  reupload: string[];
  /** Told what goes on. */
  onStep?: (text: string) => void;
}

/** What runs side by side, in this order and back. */
export const CONTESTANTS = ["check", "full decode", "full decode, all cores", "keyframes only"] as const;
export type Contestant = (typeof CONTESTANTS)[number];

export const STAGES = ["fetch", "decode", "hash", "lookup", "align"] as const;
export type Stage = (typeof STAGES)[number];

export interface FileResult {
  file: string;
  bytes: number;
  durationMs: number;
  framesRead: number;
  fingerprints: number;
  verdict: VerdictKind;
  /** The first check in this process, which the runs leave out. */
  coldWallMs: number;
  wallMs: Record<Contestant, Spread>;
  cpuMs: Record<Contestant, Spread>;
  /** Of `check` to each of the others, taken within each run. */
  wallRatio: Partial<Record<Contestant, Spread>>;
  cpuRatio: Partial<Record<Contestant, Spread>>;
  /** Medians by the clock on the wall. Decoding and hashing overlap: "decode" is what was spent waiting for pictures. */
  stagesMs: Record<Stage, number>;
}

export interface Floor {
  name: string;
  limit: number;
  measured: number;
  unit: "times" | "MB" | "%";
  passed: boolean;
}

export interface ScanBenchReport {
  cores: number;
  node: string;
  ffmpeg: string;
  knownFingerprints: number;
  runs: number;
  files: FileResult[];
  memory?: PeakMemory & { hours: number };
  throughput?: ThroughputReport;
  floors: Floor[];
}

/**
 * Of ffmpeg's own full decode, by the clock on the wall, at the median: on as many threads as a scan decodes on what the project asks for, and on all cores
 * what a worker may not exceed.
 */
const MOST_TIMES = { "full decode": 0.6, "full decode, all cores": 2 } as const;
const MOST_MEGABYTES = 400;

/** What `readVideoFrames` gives the decoder. */
const DECODER_THREADS = 1;

type Check = { reading: Reading; verdict: VerdictKind; stagesMs: Record<Stage, number> };
type Round = { check: Check; costs: Record<Contestant, Cost> };

/**
 * Measures checks against ffmpeg on the same files, side by side, the memory of a check of a long video, and the throughput of the whole
 * worker, in a database of its own. Records nothing in the app's.
 */
export async function benchScan(app: App, options: ScanBenchOptions, signal: AbortSignal): Promise<ScanBenchReport> {
  const folder = await mkdtemp(join(app.config.mediaTmpDir, "reupload-bench-"));
  try {
    const ffmpeg = await findFfmpeg(app.config);
    const step = options.onStep ?? (() => {});
    const files = [...options.files];
    if (files.length === 0) {
      step("making minutes of 720p");
      files.push(...(await makeMinutes(ffmpeg.path, folder, signal)));
    }
    const results: FileResult[] = [];
    for (const file of files) results.push(await benchFile(app, ffmpeg.path, file, options.runs, step, signal));
    let memory: ScanBenchReport["memory"];
    if (options.longHours > 0) {
      step("making a long video");
      const long = await makeLong(ffmpeg.path, folder, options.longHours, signal);
      step("checking the long video");
      memory = { hours: options.longHours, ...(await peakMemoryOf([...options.reupload, "check", long], signal)) };
    }
    const throughput = options.workers.length > 0 ? await benchThroughput(app, options, signal) : undefined;
    return {
      cores: availableParallelism(),
      node: process.version,
      ffmpeg: ffmpeg.version,
      knownFingerprints: (await totals(app.database.pool)).fingerprints,
      runs: options.runs,
      files: results,
      memory,
      throughput,
      floors: [...floorsOf(results, memory), ...overheadFloors(throughput)],
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function benchFile(
  app: App,
  ffmpegPath: string,
  file: string,
  runs: number,
  step: (text: string) => void,
  signal: AbortSignal,
): Promise<FileResult> {
  const contestants: Record<Contestant, () => Promise<Check | undefined>> = {
    check: () => checkOnce(app, file, signal),
    "full decode": () => decode(ffmpegPath, ["-threads", String(DECODER_THREADS)], file, signal),
    "full decode, all cores": () => decode(ffmpegPath, [], file, signal),
    "keyframes only": () => decode(ffmpegPath, ["-threads", String(DECODER_THREADS), "-skip_frame", "nokey"], file, signal),
  };
  step(`${file}: warming up`);
  const cold = await runRound(contestants, [...CONTESTANTS]);
  const rounds: Round[] = [];
  for (let run = 0; run < runs; run++) {
    step(`${file}: run ${run + 1} of ${runs}`);
    rounds.push(await runRound(contestants, run % 2 === 0 ? [...CONTESTANTS] : [...CONTESTANTS].reverse()));
  }
  return { file, bytes: (await stat(file)).size, coldWallMs: cold.costs.check.wallMs, ...summaryOf(rounds) };
}

/** What the command `check` does with a file, from opening it to the verdict. */
async function checkOnce(app: App, path: string, signal: AbortSignal): Promise<Check> {
  const reading = await app.readLocal({ path }, "as a worker", signal);
  const { verdict, timingsMs } = await judge(app.scanSteps, reading);
  return { reading, verdict: verdict.kind, stagesMs: { ...reading.timingsMs, ...timingsMs } };
}

async function decode(ffmpegPath: string, inputOptions: string[], file: string, signal: AbortSignal): Promise<undefined> {
  await runPlainFfmpeg(ffmpegPath, [...inputOptions, "-i", file, "-map", "0:V:0", "-an", "-f", "null", "-"], signal);
}

async function runRound(contestants: Record<Contestant, () => Promise<Check | undefined>>, order: Contestant[]): Promise<Round> {
  const costs: Partial<Record<Contestant, Cost>> = {};
  let check: Check | undefined;
  for (const name of order) {
    const { value, cost } = await measured(contestants[name]);
    costs[name] = cost;
    check = value ?? check;
  }
  return { check: check!, costs: costs as Record<Contestant, Cost> };
}

function summaryOf(rounds: Round[]): Omit<FileResult, "file" | "bytes" | "coldWallMs"> {
  const { reading, verdict } = rounds[0].check;
  const others = CONTESTANTS.filter((name) => name !== "check");
  const absolute = (of: keyof Cost) => each(CONTESTANTS, (name) => spreadOf(rounds.map(({ costs }) => costs[name][of])));
  const ratio = (of: keyof Cost) =>
    each(others, (name) => spreadOf(rounds.map(({ costs }) => costs.check[of] / costs[name][of])));
  return {
    durationMs: reading.durationMs,
    framesRead: reading.framesRead,
    fingerprints: reading.fingerprints.length,
    verdict,
    wallMs: absolute("wallMs"),
    cpuMs: absolute("cpuMs"),
    wallRatio: ratio("wallMs"),
    cpuRatio: ratio("cpuMs"),
    stagesMs: each(STAGES, (stage) => spreadOf(rounds.map(({ check }) => check.stagesMs[stage])).median),
  };
}

const each = <K extends string, V>(keys: readonly K[], value: (key: K) => V): Record<K, V> =>
  Object.fromEntries(keys.map((key) => [key, value(key)])) as Record<K, V>;

function floorsOf(files: FileResult[], memory: ScanBenchReport["memory"]): Floor[] {
  const against = ({ file, wallRatio }: FileResult, name: keyof typeof MOST_TIMES): Floor => {
    const [limit, measured] = [MOST_TIMES[name], wallRatio[name]!.median];
    return { name: `check of ${basename(file)} against ${name}`, limit, measured, unit: "times", passed: measured <= limit };
  };
  const floors = files.flatMap((file) => [against(file, "full decode"), against(file, "full decode, all cores")]);
  if (!memory) return floors;
  const megabytes = (memory.processBytes + memory.largestChildBytes) / 1e6;
  const name = `memory of check and ffmpeg on ${memory.hours} h of video`;
  return [...floors, { name, limit: MOST_MEGABYTES, measured: megabytes, unit: "MB", passed: megabytes <= MOST_MEGABYTES }];
}

function overheadFloors(throughput: ThroughputReport | undefined): Floor[] {
  return (throughput?.runs ?? []).map(({ workers, overhead }) => ({
    name: `processor time that is not decoding, ${workers} worker ${workers === 1 ? "process" : "processes"}`,
    limit: 100 * MOST_OVERHEAD,
    measured: 100 * overhead,
    unit: "%",
    passed: overhead <= MOST_OVERHEAD,
  }));
}
