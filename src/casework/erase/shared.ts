import type { PoolClient } from "pg";
import { type Restated, restateVerdicts } from "./reasons.js";
import { hangingOn } from "./submissions.js";

/** A takedown that goes on for another case, and its request as it is now. */
export interface Repointed {
  takedownId: string;
  request: Record<string, unknown>;
}

/** The surest match of a submission that is not of the cases that go; `sure` is SQL that says which matches will do. */
const bestOf = (submission: string, sure: string) => `
  select m.*, v.policy_version, v.tool_version, coalesce(u.number, 0) as number
  from match m join verdict v on v.id = m.verdict_id left join reupload u on u.case_id = m.case_id and u.submission_id = v.submission_id
  where v.submission_id = ${submission} and m.case_id <> all($2::text[]) and ${sure}
  order by m.verdict, m.confidence desc, m.id limit 1`;

/**
 * Takes cases that are about to go out of submissions that other cases have as well: their matches, what verdicts and alerts say of them,
 * what people noted on those alerts. A takedown goes on for the other case when its match is as sure. Returns what becomes of takedowns and of what alerts say.
 */
export async function leaveSharedSubmissions(
  tx: PoolClient,
  submissionIds: string[],
  caseIds: string[],
): Promise<{ repointed: Repointed[]; restated: Restated[]; withdrawn: string[] }> {
  const { rows: verdicts } = await tx.query<{ id: string }>(
    `select distinct v.id from verdict v join match m on m.verdict_id = v.id
     where v.submission_id = any($1::text[]) and m.case_id = any($2::text[])`,
    [submissionIds, caseIds],
  );
  const verdictIds = verdicts.map(({ id }) => id);
  const { rows: repointed } = await tx.query<Repointed>(
    `update takedown t set case_id = best.case_id, updated_at = now(), request = t.request || jsonb_build_object('case', best.case_id,
        'reuploadNumber', best.number, 'evidence', (t.request -> 'evidence') || jsonb_build_object('spans', best.segments,
        'distances', jsonb_build_object('medianBits', best.median_distance_bits, 'framesAgreeing', best.frames_agreeing),
        'policyVersion', best.policy_version, 'toolVersion', best.tool_version))
     from takedown own cross join lateral (${bestOf("own.submission_id", "m.verdict = 'match'")}) best
     where own.id = t.id and t.submission_id = any($1::text[]) and t.case_id = any($2::text[])
     returning t.id as "takedownId", t.request`,
    [submissionIds, caseIds],
  );
  await tx.query("update takedown_event set detail = '' where takedown_id = any($1::uuid[])", [
    repointed.map((takedown) => takedown.takedownId),
  ]);
  const { rows: withdrawn } = await tx.query<{ id: string; unfinished: boolean }>(
    `delete from takedown where submission_id = any($1::text[]) and case_id = any($2::text[])
     returning id, state in ('queued', 'sent', 'acknowledged') as unfinished`,
    [submissionIds, caseIds],
  );
  await tx.query("delete from match where verdict_id = any($1::uuid[]) and case_id = any($2::text[])", [verdictIds, caseIds]);
  await leaveAlerts(tx, verdictIds, caseIds);
  const restated = await restateVerdicts(tx, verdictIds);
  await leaveMessages(tx, repointed, caseIds);
  return { repointed, restated, withdrawn: withdrawn.filter((takedown) => takedown.unfinished).map(({ id }) => id) };
}

/** An alert without a match is about nothing; another one is about the surest match that is left. */
async function leaveAlerts(tx: PoolClient, verdictIds: string[], caseIds: string[]): Promise<void> {
  await tx.query(
    `delete from alert a where verdict_id = any($1::uuid[]) and not exists (select from match m where m.verdict_id = a.verdict_id)`,
    [verdictIds],
  );
  await tx.query(
    `update alert a set case_id = best.case_id, confidence = best.confidence, reupload_number = best.number, reason = null,
                        kind = case when a.kind in ('match', 'review') then best.verdict else a.kind end
     from alert own cross join lateral (${bestOf("own.submission_id", "m.verdict_id = own.verdict_id")}) best
     where own.id = a.id and a.verdict_id = any($1::uuid[])`,
    [verdictIds, caseIds],
  );
  await tx.query(
    `update alert_event set detail = '{}' where alert_id in (select id from alert where verdict_id = any($1::uuid[]))`,
    [verdictIds],
  );
}

/** Messages to come say how it is now; delivered ones are kept for nothing but their ids. */
async function leaveMessages(tx: PoolClient, repointed: Repointed[], caseIds: string[]): Promise<void> {
  await tx.query(
    `update outbox o set payload = n.request from jsonb_to_recordset($1::jsonb) as n ("takedownId" text, request jsonb)
     where o.payload ->> 'takedownId' = n."takedownId" and o.name = 'takedown'`,
    [JSON.stringify(repointed)],
  );
  await tx.query(
    `update outbox set payload = jsonb_set(payload, '{cases}', (payload -> 'cases') - $1::text[]) where payload -> 'cases' ?| $1::text[]`,
    [caseIds],
  );
}

/** The submissions of cases: those that are theirs alone, and those that other cases have as well. */
export async function submissionsOf(tx: PoolClient, caseIds: string[]): Promise<{ own: string[]; shared: string[] }> {
  const { rows } = await tx.query<{ id: string; shared: boolean }>(
    `select id, exists (
         select from match m join verdict v on v.id = m.verdict_id where v.submission_id = of.id and m.case_id <> all($1::text[])
         union all select from reupload u where u.submission_id = of.id and u.case_id <> all($1::text[])) as shared
     from (
       select v.submission_id as id from match m join verdict v on v.id = m.verdict_id where m.case_id = any($1::text[])
       union select submission_id from reupload where case_id = any($1::text[])
       union select submission_id from takedown where case_id = any($1::text[])
       union select submission_id from alert where case_id = any($1::text[])
     ) of order by id`,
    [caseIds],
  );
  return { own: rows.filter((r) => !r.shared).map((r) => r.id), shared: rows.filter((r) => r.shared).map((r) => r.id) };
}

/** The alerts of shared submissions that will go with the cases' matches: their queue messages must go as well. */
export async function alertsThatGo(tx: PoolClient, shared: string[], caseIds: string[]): Promise<string[]> {
  const { alertIds } = await hangingOn(tx, shared);
  const { rows } = await tx.query<{ id: string }>(
    `select a.id from alert a where a.id = any($1::uuid[]) and exists (select from match m where m.verdict_id = a.verdict_id)
       and not exists (select from match m where m.verdict_id = a.verdict_id and m.case_id <> all($2::text[]))`,
    [alertIds, caseIds],
  );
  return rows.map(({ id }) => id);
}
