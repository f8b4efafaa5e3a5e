import { Command } from "commander";
import type { Pool } from "pg";
import { finishErasure, rewriteTables } from "../casework/erase/finish.js";
import { eraseCase, eraseUploader, type Receipt, wouldErase } from "../casework/erase.js";
import { readUploader } from "../casework/statistics.js";
import { UsageError } from "../errors.js";
import type { Queues } from "../platform/queues.js";
import { withApp } from "./open.js";
import { complain, oneLine, type SetExitCode, say, table } from "./output.js";
import { CLI_ACTOR } from "./user.js";

const WHY = "why; it stays in the audit log, so it must not name anybody";

export const eraseCommand = (setExitCode: SetExitCode): Command =>
  new Command("erase")
    .description("the right to be forgotten: fingerprints and personal data go, a receipt in the audit log stays")
    .addCommand(eraseCaseCommand(setExitCode))
    .addCommand(eraseUploaderCommand(setExitCode))
    .addCommand(rewriteCommand());

const eraseCaseCommand = (setExitCode: SetExitCode) =>
  new Command("case")
    .description("erase a case: known material, and the submissions that only it has")
    .argument("<id>", "the case's id")
    .requiredOption("--reason <text>", WHY)
    .option("--yes", "do it; without this, only what would go is shown")
    .action(async (id: string, { reason, yes }: { reason: string; yes?: boolean }) => {
      await withApp(async ({ database: { pool }, queues }) => {
        if (yes) {
          await reach(queues);
          return finish(await eraseCase(pool, id, CLI_ACTOR, reason), pool, queues, setExitCode);
        }
        const plan = await wouldErase(pool, id);
        if (!plan) throw new UsageError(`ID: there is no case ${id}; "reupload case list" shows them`);
        const title = plan.title ? ` (${oneLine(plan.title)})` : "";
        const merged = plan.mergedFrom > 0 ? `, with ${plan.mergedFrom} merged into it` : "";
        askFirst(`case ${id}${title}${merged}: ${plan.references} known, ${plan.uploads} uploads`, setExitCode);
      });
    });

const eraseUploaderCommand = (setExitCode: SetExitCode) =>
  new Command("uploader")
    .description("erase what is kept of an uploader; the numbers of cases stay as they are")
    .argument("<platform>", "as submissions name it")
    .argument("<id>", "the uploader's id on that platform")
    .requiredOption("--reason <text>", WHY)
    .option("--yes", "do it; without this, only what would go is shown")
    .action(async (platform: string, id: string, { reason, yes }: { reason: string; yes?: boolean }) => {
      await withApp(async ({ database: { pool }, queues }) => {
        if (yes) {
          await reach(queues);
          return finish(await eraseUploader(pool, platform, id, CLI_ACTOR, reason), pool, queues, setExitCode);
        }
        const plan = await readUploader(pool, platform, id);
        if (!plan) throw new UsageError("ID: nothing is recorded of this uploader on this platform");
        const about = `${plan.submissions} submissions, ${plan.reuploads} of them re-uploads of ${plan.cases.length} cases`;
        askFirst(`uploader ${id} on ${platform}: ${about}`, setExitCode);
      });
    });

const rewriteCommand = () =>
  new Command("rewrite")
    .description("write all tables anew, so that no byte of what was erased is left in their files; the service waits meanwhile")
    .action(async () => {
      await withApp(async ({ database: { pool } }) => say(`${await rewriteTables(pool)} tables written anew`));
    });

/** Before anything is erased: afterwards nothing says any more which jobs were about it. */
async function reach(queues: Queues): Promise<void> {
  await queues.queue("submissions").getJobCounts("waiting");
}

function askFirst(what: string, setExitCode: SetExitCode): void {
  say(oneLine(what));
  say("nothing is erased yet; with --yes it is, for good");
  setExitCode(1);
}

async function finish({ id, counts, inQueues }: Receipt, pool: Pool, queues: Queues, setExitCode: SetExitCode): Promise<void> {
  const jobs = await finishErasure(pool, queues, inQueues);
  say(
    table(
      ["erased", "how many"],
      Object.entries({ ...counts, jobs: jobs.removed }).map(([what, n]) => [
        what.replace(/[A-Z]/g, (c) => ` ${c.toLowerCase()}`),
        String(n),
      ]),
    ),
  );
  say(`receipt ${id}, also in the audit log`);
  if (jobs.busy === 0) return;
  complain(`${jobs.busy} jobs are being worked on at this moment, and may be recorded again: erase once more when they are done`);
  setExitCode(1);
}
