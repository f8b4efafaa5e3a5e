import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type { App } from "../app.js";
import { SUBMISSIONS } from "../intake/client.js";
import type { ScanJob } from "../intake/job.js";
import { type Decoder, findDecoder } from "../media/find-decoder.js";
import { readStillImage } from "../media/still/image.js";
import type { VerdictKind } from "../model.js";
import { STAGES, type Stage } from "../platform/metrics.js";
import { jobIdFor } from "../platform/queues.js";
import { register } from "../register.js";
import { type Replica, startReplica } from "./load-replica.js";
import { openSite, type Site } from "./load-site.js";
import { measured } from "./measure.js";
import { runPlainFfmpeg } from "./run-ffmpeg.js";
import { KNOWN, makeStream, type StreamFile } from "./throughput-media.js";

export interface ThroughputOptions {
  /** Numbers of worker processes, measured one after the other. */
  workers: number[];
  /** Submissions in each measurement. */
  submissions: number;
  /** The command line that is `reupload` here. */
  reupload: string[];
  onStep?: (text: string) => void;
}

/** Processor time of one measurement. */
export interface ThroughputCpu {
  /** Of the ffmpegs and image decoders that the workers ran: decoding, and reducing pictures to frame size. */
  decodersMs: number;
  /** Of the worker processes themselves. */
  workersMs: number;
  databaseMs: number;
}

export interface ThroughputRun {
  workers: number;
  wallMs: number;
  submissionsPerS: number;
  /** Seconds of video scanned for each second of processor time, of the workers, their decoders and the database together. */
  videoSecondsPerCpuS: number;
  cpu: ThroughputCpu;
  /** Of all processor time, that which is not decoding. */
  overhead: number;
  /** All processor time against that of plain ffmpeg on the same files; stills are decoded alike in all three. */
  timesKeyframes: number;
  timesFullDecode: number;
  /** Of the time spent in any stage by any scan, by the clock on the wall: waiting for a processor counts. */
  stageShare: Record<Stage, number>;
  /** Fingerprints of a submission, on average; each is looked up in eight views. */
  fingerprintsPerSubmission: number;
  /** Greatest resident size of each worker process. */
  peakBytes: number[];
  verdicts: Partial<Record<VerdictKind, number>>;
  /** Lines at `warn` or above in the workers' logs. */
  warnings: number;
}

export interface ThroughputReport {
  queue: "redis" | "postgres";
  submissions: number;
  stills: number;
  videos: number;
  videoSeconds: number;
  /** Processor time of plain ffmpeg on the stream, one thread: keyframes only, and everything. Without stills. */
  keyframesMs: number;
  fullDecodeMs: number;
  /** Processor time of the stream's stills, decoded and nothing else. */
  stillsMs: number;
  runs: ThroughputRun[];
}

/** Of all processor time, that which is not decoding. */
export const MOST_OVERHEAD = 0.35;

/** Submissions that each process scans before it is measured: its code is compiled, and its connections are open. */
const WARM_UP = 6;

/** The longest time without a single verdict before a measurement gives up. */
const STALLED_MS = 5 * 60_000;
const POLL_MS = 25;

/**
 * Scans a stream of stills and short videos, some of them known, through the real queue with real worker processes, on a database of its
 * own. The same stream for every number of workers, under new ids.
 */
export async function benchThroughput(
  { config, log }: Pick<App, "config" | "log">,
  options: ThroughputOptions,
  signal: AbortSignal,
): Promise<ThroughputReport> {
  const step = options.onStep ?? (() => {});
  const site = await openSite(config, { ROLES: "worker,web" }, log);
  try {
    const decoder = await findDecoder(config);
    step("making the stream's files");
    const files = await makeStream(decoder.path, site.folder, options.submissions, signal);
    step("registering known material");
    for (const path of KNOWN) {
      const about = { label: "known", caseId: "bench", provenance: "own" };
      await register(site.app.registerSteps, { path }, about, signal);
    }
    const stream = Array.from({ length: options.submissions }, (_, i) => files[i % files.length]);
    step("plain ffmpeg on the same files");
    const floor = await floorOf(decoder, files, stream, signal);
    const runs: ThroughputRun[] = [];
    for (const workers of options.workers) {
      step(`${workers} worker processes`);
      runs.push(await measure(site, workers, stream, floor, options.reupload, signal));
    }
    const videos = stream.filter((f) => f.kind === "video");
    return {
      queue: site.app.queues.backend,
      submissions: stream.length,
      stills: stream.length - videos.length,
      videos: videos.length,
      videoSeconds: secondsOf(stream),
      keyframesMs: floor.keyframesMs,
      fullDecodeMs: floor.fullDecodeMs,
      stillsMs: floor.stillsMs,
      runs,
    };
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    await site.close();
  }
}

const secondsOf = (stream: StreamFile[]): number => stream.reduce((sum, f) => sum + f.seconds, 0);

interface DecodeFloor {
  keyframesMs: number;
  fullDecodeMs: number;
  stillsMs: number;
}

/** Processor time of decoding the stream and doing nothing with it: every file is measured once, and counts as often as it occurs. */
async function floorOf(decoder: Decoder, files: StreamFile[], stream: StreamFile[], signal: AbortSignal): Promise<DecodeFloor> {
  const decode = (options: string[], path: string) =>
    runPlainFfmpeg(decoder.path, ["-threads", "1", ...options, "-i", path, "-map", "0:V:0", "-an", "-f", "null", "-"], signal);
  const limits = { maxPixels: 50_000_000, timeoutMs: 60_000 };
  const floor = { keyframesMs: 0, fullDecodeMs: 0, stillsMs: 0 };
  for (const file of files) {
    const times = stream.filter((f) => f === file).length;
    const cpuMs = async (work: () => Promise<unknown>) => times * (await measured(work)).cost.cpuMs;
    if (file.kind === "image") {
      await readStillImage(file.path, decoder, limits, signal);
      floor.stillsMs += await cpuMs(() => readStillImage(file.path, decoder, limits, signal));
      continue;
    }
    floor.keyframesMs += await cpuMs(() => decode(["-skip_frame", "nokey"], file.path));
    floor.fullDecodeMs += await cpuMs(() => decode([], file.path));
  }
  return floor;
}

