import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { ROLES, type Role } from "../config.js";
import { VERDICTS } from "../model.js";
import { ALERT_KINDS, type MetricSources, registerGauges } from "./metric-gauges.js";
import { readVersion } from "./version.js";

export const STAGES = ["fetch", "decode", "hash", "lookup", "align", "record"] as const;
export type Stage = (typeof STAGES)[number];

export type { MetricSources };

export type Metrics = ReturnType<typeof createMetrics>;

/** From a small image to `SCAN_TIMEOUT_MS`, in seconds. */
const SCAN_BUCKETS_S = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800];
const STAGE_BUCKETS_S = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 1800];

/**
 * The metrics of one process, in a registry of their own. Durations are in seconds. Each name is explained in
 * `docs/operations.md`; a test holds the two together.
 */
export function createMetrics(sources: MetricSources = {}, roles: Role[] = []) {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  registerGauges(registry, sources);
  registerFacts(registry, roles);
  const counter = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
    new Counter({ name, help, labelNames, registers });
  const histogram = <L extends string>(name: string, help: string, buckets: number[], ...labelNames: L[]) =>
    new Histogram({ name, help, buckets, labelNames, registers });
  const metrics = {
    registry,
    submissions: counter("reupload_submissions_total", "Submissions with a verdict", "verdict"),
    scanSeconds: histogram("reupload_scan_seconds", "From taking a job to its recorded verdict", SCAN_BUCKETS_S),
    stageSeconds: histogram("reupload_stage_seconds", "One stage of one scan", STAGE_BUCKETS_S, "stage"),
    frames: counter("reupload_frames_total", "Frames decoded; usable is false for flat or dark ones", "usable"),
    readInPart: counter(
      "reupload_read_in_part_total",
      "Videos of which a part was not read, since the rest shows nothing known",
      "unread",
    ),
    readDenser: counter("reupload_read_denser_total", "Videos for review that were read again more densely"),
    jobsParked: counter("reupload_jobs_parked_total", "Jobs set aside because trying again cannot help"),
    jobRetries: counter("reupload_job_retries_total", "Attempts that failed and will be made again"),
    alerts: counter("reupload_alerts_total", "Alerts raised", "kind"),
    takedowns: counter("reupload_takedowns_total", "Takedowns queued"),
    submissionsRequeued: counter("reupload_submissions_requeued_total", "Submissions put back on a queue that had lost them"),
  };
  // From 0, so that the first one counts as a rise.
  for (const verdict of VERDICTS) metrics.submissions.inc({ verdict }, 0);
  for (const kind of ALERT_KINDS.filter((k) => k !== "look-back")) metrics.alerts.inc({ kind }, 0);
  return metrics;
}

/** What does not change while the process runs. */
function registerFacts(registry: Registry, roles: Role[]): void {
  const registers = [registry];
  const build = { name: "reupload_build_info", help: "1, with what runs", labelNames: ["version", "node"], registers };
  new Gauge(build).set({ version: readVersion(), node: process.version }, 1);
  const role = new Gauge({ name: "reupload_role", help: "1 for a role that this process has", labelNames: ["role"], registers });
  for (const name of ROLES) role.set({ role: name }, roles.includes(name) ? 1 : 0);
}
