import type { Db } from "../platform/database.js";
import { keysOf, type Page, pageOf } from "./keyset.js";

export interface TimelineUpload {
  number: number;
  /** When we received it. */
  at: Date;
  platform: string | null;
  uploaderId: string | null;
  submissionId: string;
}

export interface CaseTimeline {
  /** In order of their numbers. */
  uploads: TimelineUpload[];
  /** "17 uploads, 4 profiles, 3 platforms, last yesterday". A profile is an uploader on a platform. */
  summary: { uploads: number; uploaders: number; platforms: number; firstAt: Date | null; lastAt: Date | null };
}

/** All re-uploads of a case's material, about 100 bytes each; of a case that does not exist there are none. */
export async function caseTimeline(db: Db, caseId: string): Promise<CaseTimeline> {
  const { rows } = await db.query<TimelineUpload>(
    `select u.number, s.received_at as at, s.platform, s.uploader_id as "uploaderId", s.id as "submissionId"
     from reupload u join submission s on s.id = u.submission_id where u.case_id = $1 order by u.number`,
    [caseId],
  );
  const profiles = rows.filter((row) => row.uploaderId !== null).map((row) => JSON.stringify([row.platform, row.uploaderId]));
  const times = rows.map((row) => row.at.getTime()).sort((a, b) => a - b);
  return {
    uploads: rows,
    summary: {
      uploads: rows.length,
      uploaders: new Set(profiles).size,
      platforms: new Set(rows.map((row) => row.platform).filter((platform) => platform !== null)).size,
      firstAt: times.length > 0 ? new Date(times[0]) : null,
      lastAt: times.length > 0 ? new Date(times[times.length - 1]) : null,
    },
  };
}

export interface MonthCount {
  /** Such as "2026-11", in UTC. */
  month: string;
  uploads: number;
}

export interface UploaderRow {
  /** Empty for submissions that came without one. */
  platform: string;
  id: string;
  /** The newest address that came with a submission. */
  url: string | null;
  /** Re-uploads of known material, each submission once. */
  reuploads: number;
  cases: number;
  lastAt: Date;
}

export interface UploaderDetail extends Omit<UploaderRow, "cases"> {
  /** All that was submitted of this uploader, re-uploads or not. */
  submissions: number;
  firstAt: Date;
  cases: { caseId: string; title: string; uploads: number; lastAt: Date }[];
  /** Takedowns by state. */
  takedowns: Record<string, number>;
  byMonth: MonthCount[];
}

/** Without a platform, ids are taken for those of one nameless platform. */
const OF_UPLOADER = "(s.platform = $1 or ($1 = '' and s.platform is null)) and s.uploader_id = $2";

/** Everything that is counted of one uploader, or undefined when nothing came from there. */
export async function readUploader(db: Db, platform: string, uploaderId: string): Promise<UploaderDetail | undefined> {
  const { rows } = await db.query<UploaderDetail & { firstAt: Date | null }>(
    `with own as (
       select s.*, exists (select from reupload u where u.submission_id = s.id) as again
       from submission s where ${OF_UPLOADER}
     )
     select $1::text as platform, $2::text as id,
            (select uploader_url from own where uploader_url is not null order by seq desc limit 1) as url,
            (select count(*)::int from own) as submissions, (select count(*)::int from own where again) as reuploads,
            (select min(received_at) from own) as "firstAt", (select max(received_at) from own) as "lastAt",
            (select coalesce(jsonb_object_agg(state, n), '{}') from (
               select t.state, count(*) as n from takedown t join own on own.id = t.submission_id group by t.state) t) as takedowns,
            (select coalesce(jsonb_agg(m order by m.month), '[]') from (
               select to_char(received_at at time zone 'UTC', 'YYYY-MM') as month, count(*) as uploads
               from own where again group by 1) m) as "byMonth"`,
    [platform, uploaderId],
  );
  if (rows[0].firstAt === null) return undefined;
  const cases = await db.query<UploaderDetail["cases"][number]>(
    `select u.case_id as "caseId", c.title, count(*)::int as uploads, max(s.received_at) as "lastAt"
     from submission s join reupload u on u.submission_id = s.id join "case" c on c.id = u.case_id
     where ${OF_UPLOADER}
     group by u.case_id, c.title order by uploads desc, u.case_id`,
    [platform, uploaderId],
  );
  return { ...rows[0], cases: cases.rows };
}

