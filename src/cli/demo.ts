import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Command } from "commander";
import { type App, openApp } from "../app.js";
import { submissionReport } from "../casework/report.js";
import { withoutSecrets } from "../config/secret-files.js";
import { loadConfig } from "../config.js";
import { createIntakeClient } from "../intake/client.js";
import { findFfmpeg } from "../media/find-ffmpeg.js";
import type { Segment } from "../model.js";
import { createLog } from "../platform/log.js";
import { register } from "../register.js";
import { type Service, startService } from "../service.js";
import { clock } from "../verdict/explain.js";
import { type DemoUpload, demoUploads, earlierUpload, KNOWN_IMAGE, KNOWN_VIDEO } from "./demo-media.js";
import type { SetExitCode } from "./output.js";
import { say, table } from "./output.js";
import { sayWhereTheConsoleIs } from "./start.js";

const TIMEOUT_MS = 5 * 60_000;

export const demoCommand = (setExitCode: SetExitCode): Command =>
  new Command("demo")
    .description("the whole story on real media, in a database of its own that is removed afterwards")
    .option("--keep", "leave the service running, with the demo's data, until Ctrl-C")
    .action(async ({ keep }: { keep?: boolean }) => {
      const folder = await mkdtemp(join(tmpdir(), "reupload-demo-"));
      try {
        if (!(await demo(folder, keep ?? false))) setExitCode(1);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    });

async function demo(folder: string, keep: boolean): Promise<boolean> {
  // Embedded Postgres runs as another user when we are root, and must be able to reach its folder.
  await chmod(folder, 0o711);
  const media = join(folder, "media");
  await mkdir(media);
  const config = loadConfig({
    ...withoutSecrets(process.env),
    DIGEST_TO: "",
    REUPLOAD_DATA_DIR: join(folder, "data"),
    MEDIA_ROOTS: media,
    HTTP_PORT: keep ? process.env.HTTP_PORT : "0",
  });
  say("Starting an embedded Postgres and the service (worker, relay, web) ...");
  const app = await openApp(config, createLog(process.env.LOG_LEVEL ? config.logLevel : "warn"));
  let service: Service | undefined;
  try {
    service = await startService(app, ["worker", "relay", "web"]);
    const passed = await story(app, media);
    if (keep) await keepRunning(app, service);
    return passed;
  } finally {
    await service?.stop();
    await app.close();
  }
}

async function story(app: App, folder: string): Promise<boolean> {
  const signal = new AbortController().signal;
  const { path: ffmpegPath } = await findFfmpeg(app.config);
  const earlier = await earlierUpload(ffmpegPath, folder);
  await submit(app, [earlier]);
  say(`\n1. Somebody uploads a video. Nobody has reported it yet: ${(await outcomeOf(app, earlier)).verdict}.`);

  const known = { label: basename(KNOWN_VIDEO), caseId: "C-17", provenance: "own" };
  const { reference, earlierUploads } = await register(app.registerSteps, { path: KNOWN_VIDEO }, known, signal);
  await register(
    app.registerSteps,
    { path: KNOWN_IMAGE },
    { label: basename(KNOWN_IMAGE), caseId: "C-18", provenance: "own" },
    signal,
  );
  say(
    `2. It is reported and registered as known material of case C-17 (${reference.fingerprintCount} fingerprints; the video is not kept).`,
  );
  say(
    `   Looking back over past uploads finds it ${earlierUploads === 1 ? "once" : `${earlierUploads} times`}. A picture is registered for case C-18.`,
  );

  say("3. It comes back, altered in every way, among innocent uploads ...\n");
  const uploads = await demoUploads(ffmpegPath, folder);
  await submit(app, uploads);
  const rows = [];
  let wrong = 0;
  for (const upload of [earlier, ...uploads]) {
    const outcome = await outcomeOf(app, upload);
    if (!asExpected(upload, outcome)) wrong++;
    rows.push(rowOf(upload, outcome));
  }
  say(table(["upload", "verdict", "known case", "spans of it", "nth", "takedown"], rows));
  const flagged = [earlier, ...uploads].filter((u) => u.expected.startsWith("C-")).length;
  const innocent = uploads.filter((u) => u.expected === "clear").length;
  say(
    wrong === 0
      ? `\nAll ${flagged} re-uploads were recognised; none of the ${innocent} innocent uploads was.`
      : `\n${wrong} uploads did not get the verdict they should have.`,
  );
  return wrong === 0;
}

async function submit(app: App, uploads: DemoUpload[]): Promise<void> {
  const intake = createIntakeClient(app.queues, app.database.pool);
  for (const { path, platform, uploader } of uploads) {
    const name = basename(path);
    await intake.submit({
      version: 1,
      submissionId: name,
      media: { path },
      platform,
      pageUrl: `https://${platform}.example/${name}`,
      uploader: { id: uploader },
    });
  }
}

type DemoOutcome = NonNullable<Awaited<ReturnType<typeof submissionReport>>> & { segments: Segment[] };

async function outcomeOf({ database: { pool } }: App, { path }: DemoUpload): Promise<DemoOutcome> {
  for (const deadlineMs = performance.now() + TIMEOUT_MS; performance.now() < deadlineMs; await sleep(50)) {
    const report = await submissionReport(pool, basename(path));
    if (!report) continue;
    const { rows } = await pool.query<{ segments: Segment[] }>(
      "select m.segments from match m join verdict v on v.id = m.verdict_id where v.submission_id = $1 order by m.confidence desc limit 1",
      [report.submissionId],
    );
    return { ...report, segments: rows[0]?.segments ?? [] };
  }
  throw new Error(`${basename(path)} has no verdict after ${TIMEOUT_MS / 1000} s`);
}

function asExpected({ expected }: DemoUpload, { verdict, caseIds }: DemoOutcome): boolean {
  if (!expected.startsWith("C-")) return verdict === expected;
  return verdict === "match" && caseIds.length === 1 && caseIds[0] === expected;
}

function rowOf({ what }: DemoUpload, outcome: DemoOutcome): string[] {
  const spans = outcome.segments
    .filter((s) => s.referenceToMs > 0)
    .map((s) => `${clock(s.referenceFromMs)}-${clock(s.referenceToMs)} at ${clock(s.submissionFromMs)}`);
  return [
    what,
    outcome.verdict,
    outcome.caseIds.join(", ") || "-",
    spans.join(", ") || "-",
    outcome.reuploadNumber ? String(outcome.reuploadNumber) : "-",
    outcome.takedown?.state ?? "-",
  ];
}

async function keepRunning(app: App, service: Service): Promise<void> {
  say("\nThe service stays up, with these alerts in its console. Ctrl-C ends it and removes the demo's data.");
  await sayWhereTheConsoleIs(app, service.address!);
  await new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
}
