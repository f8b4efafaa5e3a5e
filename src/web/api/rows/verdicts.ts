import type { AlertMatch } from "../../../casework/alerts.js";
import type { VerdictKind } from "../../../model.js";
import type { Db } from "../../../platform/database.js";

/** A match as it was recorded. */
export type RecordedMatch = Omit<AlertMatch, "caseTitle">;

export interface RecordedVerdict {
  id: string;
  submissionId: string;
  origin: "scan" | "look-back";
  kind: VerdictKind;
  reasons: string[];
  policyVersion: string;
  toolVersion: string;
  createdAt: Date;
  matches: RecordedMatch[];
}

export interface VerdictFilter {
  id?: string;
  submissionId?: string;
  kind?: VerdictKind;
  origin?: "scan" | "look-back";
  caseId?: string;
}

/** Verdicts with their matches, newest first; the strongest match first. */
export async function listVerdicts(
  db: Db,
  filter: VerdictFilter,
  page: { after?: string; limit: number },
): Promise<{ rows: RecordedVerdict[]; next?: string }> {
  const [afterAt, afterId] = page.after?.split(" ") ?? [];
  const { rows } = await db.query<RecordedVerdict & { at: string }>(
    `select v.id, v.submission_id as "submissionId", v.origin, v.kind, v.reasons, v.policy_version as "policyVersion",
            v.tool_version as "toolVersion", v.created_at as "createdAt", (extract(epoch from v.created_at) * 1000000)::bigint as at,
            coalesce((
              select jsonb_agg(jsonb_build_object(
                'caseId', m.case_id, 'verdict', m.verdict, 'confidence', m.confidence, 'transform', m.transform, 'segments', m.segments,
                'reference', jsonb_build_object('id', r.id, 'label', r.label, 'kind', r.kind, 'durationMs', r.duration_ms),
                'framesAgreeing', m.frames_agreeing, 'medianDistanceBits', m.median_distance_bits,
                'coverageOfReference', m.coverage_of_reference, 'coverageOfSubmission', m.coverage_of_submission
              ) order by m.confidence desc, m.id)
              from match m join reference r on r.id = m.reference_id where m.verdict_id = v.id
            ), '[]') as matches
     from verdict v
     where ($1::uuid is null or v.id = $1) and ($2::text is null or v.submission_id = $2) and ($3::text is null or v.kind = $3)
       and ($4::text is null or v.origin = $4)
       and ($5::text is null or exists (select from match m where m.verdict_id = v.id and m.case_id = $5))
       and ($6::bigint is null or (v.created_at, v.id) < (timestamptz 'epoch' + $6::bigint * interval '1 microsecond', $7::uuid))
     order by v.created_at desc, v.id desc limit $8`,
    [
      filter.id ?? null,
      filter.submissionId ?? null,
      filter.kind ?? null,
      filter.origin ?? null,
      filter.caseId ?? null,
      afterAt ?? null,
      afterId ?? null,
      page.limit + 1,
    ],
  );
  const shown = rows.slice(0, page.limit);
  const last = shown.at(-1);
  return {
    rows: shown.map(({ at: _, ...row }) => row),
    next: rows.length > page.limit && last ? `${last.at} ${last.id}` : undefined,
  };
}
