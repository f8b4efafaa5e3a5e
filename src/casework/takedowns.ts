import { UsageError } from "../errors.js";
import type { Segment } from "../model.js";
import type { Db } from "../platform/database.js";
import { isUuid } from "../platform/uuid.js";
import { checkLimit, decodeCursor, encodeCursor } from "./cursor.js";

export { recheckTakedowns } from "./takedown-rechecks.js";
export { type Reported, reportTakedown, requeueTakedown, type TakedownReport } from "./takedown-reports.js";
export { sweepTakedowns } from "./takedown-sweep.js";

export const TAKEDOWN_STATES = ["queued", "sent", "acknowledged", "removed", "rejected", "expired", "withdrawn"] as const;
export type TakedownState = (typeof TAKEDOWN_STATES)[number];

export interface TakedownFilter {
  state?: TakedownState;
  platform?: string;
  caseId?: string;
  /** Past its deadline and not removed, or given up by the program. */
  overdue?: boolean;
}

/** A line of the list. */
export interface TakedownRow {
  id: string;
  submissionId: string;
  caseId: string;
  caseTitle: string;
  platform: string | null;
  pageUrl: string | null;
  mediaUrl: string | null;
  uploader: { id: string | null; url: string | null };
  state: TakedownState;
  /** From 1. */
  attempt: number;
  /** The number that the upload got in its case. */
  reuploadNumber: number;
  createdAt: Date;
  updatedAt: Date;
  deadlineAt: Date;
  overdue: boolean;
  /** When the media is looked for again after it was reported removed. */
  recheckAt: Date | null;
  /** How often it was looked for. */
  rechecks: number;
  /** Since when a person must see to it. */
  escalatedAt: Date | null;
}

export interface TakedownEvent {
  id: string;
  attempt: number;
  state: TakedownState;
  actor: string;
  detail: string;
  at: Date;
}

export interface TakedownDetail extends TakedownRow {
  /** What the request says about how the upload was recognised. `sha256` is hexadecimal, of the file as it was fetched. */
  evidence: {
    sha256: string | null;
    algorithm: string;
    spans: Segment[];
    distances: { medianBits: number | null; framesAgreeing: number };
    policyVersion: string;
    toolVersion: string;
  };
  reportedAt: Date | null;
  /** Oldest first. */
  events: TakedownEvent[];
}

const OVERDUE = "(t.state = 'expired' or (t.state in ('queued', 'sent', 'acknowledged') and t.deadline_at < now()))";

const COLUMNS = `
  t.id, t.submission_id as "submissionId", t.case_id as "caseId", c.title as "caseTitle", s.platform, s.page_url as "pageUrl",
  s.media_url as "mediaUrl", jsonb_build_object('id', s.uploader_id, 'url', s.uploader_url) as uploader, t.state, t.attempt,
  (t.request->>'reuploadNumber')::int as "reuploadNumber", t.created_at as "createdAt", t.updated_at as "updatedAt",
  t.deadline_at as "deadlineAt", ${OVERDUE} as overdue, t.recheck_at as "recheckAt", t.rechecks, t.escalated_at as "escalatedAt"`;

const TABLES = `takedown t join submission s on s.id = t.submission_id join "case" c on c.id = t.case_id`;

/**
 * A page of takedowns, newest first.
 *
 * @throws UsageError when the cursor or the limit is malformed.
 */
