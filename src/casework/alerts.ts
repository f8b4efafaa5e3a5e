import type { Match, MediaKind, ReferenceSummary, VerdictKind } from "../model.js";
import type { Db } from "../platform/database.js";
import { isUuid } from "../platform/uuid.js";
import {
  type AlertFilter,
  type AlertKind,
  type AlertPage,
  type AlertState,
  alertListQuery,
  MOST_IDENTICAL,
  ORDER_COLUMN,
} from "./alert-query.js";
import { encodeCursor } from "./cursor.js";
import { eventsOf, type AlertEvent as HistoryEvent, standingDecisions, undoableUntil } from "./history.js";
import { readTakedownOf, type TakedownDetail } from "./takedowns.js";

export type { AlertFilter, AlertKind, AlertOrder, AlertPage, AlertState } from "./alert-query.js";
export type AlertEvent = HistoryEvent;

/** A line of the list. */
export interface AlertRow {
  id: string;
  /** Grows with time; newer alerts have larger ones. */
  seq: string;
  kind: AlertKind;
  state: AlertState;
  createdAt: Date;
  submissionId: string;
  /** Of the strongest match; null for media that could not be read, or when the case was erased. */
  caseId: string | null;
  caseTitle: string | null;
  platform: string | null;
  uploaderId: string | null;
  /** Of the strongest match, 0-1. */
  confidence: number;
  /** The number that this upload got in the case; 0 when it has none (yet). */
  reuploadNumber: number;
  assignedTo: { id: string; name: string } | null;
  /** Other open alerts about the same file, counted up to a thousand. */
  identical: number;
}

/** A match as it was recorded, with what the page of an alert says of the reference. */
export interface AlertMatch extends Omit<Match, "reference" | "algorithm"> {
  caseTitle: string;
  reference: Pick<ReferenceSummary, "id" | "label" | "kind" | "durationMs">;
}

/** All that the page of one alert says. */
export interface AlertDetail extends AlertRow {
  submission: {
    id: string;
    platform: string | null;
    pageUrl: string | null;
    mediaUrl: string | null;
    uploader: { id: string | null; url: string | null };
    reportedAt: Date | null;
    receivedAt: Date;
    /** Hexadecimal; null when the media could not be read. */
    sha256: string | null;
    kind: MediaKind | null;
    durationMs: number | null;
  };
  verdict: { kind: VerdictKind; reasons: string[]; policyVersion: string; toolVersion: string };
  /** Surest first. */
  matches: AlertMatch[];
  /** Which upload of the case's material this is, dismissed ones not counted; null when it does not count (yet). */
  nthOfCase: number | null;
  /** How many re-uploads this profile of this platform had up to this one; null when the profile is not known. */
  nthOfUploader: number | null;
  takedown: TakedownDetail | null;
  /** Oldest first. */
  events: AlertEvent[];
  /** Other open alerts about the same file, oldest first, at most a thousand. */
  identicalOpen: string[];
  decidedAt: Date | null;
  decidedBy: string | null;
  reason: string | null;
  /** Until when whoever decided may take it back; null when nothing can be. */
  undoableUntil: Date | null;
}

type ListedRow = Omit<AlertRow, "assignedTo"> & { assignedId: string | null; assignedName: string | null };

const toRow = ({ assignedId, assignedName, ...row }: ListedRow): AlertRow => ({
  ...row,
  assignedTo: assignedId === null ? null : { id: assignedId, name: assignedName! },
});

/**
 * A page of alerts, by default of open ones; `next` is the cursor of the page after it. A page of 50 among 100,000
 * takes 40 to 80 ms on two cores that are busy eight-fold, most of it for counting alerts about one file that was uploaded 10,000 times.
 *
 * @throws UsageError when a filter, the cursor or the limit is malformed.
 */
export async function listAlerts(db: Db, filter: AlertFilter, page: AlertPage): Promise<{ alerts: AlertRow[]; next?: string }> {
  const { text, values } = alertListQuery(filter, page);
  const { rows } = await db.query<ListedRow>(text, values);
  const alerts = rows.map(toRow);
  if (alerts.length < page.limit) return { alerts };
  const last = alerts[alerts.length - 1];
  const by = ORDER_COLUMN[page.order]?.column;
  const first = by === "confidence" ? [last.confidence] : by === "reupload_number" ? [last.reuploadNumber] : [];
  return { alerts, next: encodeCursor(`alerts ${page.order}`, [...first, last.seq]) };
}

/** One alert with all that its page says, or undefined. Reading it is for the audit log; whoever shows it writes that. */
export async function readAlert(db: Db, id: string): Promise<AlertDetail | undefined> {
  if (!isUuid(id)) return undefined;
  const { rows } = await db.query<DetailRow>(DETAIL, [id]);
  if (rows.length === 0) return undefined;
  const [matches, counts, events, identicalOpen, takedown] = [
    await matchesOf(db, rows[0].verdictId),
    await countsOf(db, rows[0]),
    await eventsOf(db, id),
    await identicalOf(db, id),
    await readTakedownOf(db, rows[0].submissionId),
  ];
  const { verdictId: _, submission, verdict, reportedAt, receivedAt, decidedAt, decidedBy, reason, ...row } = rows[0];
  const undoable = undoableUntil(standingDecisions(events).at(-1));
  return {
    ...toRow({ ...row, identical: identicalOpen.length }),
    submission: { ...submission, reportedAt, receivedAt },
    ...{ verdict, matches, ...counts, takedown: takedown ?? null, events, identicalOpen },
    ...{ decidedAt, decidedBy, reason, undoableUntil: undoable },
  };
}

