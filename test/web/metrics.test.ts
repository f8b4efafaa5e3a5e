import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { createMetrics } from "../../src/platform/metrics.js";

const sources = {
  waiting: async () => ({
    ...{ alertsOpen: { match: 2 }, oldestOpenAlertSeconds: 60, takedowns: { queued: 4 }, takedownsOverdue: 1 },
    ...{ outboxWaiting: 3, oldestOutboxSeconds: 9, webhookDeliveries: { dead: 5 } },
  }),
  queueOldestSeconds: async () => ({ submissions: 12 }),
  intake: async () => ({ queued: 6, unqueued: 2, oldestSeconds: 30 }),
  ready: async () => ({ database: true, ffmpeg: false }),
  draining: async () => false,
  temporaryBytes: async () => ({ free: 10, size: 20 }),
  databaseConnections: async () => ({ idle: 1, busy: 2, waiting: 0 }),
  sandbox: async () => "namespaces",
  references: async () => 7,
  queueJobs: async () => [{ queue: "submissions", state: "waiting", jobs: 5 }],
  hashIndex: async () => ({ tier: "in-process" as const, loading: false, fingerprints: 12, patches: 4, bytes: 2000, behind: 1 }),
};

it("shows counts, durations and what it asks for at the scrape", async () => {
  const metrics = createMetrics(sources, ["worker"]);
  metrics.submissions.inc({ verdict: "match" });
  metrics.stageSeconds.observe({ stage: "decode" }, 0.25);
  metrics.frames.inc({ usable: "false" }, 4);
  const page = await metrics.registry.metrics();
  expect(page).toContain('reupload_submissions_total{verdict="match"} 1');
  expect(page).toContain('reupload_stage_seconds_sum{stage="decode"} 0.25');
  expect(page).toContain('reupload_frames_total{usable="false"} 4');
  expect(page).toContain("reupload_outbox_waiting 3");
  expect(page).toContain("reupload_references 7");
  expect(page).toContain('reupload_hash_index_tier{tier="postgres"} 0');
  expect(page).toContain('reupload_hash_index_tier{tier="in-process"} 1');
  expect(page).toContain('reupload_hash_index_hashes{kind="fingerprint"} 12');
  expect(page).toContain("reupload_hash_index_behind 1");
  expect(page).toContain('reupload_queue_jobs{queue="submissions",state="waiting"} 5');
  expect(page).toContain("process_resident_memory_bytes");
  expect(page).toContain("nodejs_eventloop_lag_seconds");
  expect(page).toMatch(/^reupload_build_info\{version="[0-9.]+",node="v\d+[0-9.]+"\} 1$/m);
  for (const line of [
    'reupload_role{role="worker"} 1',
    'reupload_role{role="relay"} 0',
    'reupload_ready{check="database"} 1',
    'reupload_ready{check="ffmpeg"} 0',
    "reupload_draining 0",
    'reupload_sandbox{kind="namespaces"} 1',
    'reupload_sandbox{kind="bubblewrap"} 0',
    'reupload_temporary_bytes{kind="free"} 10',
    'reupload_database_connections{state="busy"} 2',
    'reupload_queue_oldest_seconds{queue="submissions"} 12',
    "reupload_outbox_oldest_seconds 9",
    'reupload_intake_submissions{state="queued"} 6',
    'reupload_intake_submissions{state="unqueued"} 2',
    "reupload_intake_oldest_seconds 30",
    'reupload_alerts_open{kind="match"} 2',
    'reupload_alerts_open{kind="unscannable"} 0',
    "reupload_alerts_oldest_open_seconds 60",
    'reupload_takedowns_state{state="queued"} 4',
    'reupload_takedowns_state{state="expired"} 0',
    "reupload_takedowns_overdue 1",
    'reupload_webhook_deliveries{state="dead"} 5',
    "reupload_hash_index_loading 0",
    'reupload_submissions_total{verdict="review"} 0',
    'reupload_alerts_total{kind="unscannable"} 0',
  ])
    expect(page.split("\n")).toContain(line);
});

it("leaves a gauge out when it cannot be read, counts that, and still answers", async () => {
  let up = true;
  const references = async () => {
    if (!up) throw new Error("no database");
    return 7;
  };
  const metrics = createMetrics({ references });
  expect(await metrics.registry.metrics()).toContain("reupload_references 7");
  up = false;
  await metrics.registry.metrics();
  const page = await metrics.registry.metrics();
  expect(page).not.toMatch(/^reupload_references \d/m);
  expect(page).toMatch(/reupload_metric_errors_total\{metric="reupload_references"\} [12]/);
});

it("asks once for all gauges of one source", async () => {
  let asked = 0;
  const hashIndex = () => {
    asked++;
    return sources.hashIndex();
  };
  await createMetrics({ hashIndex }).registry.metrics();
  expect(asked).toBe(1);
});

it("keeps two registries in one process apart", async () => {
  const [one, other] = [createMetrics(), createMetrics()];
  one.takedowns.inc();
  expect(await other.registry.metrics()).toContain("reupload_takedowns_total 0");
});

it("has every name in docs/operations.md, and no other", async () => {
  const page = await readFile(new URL("../../docs/operations.md", import.meta.url), "utf8");
  const documented = new Set(page.match(/\breupload_[a-z_]+\b/g));
  const names = createMetrics(sources)
    .registry.getMetricsAsArray()
    .map((metric) => metric.name)
    .filter((name) => name.startsWith("reupload_"));
  expect(names.filter((name) => !documented.has(name))).toEqual([]);
  expect([...documented].filter((name) => !names.includes(name) && name !== "reupload_queue")).toEqual([]);
});