/** Who re-uploads most, first. Only uploaders of re-uploads. */
export async function listUploaders(
  db: Db,
  page: Page & { platform?: string },
): Promise<{ uploaders: UploaderRow[]; next?: string }> {
  const [reuploads, platform, id] = keysOf("uploaders", page, ["number", "text", "text"]);
  const { rows } = await db.query<UploaderRow>(
    `select platform, id, url, reuploads, cases, "lastAt" from (
       select coalesce(s.platform, '') as platform, s.uploader_id as id, (array_agg(s.uploader_url order by s.seq desc))[1] as url,
              count(distinct s.id)::int as reuploads, count(distinct u.case_id)::int as cases, max(s.received_at) as "lastAt"
       from reupload u join submission s on s.id = u.submission_id
       where s.uploader_id is not null and ($5::text is null or coalesce(s.platform, '') = $5)
       group by 1, 2
     ) uploader
     where $1::bigint is null or (-reuploads, platform, id) > (-$1::bigint, $2::text, $3::text)
     order by -reuploads, platform, id
     limit $4 + 1`,
    [reuploads, platform, id, page.limit, page.platform ?? null],
  );
  const shown = pageOf("uploaders", rows, page, (row) => [row.reuploads, row.platform, row.id]);
  return { uploaders: shown.rows, next: shown.next };
}

export interface PlatformStatistics {
  /** Empty for submissions that came without one. */
  platform: string;
  reuploads: number;
  uploaders: number;
  cases: number;
  takedowns: number;
  removed: number;
  rejected: number;
  /** Asked for and not decided. */
  open: number;
  /** Of the takedowns that were not withdrawn, 0-1; null when there are none. */
  shareRemoved: number | null;
  /** From the first request to the first report of the removal; null when nothing was removed. */
  medianHoursUntilRemoved: number | null;
  /** Requests for each takedown. */
  meanAttempts: number | null;
  byMonth: MonthCount[];
}

/** Of every platform that had a re-upload, most re-uploads first. */
export async function platformStatistics(db: Db): Promise<PlatformStatistics[]> {
  const { rows } = await db.query<PlatformStatistics>(
    `with upload as (
       select coalesce(s.platform, '') as platform, s.id, s.uploader_id, s.received_at, u.case_id
       from reupload u join submission s on s.id = u.submission_id
     ), uploads as (
       select platform, count(distinct id)::int as reuploads, count(distinct uploader_id)::int as uploaders,
              count(distinct case_id)::int as cases
       from upload group by platform
     ), months as (
       select platform, jsonb_agg(jsonb_build_object('month', month, 'uploads', n) order by month) as by_month
       from (
         select platform, to_char(received_at at time zone 'UTC', 'YYYY-MM') as month, count(distinct id) as n from upload group by 1, 2
       ) m
       group by platform
     ), asked as (
       select coalesce(s.platform, '') as platform, t.state, t.attempt, t.created_at,
              case when t.state = 'removed' then coalesce(
                (select min(e.created_at) from takedown_event e where e.takedown_id = t.id and e.state = 'removed'), t.updated_at) end as removed_at
       from takedown t join submission s on s.id = t.submission_id
     ), takedowns as (
       select platform, count(*)::int as takedowns, count(*) filter (where state = 'removed')::int as removed,
              count(*) filter (where state = 'rejected')::int as rejected,
              count(*) filter (where state in ('queued', 'sent', 'acknowledged'))::int as open,
              count(*) filter (where state = 'removed')::float8 / nullif(count(*) filter (where state <> 'withdrawn'), 0) as share_removed,
              percentile_cont(0.5) within group (order by extract(epoch from removed_at - created_at)::float8 / 3600) as hours,
              avg(attempt)::float8 as attempts
       from asked group by platform
     )
     select u.platform, u.reuploads, u.uploaders, u.cases, coalesce(t.takedowns, 0) as takedowns, coalesce(t.removed, 0) as removed,
            coalesce(t.rejected, 0) as rejected, coalesce(t.open, 0) as open, t.share_removed as "shareRemoved",
            t.hours as "medianHoursUntilRemoved", t.attempts as "meanAttempts", m.by_month as "byMonth"
     from uploads u join months m using (platform) left join takedowns t using (platform)
     order by u.reuploads desc, u.platform`,
  );
  return rows;
}