type DetailRow = Omit<ListedRow, "identical"> &
  Pick<AlertDetail, "verdict" | "decidedAt" | "decidedBy" | "reason"> & {
    verdictId: string;
    submission: Omit<AlertDetail["submission"], "reportedAt" | "receivedAt">;
    reportedAt: Date | null;
    receivedAt: Date;
  };

const DETAIL = `
  select a.id, a.seq, a.kind, a.state, a.created_at as "createdAt", a.submission_id as "submissionId", a.case_id as "caseId",
         c.title as "caseTitle", s.platform, s.uploader_id as "uploaderId", a.confidence, a.reupload_number as "reuploadNumber",
         a.assigned_to as "assignedId", p.name as "assignedName", a.decided_at as "decidedAt", a.decided_by as "decidedBy", a.reason,
         a.verdict_id as "verdictId", s.reported_at as "reportedAt", s.received_at as "receivedAt",
         jsonb_build_object('id', s.id, 'platform', s.platform, 'pageUrl', s.page_url, 'mediaUrl', s.media_url,
           'uploader', jsonb_build_object('id', s.uploader_id, 'url', s.uploader_url),
           'sha256', encode(s.media_sha256, 'hex'), 'kind', s.kind, 'durationMs', s.duration_ms) as submission,
         jsonb_build_object('kind', v.kind, 'reasons', to_jsonb(v.reasons), 'policyVersion', v.policy_version,
           'toolVersion', v.tool_version) as verdict
  from alert a
  join submission s on s.id = a.submission_id
  join verdict v on v.id = a.verdict_id
  left join "case" c on c.id = a.case_id
  left join account p on p.id = a.assigned_to
  where a.id = $1`;

async function matchesOf(db: Db, verdictId: string): Promise<AlertMatch[]> {
  const { rows } = await db.query<AlertMatch>(
    `select m.case_id as "caseId", c.title as "caseTitle",
            jsonb_build_object('id', r.id, 'label', r.label, 'kind', r.kind, 'durationMs', r.duration_ms) as reference,
            m.verdict, m.confidence, m.transform, m.segments, m.frames_agreeing as "framesAgreeing",
            m.median_distance_bits as "medianDistanceBits", m.coverage_of_reference as "coverageOfReference",
            m.coverage_of_submission as "coverageOfSubmission"
     from match m join reference r on r.id = m.reference_id join "case" c on c.id = m.case_id
     where m.verdict_id = $1
     order by m.verdict = 'match' desc, m.confidence desc, m.frames_agreeing desc, m.id`,
    [verdictId],
  );
  return rows;
}

/** A dismissed upload has no row in `reupload`, so counting rows counts what is left. */
async function countsOf(db: Db, row: DetailRow): Promise<Pick<AlertDetail, "nthOfCase" | "nthOfUploader">> {
  const ofCase = await db.query<{ n: number }>(
    `select (select count(*)::int from reupload r where r.case_id = own.case_id and r.number <= own.number) as n
     from reupload own where own.case_id = $1 and own.submission_id = $2`,
    [row.caseId, row.submissionId],
  );
  const nthOfCase = ofCase.rows[0]?.n ?? null;
  if (row.uploaderId === null) return { nthOfCase, nthOfUploader: null };
  const ofUploader = await db.query<{ n: number }>(
    `select count(*)::int as n from submission s
     where s.uploader_id = $1 and ${row.platform === null ? "s.platform is null and $2::text is null" : "s.platform = $2"}
       and s.seq <= (select seq from submission where id = $3) and exists (select from reupload r where r.submission_id = s.id)`,
    [row.uploaderId, row.platform, row.submissionId],
  );
  return { nthOfCase, nthOfUploader: ofUploader.rows[0].n };
}

async function identicalOf(db: Db, alertId: string): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>(
    `select id from (
       select a2.id, a2.seq from alert a
       join submission s on s.id = a.submission_id
       join submission s2 on s2.media_sha256 = s.media_sha256
       join alert a2 on a2.submission_id = s2.id and a2.state = 'open' and a2.id <> a.id
       where a.id = $1 limit ${MOST_IDENTICAL}
     ) others order by seq`,
    [alertId],
  );
  return rows.map(({ id }) => id);
}

/** How many alerts are in each state. */
export async function alertCounts(db: Db): Promise<Record<AlertState, number>> {
  const { rows } = await db.query<{ state: AlertState; n: number }>("select state, count(*)::int as n from alert group by state");
  const counts = { open: 0, confirmed: 0, dismissed: 0, escalated: 0 };
  for (const { state, n } of rows) counts[state] = n;
  return counts;
}

/** How many alerts this actor has decided since midnight, by the clock of the database; what was undone does not count. */
export async function handledToday(db: Db, actor: string): Promise<number> {
  const { rows } = await db.query<{ n: number }>(
    "select count(*)::int as n from alert where decided_by = $1 and decided_at >= date_trunc('day', now())",
    [actor],
  );
  return rows[0].n;
}
