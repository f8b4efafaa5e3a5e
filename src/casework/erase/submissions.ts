import { randomUUID } from "node:crypto";
import type { PoolClient } from "pg";

export interface ErasedSubmissions {
  submissions: number;
  alerts: number;
  takedowns: number;
}

/** What hangs on submissions. `unfinished` takedowns are still asked for. */
export interface Hanging {
  alertIds: string[];
  takedownIds: string[];
  unfinished: string[];
}

export async function hangingOn(tx: PoolClient, submissionIds: string[]): Promise<Hanging> {
  const { rows } = await tx.query<Hanging>(
    `select array(select id::text from alert where submission_id = any($1::text[])) as "alertIds",
            array(select id::text from takedown where submission_id = any($1::text[])) as "takedownIds",
            array(select id::text from takedown where submission_id = any($1::text[]) and state in ('queued', 'sent', 'acknowledged')) as unfinished`,
    [submissionIds],
  );
  return rows[0];
}

/** Removes submissions with everything that hangs on them; dismissals of their files too, unless another submission has the file. */
export async function deleteSubmissions(tx: PoolClient, ids: string[]): Promise<void> {
  await forgetDismissals(tx, ids);
  await tx.query("delete from submission where id = any($1::text[])", [ids]);
}

async function forgetDismissals(tx: PoolClient, submissionIds: string[]): Promise<void> {
  await tx.query(
    `delete from dismissal d using submission s
     where s.id = any($1::text[]) and d.media_sha256 = s.media_sha256
       and not exists (select from submission o where o.media_sha256 = s.media_sha256 and o.id <> all($1::text[]))`,
    [submissionIds],
  );
}

/**
 * Puts in the place of each submission one of which nothing is known but that there was one: its platform, its kind, the day it was
 * received. Its verdicts keep their kinds and matches, its takedown the dates and the state, so that the numbers of the case and of the
 * platform stay as they are. Alerts, with all that was noted there, go.
 */
export async function makeNameless(tx: PoolClient, ids: string[]): Promise<void> {
  const names = ids.map(() => `erased-${randomUUID()}`);
  await forgetDismissals(tx, ids);
  await tx.query("delete from alert where submission_id = any($1::text[])", [ids]);
  await tx.query(
    `insert into submission (id, content_sha256, content, platform, kind, received_at, scanned_at)
     select n.name, sha256(convert_to(n.name, 'UTF8')), '{}', s.platform, s.kind, day.it, day.it
     from unnest($1::text[], $2::text[]) as n (old, name) join submission s on s.id = n.old,
          lateral (select date_trunc('day', s.received_at at time zone 'UTC') at time zone 'UTC' as it) day`,
    [ids, names],
  );
  const moved = "from unnest($1::text[], $2::text[]) as n (old, name) where submission_id = n.old";
  await tx.query(`update reupload set submission_id = n.name ${moved}`, [ids, names]);
  await tx.query(`update verdict set submission_id = n.name, reasons = array['erased'] ${moved}`, [ids, names]);
  await tx.query(
    `update takedown_event set detail = '' where takedown_id in (select id from takedown where submission_id = any($1::text[]))`,
    [ids],
  );
  await tx.query(
    `update takedown set submission_id = n.name, recheck_at = null, updated_at = now(),
                         state = case when state in ('queued', 'sent', 'acknowledged') then 'withdrawn' else state end,
                         request = ${NAMELESS_REQUEST} ${moved}`,
    [ids, names],
  );
  await tx.query("delete from submission where id = any($1::text[])", [ids]);
}

/** Only what is known to be about the match, and not about who put it where. */
const NAMELESS_REQUEST = `jsonb_build_object('takedownId', id, 'submissionId', n.name, 'case', case_id, 'platform', request -> 'platform',
  'pageUrl', null, 'mediaUrl', null, 'uploader', null, 'reuploadNumber', request -> 'reuploadNumber', 'attempt', attempt,
  'evidence', jsonb_build_object('sha256', null, 'algorithm', request #> '{evidence,algorithm}', 'spans', request #> '{evidence,spans}',
    'distances', request #> '{evidence,distances}', 'policyVersion', request #> '{evidence,policyVersion}',
    'toolVersion', request #> '{evidence,toolVersion}'))`;
