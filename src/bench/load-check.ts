import type { Db } from "../platform/database.js";

/** How often the database or a queue has something other than once. All zero is what it should be. */
export interface Miscounts {
  /** Submissions that were queued and are not recorded. */
  lost: number;
  /** Recorded, and never queued. */
  strange: number;
  /** Submissions without exactly one verdict. */
  notOneVerdict: number;
  /** Verdicts other than clear without exactly one alert, and clear ones with any. */
  notOneAlert: number;
  /** Matches without exactly one takedown, and others with any. */
  notOneTakedown: number;
  /** Alerts and takedowns without exactly one delivered message, and messages without either. */
  notOneMessage: number;
  /** Jobs in the queues `alerts` and `takedowns` more or fewer than messages. */
  jobsInQueues: number;
  /** Cases whose re-uploads are not numbered 1, 2, 3 … to their count. */
  misnumberedCases: number;
}

export interface LoadCheck {
  miscounts: Miscounts;
  alerts: number;
  takedowns: number;
}

/**
 * Counts in SQL, without any of the program's own queries, whether each of `ids` was dealt with exactly once.
 *
 * @param jobs how many jobs, of whatever state, the two queues have.
 */
export async function checkLoad(db: Db, ids: string[], jobs: { alerts: number; takedowns: number }): Promise<LoadCheck> {
  const one = async (sql: string, values: unknown[] = []) => count(db, sql, values);
  const alerts = await one("select count(*) as n from alert");
  const takedowns = await one("select count(*) as n from takedown");
  const miscounts = {
    lost: await one(
      "select count(*) as n from unnest($1::text[]) as q (id) where not exists (select from submission where id = q.id)",
      [ids],
    ),
    strange: await one(
      "select count(*) as n from submission s where not exists (select from unnest($1::text[]) as q (id) where q.id = s.id)",
      [ids],
    ),
    notOneVerdict: await one(
      `select count(*) as n from submission s where (select count(*) from verdict where submission_id = s.id) <> 1`,
    ),
    notOneAlert: await one(
      `select count(*) as n from verdict v
       where (select count(*) from alert where submission_id = v.submission_id) <> (v.kind <> 'clear')::int`,
    ),
    notOneTakedown: await one(
      `select count(*) as n from verdict v
       where (select count(*) from takedown where submission_id = v.submission_id) <> (v.kind = 'match')::int`,
    ),
    notOneMessage: await one(
      `with asked as (
         select 'alert-' || id as job_id from alert union all select 'takedown-' || id || '-1' from takedown
       )
       select count(*) as n
       from (select job_id, count(*) as times from asked group by job_id) a
       full join (select job_id, count(*) as times from outbox where delivered_at is not null group by job_id) o using (job_id)
       where a.times is distinct from 1 or o.times is distinct from 1`,
    ),
    jobsInQueues: Math.abs(jobs.alerts - alerts) + Math.abs(jobs.takedowns - takedowns),
    misnumberedCases: await one(
      `select count(*) as n
       from "case" c left join (select case_id, count(*) as times, max(number) as last from reupload group by case_id) r on r.case_id = c.id
       where coalesce(r.times, 0) <> c.upload_count or coalesce(r.last, 0) <> c.upload_count`,
    ),
  };
  return { miscounts, alerts, takedowns };
}

async function count(db: Db, sql: string, values: unknown[]): Promise<number> {
  const { rows } = await db.query<{ n: string }>(sql, values);
  return Number(rows[0].n);
}
