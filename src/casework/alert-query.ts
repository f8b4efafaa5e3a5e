import { UsageError } from "../errors.js";
import { isUuid } from "../platform/uuid.js";
import { checkLimit, decodeCursor } from "./cursor.js";

export const ALERT_STATES = ["open", "confirmed", "dismissed", "escalated"] as const;
export type AlertState = (typeof ALERT_STATES)[number];
export const ALERT_KINDS = ["match", "review", "unscannable", "look-back"] as const;
export type AlertKind = (typeof ALERT_KINDS)[number];
export const ALERT_ORDERS = ["newest", "strongest", "repeated"] as const;
export type AlertOrder = (typeof ALERT_ORDERS)[number];

export interface AlertFilter {
  /** Default "open". */
  state?: AlertState | "all";
  kind?: AlertKind;
  caseId?: string;
  platform?: string;
  uploaderId?: string;
  /** An account's id, or "nobody". */
  assignedTo?: string;
  submissionId?: string;
  /** Hexadecimal. */
  mediaSha256?: string;
}

export interface AlertPage {
  order: AlertOrder;
  /** `next` of the page before. */
  after?: string;
  limit: number;
}

/** What each order sorts by before `seq`, newest first among equals. */
export const ORDER_COLUMN: Record<AlertOrder, { column: string; type: string } | undefined> = {
  newest: undefined,
  strongest: { column: "confidence", type: "real" },
  repeated: { column: "reupload_number", type: "integer" },
};

/** Alerts about one file are counted up to this many. */
export const MOST_IDENTICAL = 1_000;

/**
 * The statement behind `listAlerts`. Strongest and most repeated alerts are in order within their state: each state is read from its index
 * and cut at the limit, and the pieces are merged. So a page of all states costs four short index scans, and never a sort of all alerts.
 *
 * @throws UsageError when a filter, the cursor or the limit is malformed.
 */
export function alertListQuery(filter: AlertFilter, page: AlertPage): { text: string; values: unknown[] } {
  checkLimit(page.limit);
  const values: unknown[] = [];
  const value = (v: unknown) => `$${values.push(v)}`;
  const by = ORDER_COLUMN[page.order];
  const conditions = conditionsOf(filter, value);
  if (page.after !== undefined) conditions.push(afterCursor(page.order, page.after, value));
  const limit = value(page.limit);
  const sorted = (table: string) => `order by ${by ? `${table}.${by.column} desc, ` : ""}${table}.seq desc limit ${limit}`;
  const join = conditions.some((c) => c.startsWith("s.")) ? "join submission s on s.id = a.submission_id" : "";
  const pieces = statesOf(filter, by !== undefined).map((state) => {
    const where = ["true", ...(state ? [`a.state = ${value(state)}`] : []), ...conditions].join(" and ");
    return `(select a.* from alert a ${join} where ${where} ${sorted("a")})`;
  });
  const text = `
    with page as (
      select * from (${pieces.join(" union all ")}) a
      ${sorted("a")}
    ), line as (
      -- With its limit each line is looked up by key, however small the table.
      select page.*, s.* from page cross join lateral (
        select s.platform, s.uploader_id, s.media_sha256 from submission s where s.id = page.submission_id limit 1
      ) s
    ), same as (
      -- Once for each file, not for each line: a page may be all about one.
      select file.media_sha256, counted.open from (
        select distinct media_sha256 from line where media_sha256 is not null
      ) file cross join lateral (
        select count(*)::int as open from (
          select 1 from submission s join alert a on a.submission_id = s.id and a.state = 'open'
          where s.media_sha256 = file.media_sha256 limit ${MOST_IDENTICAL}
        ) one
      ) counted
    )
    select a.id, a.seq, a.kind, a.state, a.created_at as "createdAt", a.submission_id as "submissionId", a.case_id as "caseId",
           c.title as "caseTitle", a.platform, a.uploader_id as "uploaderId", a.confidence, a.reupload_number as "reuploadNumber",
           a.assigned_to as "assignedId", p.name as "assignedName",
           greatest(coalesce(same.open, 0) - (a.state = 'open')::int, 0) as identical
    from line a
    left join "case" c on c.id = a.case_id
    left join account p on p.id = a.assigned_to
    left join same on same.media_sha256 = a.media_sha256
    ${sorted("a")}`;
  return { text, values };
}

/** Undefined: all of them, which have one order by age. */
function statesOf({ state = "open" }: AlertFilter, isPerState: boolean): (AlertState | undefined)[] {
  if (state !== "all") return [state];
  return isPerState ? [...ALERT_STATES] : [undefined];
}

function conditionsOf(filter: AlertFilter, value: (v: unknown) => string): string[] {
  const conditions: string[] = [];
  if (filter.kind !== undefined) conditions.push(`a.kind = ${value(filter.kind)}`);
  if (filter.caseId !== undefined) conditions.push(`a.case_id = ${value(filter.caseId)}`);
  if (filter.submissionId !== undefined) conditions.push(`a.submission_id = ${value(filter.submissionId)}`);
  if (filter.platform !== undefined) conditions.push(`s.platform = ${value(filter.platform)}`);
  if (filter.uploaderId !== undefined) conditions.push(`s.uploader_id = ${value(filter.uploaderId)}`);
  if (filter.assignedTo === "nobody") conditions.push("a.assigned_to is null");
  else if (filter.assignedTo !== undefined) {
    if (!isUuid(filter.assignedTo)) throw new UsageError('assignedTo: must be the id of an account, or "nobody"');
    conditions.push(`a.assigned_to = ${value(filter.assignedTo)}`);
  }
  if (filter.mediaSha256 !== undefined) {
    if (!/^[0-9a-f]{64}$/i.test(filter.mediaSha256)) throw new UsageError("mediaSha256: must be 64 hexadecimal digits");
    conditions.push(`s.media_sha256 = ${value(Buffer.from(filter.mediaSha256, "hex"))}`);
  }
  return conditions;
}

function afterCursor(order: AlertOrder, cursor: string, value: (v: unknown) => string): string {
  const by = ORDER_COLUMN[order];
  const parts = decodeCursor(`alerts ${order}`, cursor, by ? 2 : 1);
  if (parts.some((part) => !Number.isFinite(Number(part)))) throw new UsageError("after: is not a cursor of this list");
  const seq = `${value(parts.at(-1))}::bigint`;
  return by ? `(a.${by.column}, a.seq) < (${value(parts[0])}::${by.type}, ${seq})` : `a.seq < ${seq}`;
}
