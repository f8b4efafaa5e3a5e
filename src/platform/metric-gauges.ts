import { Counter, Gauge, type Registry } from "prom-client";

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

/** What waits for people and for others, in the whole installation. Ages in seconds, 0 when nothing waits. */
export interface WaitingFigures {
  alertsOpen: Record<string, number>;
  oldestOpenAlertSeconds: number;
  takedowns: Record<string, number>;
  takedownsOverdue: number;
  outboxWaiting: number;
  oldestOutboxSeconds: number;
  webhookDeliveries: Record<string, number>;
}

/** Submissions that were accepted and have no verdict, by whether a queue is known to have their job; the age of the oldest in seconds. */
export interface IntakeFigures {
  queued: number;
  unqueued: number;
  oldestSeconds: number;
}

/** Of the folder for downloads, in bytes. */
export interface Space {
  free: number;
  size: number;
}

/** Of this process's pool, by what they do; `waiting` are those who wait for one. */
export interface Connections {
  idle: number;
  busy: number;
  waiting: number;
}

/** What is asked at each scrape. One that is not given, fails, or is slow leaves its gauges out of that scrape. */
export interface MetricSources {
  queueJobs?: () => Promise<QueueJobs[]>;
  /** By queue, the age in seconds of the oldest job that waits. */
  queueOldestSeconds?: () => Promise<Record<string, number>>;
  intake?: () => Promise<IntakeFigures>;
  references?: () => Promise<number>;
  hashIndex?: () => Promise<HashIndexFigures>;
  waiting?: () => Promise<WaitingFigures>;
  /** By name of the check, whether it passes. */
  ready?: () => Promise<Record<string, boolean>>;
  draining?: () => Promise<boolean>;
  temporaryBytes?: () => Promise<Space>;
  databaseConnections?: () => Promise<Connections>;
  sandbox?: () => Promise<string>;
}

type Values = Record<string, number>;

/** How long a scrape waits for one source. */
const SOURCE_TIMEOUT_MS = 2_000;

const SANDBOXES = ["bubblewrap", "namespaces", "limits", "none"];
const TIERS = ["postgres", "in-process"];
/** Shown with 0 too, so that a rise from nothing is one. */
const TAKEDOWN_STATES = ["queued", "sent", "acknowledged", "removed", "rejected", "expired", "withdrawn"];
const DELIVERY_STATES = ["waiting", "dead"];
export const ALERT_KINDS = ["match", "review", "unscannable", "look-back"];

