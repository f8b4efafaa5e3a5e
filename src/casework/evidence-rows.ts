import type { PoolClient } from "pg";
import type { Content } from "./evidence-chain.js";

/** Re-uploads read at a time: some 1,500 bytes each. */
const PAGE = 500;

/** SQL: a time as ISO 8601 in UTC with microseconds, which a Date would lose. */
const iso = (time: string) => `to_char(${time} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

/** The case itself; undefined when there is none. */
export async function caseContent(tx: PoolClient, caseId: string): Promise<Content | undefined> {
  const { rows } = await tx.query<{ content: Content }>(
    `select jsonb_build_object('id', id, 'title', title, 'class', class, 'legalBasis', legal_basis, 'createdAt', ${iso("created_at")},
              'closedAt', ${iso("closed_at")}, 'retainUntil', ${iso("retain_until")}, 'mergedInto', merged_into,
              'mergedFrom', (select coalesce(jsonb_agg(m.id order by m.id), '[]') from "case" m where m.merged_into = c.id),
              'uploads', (select count(*) from reupload where case_id = c.id)) as content
     from "case" c where id = $1`,
    [caseId],
  );
  return rows[0]?.content;
}

/** The policies that decided about the case's re-uploads, oldest first: the numbers behind the verdicts. */
export async function policyContents(tx: PoolClient, caseId: string): Promise<Content[]> {
  const { rows } = await tx.query<{ content: Content }>(
    `select jsonb_build_object('version', p.version, 'content', p.content, 'firstUsedAt', ${iso("p.first_used_at")}) as content
     from policy p
     where p.version in (
       select v.policy_version from reupload u join verdict v on v.submission_id = u.submission_id where u.case_id = $1)
     order by p.first_used_at, p.version`,
    [caseId],
  );
  return rows.map((row) => row.content);
}

/** The case's known material, oldest first, retired material too: earlier matches are with it. Of stills with their PDQ hashes. */
export async function knownContents(tx: PoolClient, caseId: string): Promise<Content[]> {
  const { rows } = await tx.query<{ content: Content }>(
    `select jsonb_build_object('id', r.id, 'label', r.label, 'kind', r.kind, 'durationMs', r.duration_ms, 'sha256', encode(r.sha256, 'hex'),
              'algorithm', r.algorithm, 'fingerprints', r.fingerprint_count, 'provenance', r.provenance, 'listEntry', r.list_entry,
              'learnedFrom', r.learned_from, 'class', r.class, 'legalBasis', r.legal_basis, 'retainUntil', ${iso("r.retain_until")},
              'registeredAt', ${iso("r.created_at")}, 'retiredAt', ${iso("r.retired_at")},
              'pdq', case when r.kind = 'image' then (
                select coalesce(jsonb_agg(jsonb_build_object('variant', f.variant, 'quality', f.quality,
                         'hash', encode(substring(bit_send(f.pdq) from 5), 'hex')) order by f.id), '[]')
                from reference_fingerprint f where f.reference_id = r.id) end) as content
     from reference r where r.case_id = $1 order by r.seq`,
    [caseId],
  );
  return rows.map((row) => row.content);
}

/** The case's re-uploads in order of their numbers, a page at a time, each with its verdicts, alerts and takedown. */
export async function* uploadContents(tx: PoolClient, caseId: string): AsyncGenerator<Content[]> {
  for (let after = 0; ; ) {
    const { rows } = await tx.query<{ number: number; content: Content }>(
      `select u.number, jsonb_build_object('number', u.number, 'submissionId', s.id, 'sha256', encode(s.media_sha256, 'hex'), 'kind', s.kind,
                'durationMs', s.duration_ms, 'mediaUrl', s.media_url, 'pageUrl', s.page_url, 'platform', s.platform,
                'uploader', jsonb_build_object('id', s.uploader_id, 'url', s.uploader_url), 'reportedAt', ${iso("s.reported_at")},
                'receivedAt', ${iso("s.received_at")}, 'scannedAt', ${iso("s.scanned_at")},
                'verdicts', ${VERDICTS}, 'alerts', ${ALERTS}, 'takedown', ${TAKEDOWN}) as content
       from reupload u join submission s on s.id = u.submission_id
       where u.case_id = $1 and u.number > $2
       order by u.number limit $3`,
      [caseId, after, PAGE],
    );
    yield rows.map((row) => row.content);
    if (rows.length < PAGE) return;
    after = rows[rows.length - 1].number;
  }
}

/** Those with matches of this case, and of them those matches only: another case's are not for this one's readers. */
const VERDICTS = `(
  select coalesce(jsonb_agg(jsonb_build_object('origin', v.origin, 'kind', v.kind, 'decidedAt', ${iso("v.created_at")},
           'policyVersion', v.policy_version, 'toolVersion', v.tool_version, 'matches', m.matches) order by v.created_at, v.id), '[]')
  from verdict v cross join lateral (
    select jsonb_agg(jsonb_build_object('referenceId', m.reference_id, 'verdict', m.verdict, 'confidence', m.confidence,
             'transform', m.transform, 'segments', m.segments, 'framesAgreeing', m.frames_agreeing,
             'medianDistanceBits', m.median_distance_bits, 'coverageOfReference', m.coverage_of_reference,
             'coverageOfSubmission', m.coverage_of_submission) order by m.confidence desc, m.id) as matches
    from match m where m.verdict_id = v.id and m.case_id = u.case_id
  ) m
  where v.submission_id = s.id and m.matches is not null)`;

const ALERTS = `(
  select coalesce(jsonb_agg(jsonb_build_object('id', a.id, 'kind', a.kind, 'state', a.state, 'raisedAt', ${iso("a.created_at")},
           'decidedAt', ${iso("a.decided_at")}, 'decidedBy', a.decided_by) order by a.seq), '[]')
  from alert a
  where a.submission_id = s.id and exists (select from match m where m.verdict_id = a.verdict_id and m.case_id = u.case_id))`;

const TAKEDOWN = `(
  select jsonb_build_object('id', t.id, 'state', t.state, 'attempt', t.attempt, 'requestedAt', ${iso("t.created_at")},
           'deadlineAt', ${iso("t.deadline_at")}, 'events', (
             select coalesce(jsonb_agg(jsonb_build_object('attempt', e.attempt, 'state', e.state, 'by', e.actor, 'detail', e.detail,
                      'at', ${iso("e.created_at")}) order by e.id), '[]')
             from takedown_event e where e.takedown_id = t.id))
  from takedown t where t.submission_id = s.id)`;
