import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

export const STAGES = ["fetch", "decode", "hash", "lookup", "align", "record"] as const;
export type Stage = (typeof STAGES)[number];

export interface QueueJobs {
  queue: string;
  /** BullMQ's word: waiting, active, delayed, prioritized, failed … */
  state: string;
  jobs: number;
}

/** The hash index of this process: who answers its lookups, and what it holds itself. */
export interface HashIndexFigures {
  tier: "postgres" | "in-process";
  loading: boolean;
  fingerprints: number;
  patches: number;
  bytes: number;
  /** Committed changes of the references that it has not taken in yet. */
  behind: number;
}

/** What is asked at each scrape. One that is not given, fails, or is slow leaves its gauge out of that scrape. */
export interface MetricSources {
  outboxWaiting?: () => Promise<number>;
  queueJobs?: () => Promise<QueueJobs[]>;
  references?: () => Promise<number>;
  hashIndex?: () => Promise<HashIndexFigures>;
}

export type Metrics = ReturnType<typeof createMetrics>;

/** How long a scrape waits for one source. */
const SOURCE_TIMEOUT_MS = 2_000;

/** From a small image to `SCAN_TIMEOUT_MS`, in seconds. */
const SCAN_BUCKETS_S = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800];
const STAGE_BUCKETS_S = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 1800];

async function inTime<T>(promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${SOURCE_TIMEOUT_MS} ms`)), SOURCE_TIMEOUT_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** A gauge that asks `read` at each scrape. A stale or made-up value would be worse than none, so on failure it has none. */
function askedGauge<T>(
  registry: Registry,
  errors: Counter<"metric">,
  about: { name: string; help: string; labelNames?: string[] },
  read: (() => Promise<T>) | undefined,
  show: (gauge: Gauge, value: T) => void,
): void {
  if (read === undefined) return;
  new Gauge({
    ...about,
    registers: [registry],
    async collect() {
      try {
        const value = await inTime(read());
        this.reset();
        show(this, value);
      } catch {
        this.reset();
        if (about.labelNames === undefined) this.remove();
        errors.inc({ metric: about.name });
      }
    },
  });
}

function registerSources(registry: Registry, sources: MetricSources): void {
  const errors = new Counter({
    name: "reupload_metric_errors_total",
    help: "Scrapes in which a gauge could not be read",
    labelNames: ["metric"] as const,
    registers: [registry],
  });
  const outbox = { name: "reupload_outbox_waiting", help: "Messages in the outbox that no queue has yet" };
  askedGauge(registry, errors, outbox, sources.outboxWaiting, (gauge, n) => gauge.set(n));
  const references = { name: "reupload_references", help: "References that submissions are compared with" };
  askedGauge(registry, errors, references, sources.references, (gauge, n) => gauge.set(n));
  registerHashIndex(registry, errors, sources.hashIndex);
  const jobs = { name: "reupload_queue_jobs", help: "Jobs by queue and state", labelNames: ["queue", "state"] };
  askedGauge(registry, errors, jobs, sources.queueJobs, (gauge, rows) => {
    for (const { queue, state, jobs } of rows) gauge.set({ queue, state }, jobs);
  });
}

function registerHashIndex(registry: Registry, errors: Counter<"metric">, read: MetricSources["hashIndex"]): void {
  const tier = { name: "reupload_hash_index_tier", help: "1 for the tier that answers lookups", labelNames: ["tier"] };
  askedGauge(registry, errors, tier, read, (gauge, figures) => {
    for (const name of ["postgres", "in-process"]) gauge.set({ tier: name }, name === figures.tier ? 1 : 0);
  });
  const hashes = { name: "reupload_hash_index_hashes", help: "Hashes held in this process", labelNames: ["kind"] };
  askedGauge(registry, errors, hashes, read, (gauge, { fingerprints, patches }) => {
    gauge.set({ kind: "fingerprint" }, fingerprints);
    gauge.set({ kind: "patch" }, patches);
  });
  const bytes = { name: "reupload_hash_index_bytes", help: "Memory that the hashes held in this process take" };
  askedGauge(registry, errors, bytes, read, (gauge, figures) => gauge.set(figures.bytes));
  const behind = { name: "reupload_hash_index_behind", help: "Changed references that this process has not taken in yet" };
  askedGauge(registry, errors, behind, read, (gauge, figures) => gauge.set(figures.behind));
}

/**
 * The metrics of one process, in a registry of their own. Durations are in seconds. Each name is explained in
 * `docs/operations.md`; a test holds the two together.
 */
export function createMetrics(sources: MetricSources = {}) {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  registerSources(registry, sources);
  const counter = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
    new Counter({ name, help, labelNames, registers });
  const histogram = <L extends string>(name: string, help: string, buckets: number[], ...labelNames: L[]) =>
    new Histogram({ name, help, buckets, labelNames, registers });
  return {
    registry,
    submissions: counter("reupload_submissions_total", "Submissions with a verdict", "verdict"),
    scanSeconds: histogram("reupload_scan_seconds", "From taking a job to its recorded verdict", SCAN_BUCKETS_S),
    stageSeconds: histogram("reupload_stage_seconds", "One stage of one scan", STAGE_BUCKETS_S, "stage"),
    frames: counter("reupload_frames_total", "Frames decoded; usable is false for flat or dark ones", "usable"),
    jobsParked: counter("reupload_jobs_parked_total", "Jobs set aside because trying again cannot help"),
    jobRetries: counter("reupload_job_retries_total", "Attempts that failed and will be made again"),
    alerts: counter("reupload_alerts_total", "Alerts raised", "kind"),
    takedowns: counter("reupload_takedowns_total", "Takedowns queued"),
  };
}
