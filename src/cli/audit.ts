import { Command } from "commander";
import { UsageError } from "../errors.js";
import { type AuditRow, listAudit, verifyAudit } from "../platform/audit.js";
import { withApp } from "./open.js";
import { complain, type SetExitCode, say, sayJson, table } from "./output.js";

export const auditCommand = (setExitCode: SetExitCode): Command =>
  new Command("audit")
    .description("the log of every read of an alert and every act")
    .addCommand(verifyCommand(setExitCode))
    .addCommand(listCommand());

const verifyCommand = (setExitCode: SetExitCode) =>
  new Command("verify")
    .description("recompute the whole chain of hashes; exit code 1 when a row is not as it was written")
    .option("--from-head <sha256>", "a head that an earlier check printed: must still be in the chain")
    .action(async ({ fromHead }: { fromHead?: string }) => {
      if (fromHead !== undefined && !/^[0-9a-f]{64}$/i.test(fromHead))
        throw new UsageError("--from-head: must be 64 hexadecimal digits, as audit verify prints them");
      const check = await withApp(({ database }) => verifyAudit(database.pool, fromHead));
      say(`rows ${check.rows}`);
      say(`head ${check.head ?? "-"}`);
      if (check.broken) complain(`the audit log is broken: ${check.broken.what}`);
      else if (fromHead !== undefined && check.earlierHeadAt === undefined)
        complain("the audit log is broken: --from-head is no longer in it; rows were cut off or replaced");
      else {
        if (check.earlierHeadAt !== undefined) say(`the earlier head is that of row ${check.earlierHeadAt}`);
        return;
      }
      setExitCode(1);
    });

interface ListOptions {
  actor?: string;
  subject?: string;
  before?: string;
  limit: string;
  json?: boolean;
}

const listCommand = () =>
  new Command("list")
    .description("the newest rows first")
    .option("--actor <actor>", "such as person:ana, token:intake, cli")
    .option("--subject <subject>", "such as case:C-17")
    .option("--before <number>", "only rows with a smaller number")
    .option("--limit <n>", "how many", "50")
    .option("--json", "JSON Lines")
    .action(async ({ json, ...options }: ListOptions) => {
      const { actor, subject } = options;
      const before = options.before === undefined ? undefined : whole("--before", options.before);
      const limit = whole("--limit", options.limit);
      const rows = await withApp(({ database }) => listAudit(database.pool, { actor, subject, before, limit }));
      if (json) for (const row of rows) sayJson(row);
      else if (rows.length === 0) say("nothing in the log fits");
      else say(table(["number", "when", "who", "act", "on what", "detail"], rows.map(cells)));
    });

const cells = ({ number, createdAt, actor, act, subject, detail }: AuditRow) => [
  ...[String(number), createdAt.toISOString(), actor, act, subject],
  Object.keys(detail).length === 0 ? "" : JSON.stringify(detail),
];

function whole(option: string, value: string): number {
  if (!/^[1-9]\d{0,8}$/.test(value)) throw new UsageError(`${option}: must be a whole number from 1 up`);
  return Number(value);
}
