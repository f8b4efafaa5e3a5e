import { distance, hashToHex } from "../fingerprint/hash.js";
import type { Dihedral, Found, Hash, Hit, Query, ReferenceSummary, View } from "../model.js";
import type { Db } from "../platform/database.js";

/** The largest radius for which {@link lookup} is exact: the ring filter's bounds are those of 31 bits in 16 bands. */
export const MAX_WITHIN_BITS = 31;

/** Hashes sent in one statement, or a few more; 512 hashes are 139,264 probes. */
const BATCH = 512;

/** A band may differ by no bit or by one: 17 masks. */
const MASKS = [0, ...Array.from({ length: 16 }, (_, bit) => 1 << bit)];

const bitsSet = (value: number): number => value.toString(2).replaceAll("0", "").length;

/**
 * The number of bits set in each signed 16-bit value, as an array that begins at -32768: looking it up is faster in SQL than counting, and
 * the fewer steps a posting takes the better, as ten million hashes make 60,000 postings a lookup.
 */
const BITS_OF_16 = `[-32768:32767]={${Array.from({ length: 65_536 }, (_, i) => bitsSet((i + 32_768) & 0xffff))}}`;

interface Row {
  q: number;
  reference_id: string;
  variant: string;
  at_ms: number;
  until_ms: number;
  blockhash: Buffer | null;
  pdq_distance: number;
}

/**
 * Every active reference fingerprint within `withinBits` of any view of any query, exactly (no approximation).
 *
 * Multi-index hashing over 16 bands of 16 bits (Norouzi, Punjani, Fleet, "Fast Search in Hamming Space with
 * Multi-Index Hashing", CVPR 2012), with the pigeonring filter (Qin, Xiao, "Pigeonring", VLDB 2018): of 31 differing
 * bits, some band has at most 1, and it and its next neighbour at most 3.
 *
 * @throws RangeError when `withinBits` is beyond {@link MAX_WITHIN_BITS}.
 */
export async function lookup(
  db: Db,
  queries: Query[],
  algorithm: string,
  withinBits: number,
): Promise<Omit<Found, "patchHits" | "moments">> {
  if (withinBits > MAX_WITHIN_BITS) throw new RangeError(`lookup is exact up to ${MAX_WITHIN_BITS} bits, not ${withinBits}`);
  const seenSeq = await newestChange(db);
  const hits: Hit[] = [];
  for (const batch of batches(queries, algorithm)) {
    for (const row of await near(db, batch, algorithm, withinBits)) hits.push(hitOf(row, batch[row.q]));
  }
  return { hits, references: await summaries(db, [...new Set(hits.map((h) => h.referenceId))]), seenSeq };
}

type BatchedView = View & { index: number };

/** The views of all queries, some hundreds at a time. */
function* batches(queries: Query[], algorithm: string): Generator<BatchedView[]> {
  let batch: BatchedView[] = [];
  for (const [index, query] of queries.entries()) {
    if (query.algorithm !== algorithm) continue;
    for (const view of query.views) batch.push({ ...view, index });
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** The place in commit order of the newest reference added, retired or deleted; "0" before the first. */
export async function newestChange(db: Db): Promise<string> {
  const { rows } = await db.query<{ seq: string }>("select coalesce(max(seq), 0)::text as seq from reference_change");
  return rows[0].seq;
}

async function near(db: Db, views: { pdq: Hash }[], algorithm: string, withinBits: number): Promise<Row[]> {
  const { rows } = await db.query<Row>(
    `with query as materialized (
       select (ordinality - 1)::int as q, ('x' || hex)::bit(256) as hash
       from unnest($1::text[]) with ordinality as t (hex, ordinality)
     ), band as materialized (
       select q, b, substring(hash from 1 + 16 * b for 16)::int as value,
              ((substring(hash || hash from 17 + 16 * b for 16)::int + 32768) & 65535) - 32768 as next
       from query, generate_series(0, 15) as b
     ), probe as materialized (
       select q, b * 65536 + (value # mask) as key, next, 3 - (mask <> 0)::int as most
       from band, unnest($2::int[]) as mask
     ), opened as (
       select p.q, p.next, p.most, unnest(i.postings) as posting
       from probe p
       join reference_posting i on i.key = p.key
     ), candidate as materialized (
       select distinct q, posting & 281474976710655 as fingerprint_id
       from opened
       where ($5::int2[])[(posting >> 48)::int # next] <= most
     )
     select c.q, f.reference_id, f.variant, f.at_ms, f.until_ms, f.blockhash,
            bit_count(f.pdq # query.hash)::int as pdq_distance
     from candidate c
     join query on query.q = c.q
     join reference_fingerprint f on f.id = c.fingerprint_id
     join reference r on r.id = f.reference_id
     where f.algorithm = $3 and r.retired_at is null and bit_count(f.pdq # query.hash) <= $4`,
    [views.map((v) => hashToHex(v.pdq)), MASKS, algorithm, withinBits, BITS_OF_16],
  );
  return rows;
}

function hitOf(row: Row, view: { index: number; dihedral: Dihedral; blockhash?: Hash }): Hit {
  return {
    query: view.index,
    dihedral: view.dihedral,
    referenceId: row.reference_id,
    referenceVariant: row.variant,
    referenceAtMs: row.at_ms,
    referenceUntilMs: row.until_ms,
    pdqDistance: row.pdq_distance,
    blockhashDistance: row.blockhash && view.blockhash ? distance(view.blockhash, row.blockhash) : undefined,
  };
}

/** What verdicts need to know of references, by id. */
export async function summaries(db: Db, ids: string[]): Promise<Map<string, ReferenceSummary>> {
  if (ids.length === 0) return new Map();
  const { rows } = await db.query<ReferenceSummary & { durationMs: string }>(
    `select id, case_id as "caseId", label, kind, duration_ms as "durationMs", fingerprint_count as "fingerprintCount"
     from reference where id = any($1::uuid[])`,
    [ids],
  );
  return new Map(rows.map((row) => [row.id, { ...row, durationMs: Number(row.durationMs) }]));
}
