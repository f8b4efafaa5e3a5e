import { readdirSync, readFileSync } from "node:fs";
import type { Consumers } from "./consumers.js";
import type { Accepted } from "./intake-load.js";
import type { DrillSite } from "./site.js";

/** By promise, what breaks it: at most a few of each, and how many there are. Empty when every promise was kept. */
export type Broken = Record<string, { times: number; such: string[] }>;

const SHOWN = 5;

/**
 * Compares what the intake knows to be accepted with what is recorded and what consumers saw, in plain SQL and without any of the program's
 * code: exactly one right verdict each, one alert and one takedown a match, each delivered, numbers without gaps, nothing left over.
 */
export async function checkExactlyOnce(
  site: DrillSite,
  accepted: Map<string, Accepted>,
  seen: Pick<Consumers, "alerts" | "takedowns">,
): Promise<Broken> {
  const broken: Broken = {};
  const promise = (name: string, such: string[]) => {
    if (such.length > 0) broken[name] = { times: such.length, such: such.slice(0, SHOWN) };
  };
  const ids = async (sql: string) => (await site.ask<{ id: string }>(sql)).map(({ id }) => id);

  const recorded = await site.ask<{ id: string; kinds: string[]; reasons: string[]; alerts: number; takedowns: number }>(
    `select s.id, array_agg(v.kind) as kinds, array_agg(array_to_string(v.reasons, '; ')) as reasons,
            (select count(*)::int from alert where submission_id = s.id) as alerts,
            (select count(*)::int from takedown where submission_id = s.id) as takedowns
     from submission s left join verdict v on v.submission_id = s.id group by s.id`,
  );
  const byId = new Map(recorded.map((row) => [row.id, row]));
  const all = [...accepted].map(([id, { expected }]) => ({ id, expected, row: byId.get(id) }));
  promise(
    "accepted, and without a verdict",
    all.filter(({ row }) => !row || row.kinds[0] === null).map(({ id }) => id),
  );
  promise(
    "more than one verdict",
    recorded.filter(({ kinds }) => kinds.length > 1).map(({ id }) => id),
  );
  promise(
    "not the right verdict",
    all
      .filter(({ row, expected }) => row && row.kinds.length === 1 && row.kinds[0] !== expected)
      .map(({ id, row, expected }) => `${id} is ${row!.kinds[0]} and should be ${expected}: ${row!.reasons[0]}`),
  );
  promise(
    "recorded, and never accepted",
    recorded.filter(({ id }) => !accepted.has(id)).map(({ id }) => id),
  );
  for (const what of ["alerts", "takedowns"] as const)
    promise(
      `not one of ${what} for a match, or any for another`,
      all
        .filter(({ row, expected }) => row && row[what] !== (expected === "match" ? 1 : 0))
        .map(({ id, row }) => `${id}: ${row![what]}`),
    );
  const alerts = await ids("select id from alert");
  const takedowns = await ids("select id || '-' || attempt as id from takedown");
  promise(
    "alerts that no consumer saw",
    alerts.filter((id) => !seen.alerts.has(id)),
  );
  promise(
    "takedowns that no consumer saw",
    takedowns.filter((id) => !seen.takedowns.has(id)),
  );
  promise(
    "alerts seen that do not exist",
    [...seen.alerts.keys()].filter((id) => !alerts.includes(id)),
  );
  promise(
    "takedowns seen that do not exist",
    [...seen.takedowns.keys()].filter((id) => !takedowns.includes(id)),
  );
  promise(
    "cases with a gap in their numbers",
    await ids(
      `select c.id from "case" c left join reupload r on r.case_id = c.id group by c.id, c.upload_count
       having count(r.number) <> c.upload_count or coalesce(max(r.number), 0) <> c.upload_count`,
    ),
  );
  promise("messages that wait", await ids("select job_id as id from outbox where delivered_at is null"));
  promise("submissions still kept", (await hasIntake(site)) ? await ids("select submission_id as id from intake") : []);
  promise("jobs parked", await ids("select coalesce(submission_id, job_id) || ': ' || reason as id from parked_job"));
  return broken;
}

async function hasIntake(site: DrillSite): Promise<boolean> {
  return (await site.ask("select to_regclass('intake') as it where to_regclass('intake') is not null")).length > 0;
}

/** What is left when nothing runs any more: files of fetched media, and processes that belong to the site. */
export function leftOver(site: DrillSite): Broken {
  const files = readdirSync(site.disks.media);
  const own = [String(process.pid)];
  const processes = readdirSync("/proc")
    .filter((pid) => /^\d+$/.test(pid) && !own.includes(pid))
    .map((pid) => ({ pid, text: textOf(pid) }))
    .filter(({ text }) => text.includes(site.folder) && !/postgres|redis-server/.test(text.slice(0, 300)))
    .map(({ pid, text }) => `${pid} ${text.slice(0, 120)}`);
  return {
    ...(files.length > 0 && { "files left over": { times: files.length, such: files.slice(0, SHOWN) } }),
    ...(processes.length > 0 && { "processes left over": { times: processes.length, such: processes.slice(0, SHOWN) } }),
  };
}

function textOf(pid: string): string {
  try {
    return ["cmdline", "environ"].map((name) => readFileSync(`/proc/${pid}/${name}`, "utf8").replaceAll("\0", " ")).join(" ");
  } catch {
    return "";
  }
}
