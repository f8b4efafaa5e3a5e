import type { PoolClient } from "pg";

export interface Moved {
  references: number;
  /** Of them, those that the other case had as well: retired. */
  duplicates: number;
  uploads: number;
  takedowns: number;
}

/**
 * Everything that {@link mergeCases} moves, in a transaction that holds the index lock and both cases' rows. Queue messages that are not
 * delivered yet name the case by its new id; what was delivered names the pointer.
 */
export async function moveAll(tx: PoolClient, from: string, into: string): Promise<Moved> {
  // Numbers that only move are no news (see 008_notifications.sql).
  await tx.query("select set_config('reupload.quiet', 'on', true)");
  const duplicates = await retireDuplicates(tx, from, into);
  const references = await moveReferences(tx, from, into);
  await tx.query("update match set case_id = $2 where case_id = $1", [from, into]);
  const takedowns = await moveTakedowns(tx, from, into);
  const uploads = await moveUploads(tx, from, into);
  await renumberAlerts(tx, from, into);
  await leavePointer(tx, from, into);
  return { references, duplicates, uploads, takedowns };
}

/** The same file in both: the other case's stays active, and knows what was dismissed for this one. Its earlier matches stay with it. */
async function retireDuplicates(tx: PoolClient, from: string, into: string): Promise<number> {
  const { rows } = await tx.query<{ leaving: string; staying: string }>(
    `select l.id as leaving, s.id as staying from reference l
     join reference s on s.case_id = $2 and s.sha256 = l.sha256 and s.algorithm = l.algorithm and s.retired_at is null
     where l.case_id = $1 and l.retired_at is null`,
    [from, into],
  );
  const leaving = rows.map((row) => row.leaving);
  await tx.query(
    `insert into dismissal (reference_id, media_sha256, alert_id, actor, reason, created_at)
     select pair.staying, d.media_sha256, d.alert_id, d.actor, d.reason, d.created_at
     from unnest($1::uuid[], $2::uuid[]) as pair (leaving, staying) join dismissal d on d.reference_id = pair.leaving
     on conflict do nothing`,
    [leaving, rows.map((row) => row.staying)],
  );
  await tx.query("update reference set retired_at = now(), look_back_views = null where id = any($1::uuid[])", [leaving]);
  await tx.query("delete from reference_patch where reference_id = any($1::uuid[])", [leaving]);
  return rows.length;
}

async function moveReferences(tx: PoolClient, from: string, into: string): Promise<number> {
  const { rows } = await tx.query<{ id: string }>(
    `update reference r set case_id = $2, class = coalesce(r.class, c.class),
                            legal_basis = case when r.legal_basis = '' then c.legal_basis else r.legal_basis end,
                            retain_until = coalesce(r.retain_until, c.retain_until)
     from "case" c where c.id = $1 and r.case_id = c.id
     returning r.id`,
    [from, into],
  );
  await noteReferenceChanges(
    tx,
    rows.map(({ id }) => id),
  );
  return rows.length;
}

async function moveTakedowns(tx: PoolClient, from: string, into: string): Promise<number> {
  const { rowCount } = await tx.query(
    `update takedown set case_id = $2, request = jsonb_set(request, '{case}', to_jsonb($2::text)) where case_id = $1`,
    [from, into],
  );
  await tx.query(
    `update outbox set payload = jsonb_set(payload, '{case}', to_jsonb($2::text)) where delivered_at is null and payload ->> 'case' = $1`,
    [from, into],
  );
  await tx.query(
    `update outbox set payload = jsonb_set(payload, '{cases}', (
       select jsonb_agg(distinct case when named = $1 then $2 else named end) from jsonb_array_elements_text(payload -> 'cases') as named))
     where delivered_at is null and payload -> 'cases' ? $1`,
    [from, into],
  );
  return rowCount ?? 0;
}

/**
 * A submission that both counted counts once. (case, number) is unique at every statement, so all numbers are first taken out of the way,
 * below zero.
 */
async function moveUploads(tx: PoolClient, from: string, into: string): Promise<number> {
  await tx.query(
    `delete from reupload f using reupload i where f.case_id = $1 and i.case_id = $2 and i.submission_id = f.submission_id`,
    [from, into],
  );
  await tx.query("update reupload set number = -number where case_id = $1", [into]);
  const { rowCount } = await tx.query(
    `update reupload set case_id = $2, number = -number - (select coalesce(max(-number), 0) from reupload where case_id = $2)
     where case_id = $1`,
    [from, into],
  );
  await renumber(tx, into);
  return rowCount ?? 0;
}

/** Numbers a case's re-uploads from 1 in the order in which they were received. All must be below zero, or the order be the same already. */
async function renumber(tx: PoolClient, caseId: string): Promise<void> {
  await tx.query(
    `update reupload u set number = ordered.number
     from (
       select r.submission_id, row_number() over (order by s.received_at, s.seq)::int as number
       from reupload r join submission s on s.id = r.submission_id where r.case_id = $1
     ) ordered
     where u.case_id = $1 and u.submission_id = ordered.submission_id`,
    [caseId],
  );
  await tx.query(
    `update "case" set upload_count = (select count(*) from reupload where case_id = $1), updated_at = now() where id = $1`,
    [caseId],
  );
}

async function renumberAlerts(tx: PoolClient, from: string, into: string): Promise<void> {
  await tx.query("update alert set case_id = $2 where case_id = $1", [from, into]);
  await tx.query(
    `update alert a set reupload_number = u.number
     from reupload u
     where a.case_id = $1 and u.case_id = $1 and u.submission_id = a.submission_id and a.reupload_number <> u.number`,
    [into],
  );
  await tx.query(
    `update takedown t set request = jsonb_set(t.request, '{reuploadNumber}', to_jsonb(u.number))
     from reupload u where t.case_id = $1 and u.case_id = $1 and u.submission_id = t.submission_id`,
    [into],
  );
}

/** Pointers that pointed here point on, so that one step always leads to where everything is. */
async function leavePointer(tx: PoolClient, from: string, into: string): Promise<void> {
  await tx.query(
    `update "case" set merged_into = $2, closed_at = coalesce(closed_at, now()), upload_count = 0, updated_at = now() where id = $1`,
    [from, into],
  );
  await tx.query(`update "case" set merged_into = $2 where merged_into = $1`, [from, into]);
}

/** Makes a scan that looked these references up before now look again before it records what it found. */
async function noteReferenceChanges(tx: PoolClient, referenceIds: string[]): Promise<void> {
  await tx.query("insert into reference_change (reference_id) select unnest($1::uuid[])", [referenceIds]);
}