async function inTime<T>(promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${SOURCE_TIMEOUT_MS} ms`)), SOURCE_TIMEOUT_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** One question for all gauges of a scrape that ask it. */
function shared<T>(read: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  return () => {
    running ??= read().finally(() => {
      running = undefined;
    });
    return running;
  };
}

/** A gauge that asks `read` at each scrape. A stale or made-up value would be worse than none, so on failure it has none. */
function askedGauge<T>(
  registry: Registry,
  errors: Counter<"metric">,
  about: { name: string; help: string; labelNames?: string[] },
  read: () => Promise<T>,
  show: (gauge: Gauge, value: T) => void,
): void {
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

/** One value for each word of a label, 0 for those of `always` that have none. */
const byLabel =
  <T>(label: string, valuesOf: (value: T) => Values, always: string[] = []) =>
  (gauge: Gauge, value: T) => {
    const values = { ...Object.fromEntries(always.map((word) => [word, 0])), ...valuesOf(value) };
    for (const [word, n] of Object.entries(values)) gauge.set({ [label]: word }, n);
  };

const oneOf = (words: string[], word: string): Values => Object.fromEntries(words.map((w) => [w, w === word ? 1 : 0]));

type About<T> = [name: string, help: string, labelNames: string[], show: (gauge: Gauge, value: T) => void];

const plain =
  <T>(read: (value: T) => number) =>
  (gauge: Gauge, value: T) =>
    gauge.set(read(value));

const REFERENCES: About<number>[] = [
  ["reupload_references", "References that submissions are compared with", [], plain((n) => n)],
];

const HASH_INDEX: About<HashIndexFigures>[] = [
  ["reupload_hash_index_tier", "1 for the tier that answers lookups", ["tier"], byLabel("tier", (f) => oneOf(TIERS, f.tier))],
  [
    "reupload_hash_index_hashes",
    "Hashes held in this process",
    ["kind"],
    byLabel("kind", ({ fingerprints, patches }) => ({ fingerprint: fingerprints, patch: patches })),
  ],
  ["reupload_hash_index_bytes", "Memory that the hashes held in this process take", [], plain((f) => f.bytes)],
  ["reupload_hash_index_behind", "Changed references that this process has not taken in yet", [], plain((f) => f.behind)],
  ["reupload_hash_index_loading", "1 while this process reads the hashes", [], plain((f) => Number(f.loading))],
];

const QUEUES: About<QueueJobs[]>[] = [
  [
    "reupload_queue_jobs",
    "Jobs by queue and state",
    ["queue", "state"],
    (gauge, rows) => {
      for (const { queue, state, jobs } of rows) gauge.set({ queue, state }, jobs);
    },
  ],
];

const OLDEST: About<Values>[] = [
  ["reupload_queue_oldest_seconds", "Age of the oldest job that waits", ["queue"], byLabel("queue", (ages) => ages)],
];

const INTAKE: About<IntakeFigures>[] = [
  [
    "reupload_intake_submissions",
    "Submissions accepted, without a verdict",
    ["state"],
    byLabel("state", ({ queued, unqueued }) => ({ queued, unqueued })),
  ],
  ["reupload_intake_oldest_seconds", "Age of the oldest of them", [], plain((f) => f.oldestSeconds)],
];

const WAITING: About<WaitingFigures>[] = [
  ["reupload_outbox_waiting", "Messages in the outbox that no queue has yet", [], plain((w) => w.outboxWaiting)],
  ["reupload_outbox_oldest_seconds", "Age of the oldest message in the outbox", [], plain((w) => w.oldestOutboxSeconds)],
  ["reupload_alerts_open", "Alerts that nobody has decided", ["kind"], byLabel("kind", (w) => w.alertsOpen, ALERT_KINDS)],
  ["reupload_alerts_oldest_open_seconds", "Age of the oldest of them", [], plain((w) => w.oldestOpenAlertSeconds)],
  ["reupload_takedowns_state", "Takedowns by state", ["state"], byLabel("state", (w) => w.takedowns, TAKEDOWN_STATES)],
  ["reupload_takedowns_overdue", "Open takedowns whose deadline has passed", [], plain((w) => w.takedownsOverdue)],
  [
    "reupload_webhook_deliveries",
    "Deliveries to webhooks that wait or were given up",
    ["state"],
    byLabel("state", (w) => w.webhookDeliveries, DELIVERY_STATES),
  ],
];

const passes = (checks: Record<string, boolean>): Values =>
  Object.fromEntries(Object.entries(checks).map(([name, ok]) => [name, Number(ok)]));

const READY: About<Record<string, boolean>>[] = [
  ["reupload_ready", "Whether a readiness check passes", ["check"], byLabel("check", passes)],
];
const DRAINING: About<boolean>[] = [["reupload_draining", "1 from the moment the process was told to stop", [], plain(Number)]];
const TEMPORARY: About<Space>[] = [
  ["reupload_temporary_bytes", "Space for downloads", ["kind"], byLabel("kind", (space) => ({ ...space }))],
];
const CONNECTIONS: About<Connections>[] = [
  ["reupload_database_connections", "Connections of this process", ["state"], byLabel("state", (counts) => ({ ...counts }))],
];
const SANDBOX: About<string>[] = [
  ["reupload_sandbox", "1 for the one media is read in", ["kind"], byLabel("kind", (kind) => oneOf(SANDBOXES, kind))],
];

/** The gauges whose source is given. */
export function registerGauges(registry: Registry, sources: MetricSources): void {
  const errors = new Counter({
    name: "reupload_metric_errors_total",
    help: "Scrapes in which a gauge could not be read",
    labelNames: ["metric"] as const,
    registers: [registry],
  });
  const add = <T>(gauges: About<T>[], read: (() => Promise<T>) | undefined) => {
    if (!read) return;
    const ask = shared(read);
    for (const [name, help, labels, show] of gauges)
      askedGauge(registry, errors, { name, help, ...(labels.length > 0 && { labelNames: labels }) }, ask, show);
  };
  add(REFERENCES, sources.references);
  add(HASH_INDEX, sources.hashIndex);
  add(QUEUES, sources.queueJobs);
  add(OLDEST, sources.queueOldestSeconds);
  add(INTAKE, sources.intake);
  add(WAITING, sources.waiting);
  add(READY, sources.ready);
  add(DRAINING, sources.draining);
  add(TEMPORARY, sources.temporaryBytes);
  add(CONNECTIONS, sources.databaseConnections);
  add(SANDBOX, sources.sandbox);
}
