import { Command } from "commander";
import type { App } from "../app.js";
import { submissionReport, totals } from "../casework/report.js";
import { indexProcesses } from "../hash-index/index-tiers.js";
import { SUBMISSIONS } from "../intake/client.js";
import { listParked } from "../intake/park.js";
import { isReceived } from "../intake/received.js";
import { jobIdFor } from "../platform/queues.js";
import { withApp } from "./open.js";
import type { SetExitCode } from "./output.js";
import { complain, oneLine, say, sayJson, table } from "./output.js";

export const statusCommand = (setExitCode: SetExitCode): Command =>
  new Command("status")
    .description("what became of a submission; without one, how the whole system stands")
    .argument("[submission]", "the submission's id")
    .option("--json", "as JSON")
    .action(async (submissionId: string | undefined, options: { json?: boolean }) => {
      await withApp(async (app) => {
        if (submissionId === undefined) return showSystem(app, options.json ?? false);
        if (!(await showSubmission(app, submissionId, options.json ?? false))) setExitCode(1);
      });
    });

async function showSystem(app: App, json: boolean): Promise<void> {
  const { pool, embedded } = app.database;
  const recorded = await totals(pool);
  const jobs = await app.queues.queue(SUBMISSIONS).getJobCounts("waiting", "prioritized", "active", "delayed", "failed");
  const parked = await listParked(pool, 5);
  const processes = await indexProcesses(pool);
  if (json)
    return sayJson({
      database: embedded ? "embedded" : "external",
      queues: app.queues.backend,
      jobs,
      ...recorded,
      index: processes,
      lastParked: parked,
    });
  say(
    table(
      ["what", "how many"],
      [
        ["references", `${recorded.references} in ${recorded.cases} cases`],
        ["fingerprints", `${recorded.fingerprints}, looked up ${lookedUpIn(processes)}`],
        [
          "submissions",
          Object.entries(recorded.verdicts)
            .map(([kind, n]) => `${n} ${kind}`)
            .join(", ") || "none yet",
        ],
        [
          "jobs",
          Object.entries(jobs)
            .map(([state, n]) => `${n} ${state}`)
            .join(", "),
        ],
        ["parked jobs", String(recorded.parked)],
        ["open alerts", String(recorded.openAlerts)],
        [
          "takedowns",
          Object.entries(recorded.takedowns)
            .map(([state, n]) => `${n} ${state}`)
            .join(", ") || "none",
        ],
        ["outbox", `${recorded.outboxWaiting} waiting`],
        [
          "storage",
          `${embedded ? "embedded Postgres" : "Postgres at DATABASE_URL"}, queues in ${app.queues.backend === "redis" ? "Redis" : "Postgres"}`,
        ],
      ],
    ),
  );
  for (const job of parked) say(`parked: ${oneLine(job.submissionId ?? job.jobId)}: ${oneLine(job.reason)}`);
}

function lookedUpIn({ serving, loading }: Awaited<ReturnType<typeof indexProcesses>>): string {
  const inMemory = serving > 0 ? `in the memory of ${serving} ${serving === 1 ? "process" : "processes"}` : "in Postgres";
  return loading > 0 ? `${inMemory}, ${loading} loading` : inMemory;
}

async function showSubmission(app: App, submissionId: string, json: boolean): Promise<boolean> {
  const report = await submissionReport(app.database.pool, submissionId);
  if (report) {
    if (json) sayJson(report);
    else sayReport(report);
    return true;
  }
  const parked = (await listParked(app.database.pool, 10_000)).find((job) => job.submissionId === submissionId);
  const queued = parked ? "parked" : await app.queues.queue(SUBMISSIONS).getJobState(jobIdFor(submissionId));
  const state = queued === "unknown" && (await isReceived(app.database.pool, submissionId)) ? "waiting" : queued;
  if (state === "unknown") {
    complain(`SUBMISSION: nothing is known of ${submissionId}`);
    return false;
  }
  const status = { submissionId, state, reason: parked?.reason };
  if (json) sayJson(status);
  else say(oneLine(`${submissionId}: ${parked ? `parked, ${parked.reason}` : `not scanned yet (${state})`}`));
  return true;
}

function sayReport(report: NonNullable<Awaited<ReturnType<typeof submissionReport>>>): void {
  say(
    `${oneLine(report.submissionId)}: ${report.verdict}${report.caseIds.length > 0 ? ` (case ${report.caseIds.join(", ")})` : ""}`,
  );
  for (const { origin, reasons, createdAt } of report.verdicts) {
    for (const reason of reasons) say(`  ${createdAt.toISOString()} ${origin}: ${oneLine(reason)}`);
  }
  for (const alert of report.alerts) say(`  alert ${alert.id}: ${alert.kind}, ${alert.state}`);
  if (report.takedown) say(`  takedown ${report.takedown.id}: ${report.takedown.state}, attempt ${report.takedown.attempt}`);
  if (report.reuploadNumber) say(`  re-upload number ${report.reuploadNumber} of this case`);
}
