import type { Pool } from "pg";
import { transaction } from "../platform/database.js";

/** Submissions looked at in one go: 40 ms, and half a second where all of them are forgotten (of 100,000, on a machine at a load of 20). */
const AT_ONCE = 1_000;

/** So often in one call, so that other housekeeping does not wait longer than some seconds when there is much to forget. */
const MOST_TURNS = 20;

/** What a verdict of a forgotten submission says from then on. */
const FORGOTTEN = "what was submitted has been forgotten: its retention ended";

/** A submission `s` that proved innocent, and that look-back has no hashes of any more. */
const FORGETTABLE = `
  s.content <> '{}' and s.scanned_at is not null
  and not exists (select from submission_fingerprint f where f.submission_id = s.id)
  and not exists (select from verdict v where v.submission_id = s.id and v.kind <> 'clear')
  and not exists (select from verdict v join match m on m.verdict_id = v.id where v.submission_id = s.id)
  and not exists (select from alert a where a.submission_id = s.id)
  and not exists (select from takedown t where t.submission_id = s.id)
  and not exists (select from reupload r where r.submission_id = s.id)`;

/** Removes the hashes that look-back may not use any more. Returns of how many submissions. */
export async function removeExpiredFingerprints(pool: Pool): Promise<number> {
  const { rowCount } = await pool.query("delete from submission_fingerprint where expires_at < now()");
  return rowCount ?? 0;
}

/**
 * Makes a function that forgets what was submitted more than `retentionDays` ago, proved clear, and never gave a match, a review or an
 * alert: addresses, uploader, metadata, and the file's SHA-256. What stays is that there was one: its id, the SHA-256 of the job, platform,
 * kind, times and the verdict, so that the same job again gets its first outcome and another one under its id is refused.
 *
 * It goes over old submissions from the oldest on, again and again: a thousand at each call, up to twenty thousand while there are any to
 * forget. So what becomes forgettable later is found as well, without an index that only this needs. It returns how many were forgotten.
 */
export function forgetter(pool: Pool, retentionDays: number): (stopping: AbortSignal) => Promise<number> {
  let after: Position = START;
  return async (stopping) => {
    let forgotten = 0;
    for (let turn = 0; turn < MOST_TURNS && !stopping.aborted; turn++) {
      const old = await oldAfter(pool, after, retentionDays);
      const some = old.length > 0 ? await forget(pool, old) : 0;
      forgotten += some;
      const isEnd = old.length < AT_ONCE;
      after = isEnd ? START : old[old.length - 1];
      if (isEnd || some === 0) break;
    }
    return forgotten;
  };
}

/** `receivedAt` as PostgreSQL writes it: a Date has no microseconds. */
interface Position {
  receivedAt: string;
  seq: string;
}

const START: Position = { receivedAt: "-infinity", seq: "0" };

async function oldAfter(pool: Pool, after: Position, retentionDays: number): Promise<(Position & { id: string })[]> {
  const { rows } = await pool.query<Position & { id: string }>(
    `select id, seq, received_at::text as "receivedAt" from submission
     where (received_at, seq) > ($1::timestamptz, $2::bigint) and received_at < now() - make_interval(days => $3)
     order by received_at, seq limit $4`,
    [after.receivedAt, after.seq, retentionDays, AT_ONCE],
  );
  return rows;
}

async function forget(pool: Pool, old: { id: string }[]): Promise<number> {
  return transaction(pool, async (tx) => {
    const held = await tx.query<{ id: string }>(
      `select s.id from submission s where s.id = any($1::text[]) and ${FORGETTABLE} order by s.id for no key update`,
      [old.map(({ id }) => id)],
    );
    if (held.rows.length === 0) return 0;
    // Asked again: a look-back may have recorded something of one while we waited for it.
    const { rows } = await tx.query<{ id: string }>(
      `update submission s set content = '{}', page_url = null, media_url = null, uploader_id = null, uploader_url = null,
                               reported_at = null, media_sha256 = null, duration_ms = null
       where s.id = any($1::text[]) and ${FORGETTABLE} returning s.id`,
      [held.rows.map(({ id }) => id)],
    );
    await tx.query("update verdict set reasons = array[$2] where submission_id = any($1::text[])", [
      rows.map(({ id }) => id),
      FORGOTTEN,
    ]);
    return rows.length;
  });
}