export async function listTakedowns(
  db: Db,
  filter: TakedownFilter,
  page: { after?: string; limit: number },
): Promise<{ takedowns: TakedownRow[]; next?: string }> {
  checkLimit(page.limit);
  const values: unknown[] = [];
  const value = (v: unknown) => `$${values.push(v)}`;
  const conditions = ["true"];
  if (filter.state !== undefined) conditions.push(`t.state = ${value(filter.state)}`);
  if (filter.caseId !== undefined) conditions.push(`t.case_id = ${value(filter.caseId)}`);
  if (filter.platform !== undefined) conditions.push(`s.platform = ${value(filter.platform)}`);
  if (filter.overdue !== undefined) conditions.push(filter.overdue ? OVERDUE : `not ${OVERDUE}`);
  if (page.after !== undefined) {
    const [at, id] = decodeCursor("takedowns", page.after, 2);
    if (!/^\d{4}-[-\d :.+]+$/.test(at) || !isUuid(id)) throw new UsageError("after: is not a cursor of this list");
    conditions.push(`(t.created_at, t.id) < (${value(at)}::timestamptz, ${value(id)}::uuid)`);
  }
  const { rows } = await db.query<TakedownRow & { cursorAt: string }>(
    `select ${COLUMNS}, t.created_at::text as "cursorAt" from ${TABLES}
     where ${conditions.join(" and ")}
     order by t.created_at desc, t.id desc limit ${value(page.limit)}`,
    values,
  );
  const takedowns = rows.map(({ cursorAt: _, ...row }) => row);
  const last = rows.at(-1);
  return rows.length < page.limit || !last
    ? { takedowns }
    : { takedowns, next: encodeCursor("takedowns", [last.cursorAt, last.id]) };
}

/** One takedown with its history, or undefined. */
export async function readTakedown(db: Db, id: string): Promise<TakedownDetail | undefined> {
  return isUuid(id) ? readWhere(db, "t.id = $1", id) : undefined;
}

/** The takedown of a submission, which has at most one. */
export async function readTakedownOf(db: Db, submissionId: string): Promise<TakedownDetail | undefined> {
  return readWhere(db, "t.submission_id = $1", submissionId);
}

async function readWhere(db: Db, condition: string, key: string): Promise<TakedownDetail | undefined> {
  const { rows } = await db.query<Omit<TakedownDetail, "events">>(
    `select ${COLUMNS}, t.request->'evidence' as evidence, s.reported_at as "reportedAt" from ${TABLES} where ${condition}`,
    [key],
  );
  if (rows.length === 0) return undefined;
  const events = await db.query<TakedownEvent>(
    `select id, attempt, state, actor, detail, created_at as at from takedown_event where takedown_id = $1 order by id`,
    [rows[0].id],
  );
  return { ...rows[0], events: events.rows };
}

export interface PlatformFigures {
  /** Null: the intake did not say. */
  platform: string | null;
  requested: number;
  /** Queued, sent or acknowledged. */
  open: number;
  overdue: number;
  removed: number;
  rejected: number;
  expired: number;
  withdrawn: number;
  /** Attempts that were made for each takedown, on average. */
  attempts: number;
  /** From the first request to the first report of removal; null when nothing was removed. */
  medianHoursToRemoval: number | null;
  /** Taken down, and there again when it was looked for later. */
  cameBack: number;
}

/** What became of the takedowns, by platform; those with most first. Reads all takedowns: 1 s for
 * 100,000 on two cores that were busy eight-fold. */
export async function platformFigures(db: Db): Promise<PlatformFigures[]> {
  const { rows } = await db.query<PlatformFigures>(
    `with removal as (
       select takedown_id, min(created_at) as first_at from takedown_event where state = 'removed' group by takedown_id
     ), came_back as (
       select distinct takedown_id from takedown_event where state = 'queued' and detail = $1
     )
     select s.platform, count(*)::int as requested,
            count(*) filter (where t.state in ('queued', 'sent', 'acknowledged'))::int as open,
            count(*) filter (where ${OVERDUE})::int as overdue,
            count(*) filter (where t.state = 'removed')::int as removed,
            count(*) filter (where t.state = 'rejected')::int as rejected,
            count(*) filter (where t.state = 'expired')::int as expired,
            count(*) filter (where t.state = 'withdrawn')::int as withdrawn,
            round(avg(t.attempt), 2)::float8 as attempts,
            percentile_cont(0.5) within group (order by extract(epoch from r.first_at - t.created_at) / 3600)::float8 as "medianHoursToRemoval",
            count(b.takedown_id)::int as "cameBack"
     from takedown t
     join submission s on s.id = t.submission_id
     left join removal r on r.takedown_id = t.id
     left join came_back b on b.takedown_id = t.id
     group by s.platform
     order by requested desc, s.platform`,
    [STILL_THERE],
  );
  return rows;
}

/** What the history of a takedown says when its media was found again. */
export const STILL_THERE = "it was there when it was looked for again";
