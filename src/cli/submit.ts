import { randomUUID } from "node:crypto";
import { realpath } from "node:fs/promises";
import { sep } from "node:path";
import { Command } from "commander";
import type { App } from "../app.js";
import { InvalidSubmissionError } from "../errors.js";
import { createIntakeClient } from "../intake/client.js";
import { hashesOf } from "../intake/hash-only.js";
import type { ScanJob } from "../intake/job.js";
import { withApp } from "./open.js";
import type { SetExitCode } from "./output.js";
import { complain, oneLine, reasonOf, say, withProgress } from "./output.js";
import { type NamedMedia, namedMedia } from "./sources.js";

interface Options {
  id?: string;
  platform?: string;
  pageUrl?: string;
  uploader?: string;
  priority?: string;
}

export const submitCommand = (setExitCode: SetExitCode): Command =>
  new Command("submit")
    .description("queue media for scanning, as the intake service does; prints each submission's id")
    .argument("<file|url...>", "images or videos")
    .option("--id <id>", "the submission's id (one file only; default: a new one)")
    .option("--platform <name>", "where it is on-line")
    .option("--page-url <url>", "the page the public sees it on")
    .option("--uploader <id>", "who put it on-line")
    .option("--priority <n>", "1 is first; 0 is before everything with a priority")
    .action(async (names: string[], options: Options) => {
      if (options.id !== undefined && names.length > 1) {
        complain("--id: names one submission, so it takes one file");
        return setExitCode(2);
      }
      const media = await Promise.all(names.map(namedMedia));
      setExitCode(await withApp((app, signal) => submitAll(app, media, options, signal)));
    });

async function submitAll(app: App, media: NamedMedia[], options: Options, signal: AbortSignal): Promise<0 | 1 | 2> {
  const client = createIntakeClient(app.queues, app.database.pool);
  let code: 0 | 1 | 2 = 0;
  await withProgress(media, "submitting", async (item) => {
    try {
      const submissionId = options.id ?? randomUUID();
      await client.submit({
        version: 1,
        submissionId,
        media: await mediaOf(app, item, signal),
        platform: options.platform,
        pageUrl: options.pageUrl,
        uploader: options.uploader === undefined ? undefined : { id: options.uploader },
        priority: options.priority === undefined ? 0 : Number(options.priority),
      });
      say(submissionId);
    } catch (error) {
      signal.throwIfAborted();
      code = error instanceof InvalidSubmissionError ? 2 : 1;
      complain(`${item.name}: ${reasonOf(error)}`);
    }
  });
  return code;
}

/** A file the service may not open is fingerprinted here, and only its hashes are sent. */
async function mediaOf(app: App, { name, media }: NamedMedia, signal: AbortSignal): Promise<ScanJob["media"]> {
  if ("url" in media || (await isInside(media.path, app.config.mediaRoots))) return media;
  process.stderr.write(`${oneLine(name)} is outside MEDIA_ROOTS: fingerprinted here, only its hashes are sent\n`);
  const reading = await app.readLocal(media, "for its hashes", signal);
  return { ...hashesOf(reading), durationMs: Math.round(reading.durationMs) };
}

async function isInside(path: string, roots: string[]): Promise<boolean> {
  const real = await realpath(path);
  const realRoots = await Promise.all(roots.map((root) => realpath(root).catch(() => root)));
  return realRoots.some((root) => real.startsWith(root.endsWith(sep) ? root : root + sep));
}
