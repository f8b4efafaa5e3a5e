import type { Db } from "../platform/database.js";

/** How many cases are named at most; the rest is counted. */
const CASES_NAMED = 10;

export interface DigestFigures {
  since: Date;
  until: Date;
  newAlerts: number;
  /** By kind of alert: match, review, unscannable, look-back. */
  newByKind: Record<string, number>;
  openAlerts: number;
  oldestOpen: { id: string; createdAt: Date } | null;
  takedownsOverdue: number;
  /** Since the last digest: attempts used up, and reported removed. */
  takedownsExpired: number;
  takedownsRemoved: number;
  /** Busiest first; `platform` is null where the intake did not say. */
  platforms: { platform: string | null; newAlerts: number; overdue: number }[];
  /** With most new re-uploads first, at most ten; `number` is the latest. */
  cases: { caseId: string; fresh: number; number: number }[];
  casesInAll: number;
}

/** Counts what came between the two times, and what stands open now: numbers and ids, nothing of what was seen. */
export async function digestFigures(db: Db, since: Date, until: Date): Promise<DigestFigures> {
  const totals = await db.query<Omit<DigestFigures, "since" | "until" | "newAlerts" | "platforms" | "cases" | "casesInAll">>(
    `select (select coalesce(jsonb_object_agg(kind, n), '{}') from (
               select kind, count(*) as n from alert where created_at > $1 and created_at <= $2 group by kind) k) as "newByKind",
            (select count(*)::int from alert where state = 'open') as "openAlerts",
            (select count(*)::int from takedown
             where state in ('queued', 'sent', 'acknowledged') and deadline_at < $2) as "takedownsOverdue",
            (select count(*)::int from takedown where state = 'expired' and updated_at > $1 and updated_at <= $2) as "takedownsExpired",
            (select count(*)::int from takedown where state = 'removed' and updated_at > $1 and updated_at <= $2) as "takedownsRemoved"`,
    [since, until],
  );
  const oldest = await db.query<{ id: string; createdAt: Date }>(
    `select id, created_at as "createdAt" from alert where state = 'open' order by seq limit 1`,
  );
  const platforms = await db.query<DigestFigures["platforms"][number]>(
    `select s.platform, (count(*) filter (where what = 'alert'))::int as "newAlerts", (count(*) filter (where what = 'takedown'))::int as overdue
     from (
       select submission_id, 'alert' as what from alert where created_at > $1 and created_at <= $2
       union all
       select submission_id, 'takedown' from takedown where state in ('queued', 'sent', 'acknowledged') and deadline_at < $2
     ) noted join submission s on s.id = noted.submission_id
     group by s.platform order by count(*) desc, s.platform`,
    [since, until],
  );
  const cases = await db.query<DigestFigures["cases"][number]>(
    `select r.case_id as "caseId", count(*)::int as fresh, max(r.number) as number
     from alert a join reupload r on r.submission_id = a.submission_id
     where a.created_at > $1 and a.created_at <= $2
     group by r.case_id order by count(*) desc, r.case_id`,
    [since, until],
  );
  const [row] = totals.rows;
  return {
    since,
    until,
    ...row,
    newAlerts: Object.values(row.newByKind).reduce((sum, n) => sum + n, 0),
    oldestOpen: oldest.rows[0] ?? null,
    platforms: platforms.rows,
    cases: cases.rows.slice(0, CASES_NAMED),
    casesInAll: cases.rows.length,
  };
}

/** Nobody is written to about nothing. */
export const isSomething = (f: DigestFigures): boolean =>
  f.newAlerts + f.openAlerts + f.takedownsOverdue + f.takedownsExpired + f.takedownsRemoved > 0;
