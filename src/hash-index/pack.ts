import type { Pool } from "pg";
import { type Db, transaction } from "../platform/database.js";
import { bitColumns, eachBit, keyOf, neighboursOf, POSTINGS_A_ROW } from "./posting-rows.js";

/** Keys of reference_posting: 16 bands of 65,536 values. */
const KEYS = 16 * 65_536;

/** So many rows of one posting make a key worth packing. */
const CROWDED = 4;

/** Keys packed in one statement: well below a second's work at 10 million fingerprints. */
const KEYS_AT_ONCE = 2_048;

/** Keys looked at in one call of {@link packSome}: all of them in 16 calls. */
const KEYS_A_CALL = KEYS / 16;

/** Fingerprints whose postings are written in one transaction. */
const POSTED_AT_ONCE = 2_000;

/** So many fingerprints without postings are left to the next {@link packSome}: comparing with them takes a lookup a millisecond. */
const MOST_YOUNG = 4_000;

let nextKey = 0;

/** Writes the postings that are waited for, and packs the next sixteenth of the keys: to be called now and then by some process. */
export async function packSome(pool: Pool): Promise<void> {
  await postYoung(pool);
  const from = nextKey;
  nextKey = (nextKey + KEYS_A_CALL) % KEYS;
  for (let key = from; key < from + KEYS_A_CALL; key += KEYS_AT_ONCE) await packKeys(pool, key, key + KEYS_AT_ONCE);
}

/**
 * Writes the postings of all fingerprints that have none, and returns of how many. When there are none it costs one look at the end of an
 * index, so a process may ask every few seconds: until then each lookup compares with them one by one.
 */
export async function postYoung(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ waiting: boolean }>(
    `select coalesce((select max(id) from reference_fingerprint) > (select fingerprint_id from posted_until), false) as waiting`,
  );
  let posted = 0;
  for (let more = rows[0].waiting; more; ) {
    const written = await transaction(pool, postSome);
    posted += written;
    more = written === POSTED_AT_ONCE;
  }
  return posted;
}

/** Leaves no more than {@link MOST_YOUNG} of the `young` fingerprints without postings, unless another process writes some at this moment. */
export async function postWhenCrowded(pool: Pool, young: number): Promise<void> {
  if (young > MOST_YOUNG) await postYoung(pool);
}

/**
 * Ids grow in the order of commits (see the lock in the migration), so nothing with a lower id can appear after those that are seen
 * here. The row's lock lets one process at a time do this; the others leave it to that one.
 */
async function postSome(tx: Db): Promise<number> {
  const { rows } = await tx.query<{ until: string }>("select fingerprint_id as until from posted_until for update skip locked");
  if (rows.length === 0) return 0;
  const posted = await tx.query<{ n: number }>(
    `with young as materialized (
       select id, pdq from reference_fingerprint where id > $1 order by id limit $2
     ), posting as (
       insert into reference_posting (fingerprint_id, key, neighbours)
       select id, ${keyOf("pdq")} as key, ${neighboursOf("pdq")} from young, generate_series(0, 15) as b order by key
     ), moved as (
       update posted_until set fingerprint_id = (select max(id) from young) where exists (select from young)
     )
     select count(*)::int as n from young`,
    [rows[0].until, POSTED_AT_ONCE],
  );
  return posted.rows[0].n;
}

/**
 * Puts the postings of crowded keys, from `fromKey` until before `untilKey`, into packed rows, and leaves out those whose fingerprints are
 * gone or retired. One statement, so a lookup sees the postings before or after; of two that pack at once the second finds nothing to do.
 * Ids in one row differ by less than 2^31.
 */
export async function packKeys(db: Db, fromKey: number, untilKey: number): Promise<void> {
  await db.query(
    `with crowded as (
       select key from reference_posting
       where key >= $1 and key < $2 and neighbours is not null
       group by key having count(*) >= $3
     ), gone as (
       delete from reference_posting p using crowded c
       where p.key = c.key and (p.neighbours is not null or cardinality(p.others) < $4)
       returning p.key, p.fingerprint_id, p.others
     ), posting as (
       select key, fingerprint_id + unnest(coalesce(others, '{0}')) as id from gone
     ), active as (
       select p.key, f.id, ${neighboursOf("f.pdq")} as neighbours,
              row_number() over (partition by p.key, f.id >> 31 order by f.id) - 1 as place
       from posting p
       cross join lateral (select p.key / 65536 as b) band
       join reference_fingerprint f on f.id = p.id
       join reference r on r.id = f.reference_id
       where r.retired_at is null
     )
     insert into reference_posting (fingerprint_id, key, others, thirds, ${bitColumns})
     select min(id), key, array_agg((id - first)::int order by place),
            array_agg(((neighbours & 65535) - 32768)::smallint order by place),
            ${eachBit((bit) => `bit_or(((neighbours >> ${16 + bit}) & 1)::bigint << (place % $4)::int)`)}
     from (select *, min(id) over (partition by key, id >> 31, place / $4) as first from active) numbered
     group by key, id >> 31, place / $4`,
    [fromKey, untilKey, CROWDED, POSTINGS_A_ROW],
  );
}
