import type { VerdictKind } from "../../../model.js";
import type { Db } from "../../../platform/database.js";

export interface SubmissionRow {
  platform: string | null;
  pageUrl: string | null;
  uploader: { id: string | null; url: string | null };
  sha256: string | null;
  kind: "image" | "video" | null;
  durationMs: number | null;
  reportedAt: Date | null;
  receivedAt: Date;
}

/** What was submitted, or undefined before it is scanned. The media's address is not given out: it is of no use to who sent it. */
export async function readSubmissionRow(db: Db, submissionId: string): Promise<SubmissionRow | undefined> {
  const { rows } = await db.query<SubmissionRow & { durationMs: string | null }>(
    `select platform, page_url as "pageUrl", jsonb_build_object('id', uploader_id, 'url', uploader_url) as uploader,
            encode(media_sha256, 'hex') as sha256, kind, duration_ms as "durationMs", reported_at as "reportedAt", received_at as "receivedAt"
     from submission where id = $1`,
    [submissionId],
  );
  return rows.map((row) => ({ ...row, durationMs: row.durationMs === null ? null : Number(row.durationMs) }))[0];
}

export interface ListedSubmission {
  submissionId: string;
  platform: string | null;
  pageUrl: string | null;
  uploaderId: string | null;
  kind: "image" | "video" | null;
  verdict: VerdictKind | null;
  receivedAt: Date;
}

export interface SubmissionFilter {
  platform?: string;
  uploaderId?: string;
  verdict?: VerdictKind;
}

/** Scanned submissions, newest first. `verdict` is the scan's. */
export async function listSubmissions(
  db: Db,
  filter: SubmissionFilter,
  page: { after?: string; limit: number },
): Promise<{ rows: ListedSubmission[]; next?: string }> {
  const { rows } = await db.query<ListedSubmission & { seq: string }>(
    `select s.seq, s.id as "submissionId", s.platform, s.page_url as "pageUrl", s.uploader_id as "uploaderId", s.kind, v.kind as verdict,
            s.received_at as "receivedAt"
     from submission s left join verdict v on v.submission_id = s.id and v.origin = 'scan'
     where ($1::bigint is null or s.seq < $1) and ($2::text is null or s.platform = $2) and ($3::text is null or s.uploader_id = $3)
       and ($4::text is null or v.kind = $4)
     order by s.seq desc limit $5`,
    [page.after ?? null, filter.platform ?? null, filter.uploaderId ?? null, filter.verdict ?? null, page.limit + 1],
  );
  const shown = rows.slice(0, page.limit);
  return { rows: shown, next: rows.length > page.limit ? shown[shown.length - 1].seq : undefined };
}

/** Why a submission's job was set aside, or undefined if it was not. */
export async function readParked(db: Db, submissionId: string): Promise<{ field: string | null; reason: string } | undefined> {
  const { rows } = await db.query<{ field: string | null; reason: string }>(
    "select field, reason from parked_job where submission_id = $1 order by id desc limit 1",
    [submissionId],
  );
  return rows[0];
}
