import type { PoolClient } from "pg";

/** The layout of reference_posting (002_hash_index.sql, hash-index/posting-rows.ts): band `b` of a hash as a key, and the two bands after it. */
const KEY = "b * 65536 + substring(pdq || pdq from 1 + 16 * b for 16)::int";
const NEIGHBOURS = "substring(f.pdq || f.pdq from 17 + 16 * b for 32)::int";

/**
 * Removes the postings of references that are about to lose their fingerprints: nothing else ever would from packed rows, and a posting
 * holds 48 of a hash's 256 bits. What else was packed into the same rows is written anew, one posting a row. The index lock must be held.
 */
export async function forgetPostings(tx: PoolClient, referenceIds: string[]): Promise<void> {
  // Packing and posting, which need no index lock, wait until the commit; lookups do not.
  await tx.query("lock table reference_posting in share row exclusive mode");
  for (const id of referenceIds) {
    await tx.query(
      `with gone as (select id, pdq from reference_fingerprint where reference_id = $1)
       delete from reference_posting p
       using (select gone.id, ${KEY} as key from gone, generate_series(0, 15) as b) g
       where p.key = g.key and p.fingerprint_id = g.id and p.others is null`,
      [id],
    );
    await tx.query(
      `with gone as (
         select key, array_agg(id) as ids
         from (select id, ${KEY} as key from reference_fingerprint, generate_series(0, 15) as b where reference_id = $1) keyed group by key
       ), unpacked as (
         delete from reference_posting p using gone g
         where p.key = g.key and p.others is not null
           and exists (select from unnest(p.others) as other where p.fingerprint_id + other = any(g.ids))
         returning p.key, p.fingerprint_id, p.others
       ), posting as (
         select key, key / 65536 as b, fingerprint_id + unnest(others) as id from unpacked
       )
       insert into reference_posting (fingerprint_id, key, neighbours)
       select f.id, p.key, ${NEIGHBOURS}
       from posting p join reference_fingerprint f on f.id = p.id join reference r on r.id = f.reference_id
       where f.reference_id <> $1 and r.retired_at is null`,
      [id],
    );
  }
}
