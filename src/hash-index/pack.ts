import type { Db } from "../platform/database.js";

/** Keys of reference_posting: 16 bands of 65,536 values. */
const KEYS = 16 * 65_536;

/** A row of so many postings is left alone, and a packed row has at most twice as many: 1.6 kB, so it stays within its page. */
const FULL = 100;

/** So many rows that are not full make a key worth packing. */
const CROWDED = 8;

/** Keys packed in one statement: well below a second's work at 10 million fingerprints. */
const KEYS_AT_ONCE = 2_048;

/** Keys looked at in one call of {@link packSome}: all of them in 16 calls. */
const KEYS_A_CALL = KEYS / 16;

let nextKey = 0;

/** Packs the next sixteenth of the keys: to be called now and then by some process. Lookups and inserts go on meanwhile. */
export async function packSome(db: Db): Promise<void> {
  const from = nextKey;
  nextKey = (nextKey + KEYS_A_CALL) % KEYS;
  for (let key = from; key < from + KEYS_A_CALL; key += KEYS_AT_ONCE) await packKeys(db, key, key + KEYS_AT_ONCE);
}

/**
 * Puts the postings of crowded keys, from `fromKey` until before `untilKey`, into few rows, and leaves out those whose fingerprints are gone
 * or retired. One statement, so a lookup sees the postings before or after; of two that pack at once the second finds nothing to do.
 */
export async function packKeys(db: Db, fromKey: number, untilKey: number): Promise<void> {
  await db.query(
    `with crowded as (
       select key from reference_posting
       where key >= $1 and key < $2 and cardinality(postings) < $3
       group by key having count(*) >= $4
     ), gone as (
       delete from reference_posting p using crowded c
       where p.key = c.key and cardinality(p.postings) < $3
       returning p.key, p.postings
     ), posting as (
       select g.key, posting, (row_number() over (partition by g.key order by posting) - 1) / (2 * $3) as part
       from gone g, unnest(g.postings) as posting
       where exists (
         select from reference_fingerprint f join reference r on r.id = f.reference_id
         where f.id = posting & 281474976710655 and r.retired_at is null
       )
     )
     insert into reference_posting (key, postings)
     select key, array_agg(posting) from posting group by key, part`,
    [fromKey, untilKey, FULL, CROWDED],
  );
}