async function measure(
  site: Site,
  workers: number,
  stream: StreamFile[],
  floor: DecodeFloor,
  reupload: string[],
  signal: AbortSignal,
): Promise<ThroughputRun> {
  const replicas: Replica[] = [];
  try {
    for (let i = 0; i < workers; i++) replicas.push(await startReplica(reupload, site.env, signal));
    const warmUp = Array.from({ length: WARM_UP * workers }, (_, i) => stream[i % stream.length]);
    await scanAll(site, `warm-up-${workers}`, warmUp, signal);
    const before = await costs(site, replicas);
    const wallMs = await scanAll(site, `stream-${workers}`, stream, signal);
    const after = await costs(site, replicas);
    const cpu = {
      decodersMs: after.programsMs - before.programsMs,
      workersMs: after.ownMs - before.ownMs,
      databaseMs: after.databaseMs - before.databaseMs,
    };
    const allMs = cpu.decodersMs + cpu.workersMs + cpu.databaseMs;
    const stages = STAGES.map((stage) => (after.stages[stage] ?? 0) - (before.stages[stage] ?? 0));
    const inStages = stages.reduce((sum, seconds) => sum + seconds, 0);
    return {
      workers,
      wallMs,
      submissionsPerS: (1000 * stream.length) / wallMs,
      videoSecondsPerCpuS: (1000 * secondsOf(stream)) / allMs,
      cpu,
      overhead: 1 - cpu.decodersMs / allMs,
      timesKeyframes: allMs / (floor.keyframesMs + floor.stillsMs),
      timesFullDecode: allMs / (floor.fullDecodeMs + floor.stillsMs),
      stageShare: Object.fromEntries(STAGES.map((stage, i) => [stage, stages[i] / inStages])) as Record<Stage, number>,
      fingerprintsPerSubmission: (await fingerprintsOf(site, `stream-${workers}`)) / stream.length,
      peakBytes: after.peakBytes,
      verdicts: await verdictsOf(site, `stream-${workers}`),
      warnings: replicas.reduce((sum, replica) => sum + replica.warnings().length, 0),
    };
  } finally {
    await Promise.all(replicas.map((replica) => replica.stop()));
  }
}

async function costs({ databaseCpuMs }: Site, replicas: Replica[]) {
  const each = await Promise.all(replicas.map((replica) => replica.cost()));
  const stages: Record<string, number> = {};
  for (const replica of replicas)
    for (const [stage, seconds] of Object.entries(await replica.stageSeconds())) stages[stage] = (stages[stage] ?? 0) + seconds;
  return {
    ownMs: each.reduce((sum, cost) => sum + cost.ownCpuMs, 0),
    programsMs: each.reduce((sum, cost) => sum + cost.programsCpuMs, 0),
    databaseMs: await databaseCpuMs(),
    peakBytes: each.map((cost) => cost.peakBytes),
    stages,
  };
}

/** Queues one submission for each file while the queue is paused, lets the workers go, and returns how long they took. */
async function scanAll(site: Site, name: string, stream: StreamFile[], signal: AbortSignal): Promise<number> {
  const queue = site.app.queues.queue<ScanJob>(SUBMISSIONS);
  await queue.pause();
  const jobs = stream.map(({ path }, i) => {
    const submissionId = `${name}-${i}`;
    const data: ScanJob = { version: 1, submissionId, media: { path }, platform: "bench" };
    return { name: "scan", data, opts: { jobId: jobIdFor(submissionId) } };
  });
  await queue.addBulk(jobs);
  const fromMs = performance.now();
  await queue.resume();
  let done = 0;
  for (let sinceMs = fromMs; done < stream.length; ) {
    await sleep(POLL_MS, undefined, { signal });
    const now = await countOf(site, name);
    if (now > done) sinceMs = performance.now();
    else if (performance.now() - sinceMs > STALLED_MS)
      throw new Error(`bench scan: after ${now} of ${stream.length} submissions there was no verdict for ${STALLED_MS / 1000} s`);
    done = now;
  }
  return performance.now() - fromMs;
}

async function countOf({ app }: Site, name: string): Promise<number> {
  const { rows } = await app.database.pool.query<{ n: number }>(
    "select count(*)::int as n from submission where starts_with(id, $1)",
    [`${name}-`],
  );
  return rows[0].n;
}

async function fingerprintsOf({ app }: Site, name: string): Promise<number> {
  const { rows } = await app.database.pool.query<{ n: number }>(
    "select sum(cardinality(variants))::int as n from submission_fingerprint where starts_with(submission_id, $1)",
    [`${name}-`],
  );
  return rows[0].n;
}

async function verdictsOf({ app }: Site, name: string): Promise<ThroughputRun["verdicts"]> {
  const { rows } = await app.database.pool.query<{ kind: VerdictKind; n: number }>(
    "select kind, count(*)::int as n from verdict where starts_with(submission_id, $1) group by kind",
    [`${name}-`],
  );
  return Object.fromEntries(rows.map(({ kind, n }) => [kind, n]));
}
