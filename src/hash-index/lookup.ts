import { distance, hashToHex } from "../fingerprint/hash.js";
import type { Dihedral, Found, Hash, Hit, Query, ReferenceSummary, View } from "../model.js";
import type { Db } from "../platform/database.js";
import { keyOf, neighboursOf, passedPostings } from "./posting-rows.js";

/** The largest radius for which {@link lookup} is exact: the ring filter's bounds are those of 31 bits in 16 bands. */
export const MAX_WITHIN_BITS = 31;

/** Hashes sent in one statement, or a few more; 512 hashes are 8,192 probes of 17 keys each. */
const BATCH = 512;

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
 * Every active reference fingerprint within `withinBits` of any view of any query, exactly (no approximation): what has postings by them, and
 * what is too young to have any by comparing (see `pack.ts`).
 *
 * Multi-index hashing over 16 bands of 16 bits (Norouzi, Punjani, Fleet, "Fast Search in Hamming Space with
 * Multi-Index Hashing", CVPR 2012), with the pigeonring filter (Qin, Xiao, "Pigeonring", VLDB 2018): of 31 differing
 * bits, some band has at most 1, it and its next neighbour at most 3, and they and the one after at most 5.
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
  const { seenSeq, postedUntil } = await stateOf(db);
  const hits: Hit[] = [];
  for (const batch of batches(queries, algorithm)) {
    for (const row of await near(db, batch, { algorithm, withinBits, postedUntil })) hits.push(hitOf(row, batch[row.q]));
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

/** What has postings may be more a moment later, when `near` asks; then some of it is found by comparing instead. */
async function stateOf(db: Db): Promise<{ seenSeq: string; postedUntil: string }> {
  const { rows } = await db.query<{ seenSeq: string; postedUntil: string }>(
    `select (select coalesce(max(seq), 0)::text from reference_change) as "seenSeq",
            (select fingerprint_id::text from posted_until) as "postedUntil"`,
  );
  return rows[0];
}

/**
 * Probes are made in order of their keys, and candidates in order of their ids, so that neighbours on disk are read together. As long as
 * nothing has postings there are no probes: half a million made of a minute of video took 0.1 s to find nothing.
 */
async function near(
  db: Db,
  views: { pdq: Hash }[],
  { algorithm, withinBits, postedUntil }: { algorithm: string; withinBits: number; postedUntil: string },
): Promise<Row[]> {
  const { rows } = await db.query<Row>(
    `with query as materialized (
       select (ordinality - 1)::int as q, ('x' || hex)::bit(256) as hash
       from unnest($1::text[]) with ordinality as t (hex, ordinality)
     ), probe as (
       select q, ${keyOf("hash")} as key, ${neighboursOf("hash")} as neighbours from query, generate_series(0, 15) as b where $4::bigint > 0
     ), ${passedPostings}, candidate as (
       select distinct id, q from passed_posting order by id
     ), young as materialized (
       select id, reference_id, algorithm, variant, at_ms, until_ms, pdq, blockhash from reference_fingerprint where id > $4
     ), found as (
       select c.q, f.*
       from (select c.id, c.q, query.hash from candidate c join query on query.q = c.q where c.id <= $4 offset 0) c
       cross join lateral (
         select f.reference_id, f.algorithm, f.variant, f.at_ms, f.until_ms, f.blockhash, bit_count(f.pdq # c.hash)::int as pdq_distance
         from reference_fingerprint f where f.id = c.id offset 0
       ) f
       union all
       select q, reference_id, algorithm, variant, at_ms, until_ms, blockhash, bit_count(pdq # hash)::int
       from young, query
       where bit_count(pdq # hash) <= $3
     )
     select q, reference_id, variant, at_ms, until_ms, blockhash, pdq_distance
     from found f
     cross join lateral (select from reference r where r.id = f.reference_id and r.retired_at is null offset 0) active
     where pdq_distance <= $3 and f.algorithm = $2`,
    // As Postgres writes an array: the driver would look through each hash for what has to be quoted.
    [`{${views.map((v) => hashToHex(v.pdq)).join(",")}}`, algorithm, withinBits, postedUntil],
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
  const { rows } = await db.query<ReferenceSummary & { durationMs: string; list: string | null }>(
    `select id, case_id as "caseId", label, kind, duration_ms as "durationMs", fingerprint_count as "fingerprintCount",
            case when list_entry is not null then provenance end as list
     from reference where id = any($1::uuid[])`,
    [ids],
  );
  return new Map(
    rows.map(({ list, ...row }) => [row.id, { ...row, durationMs: Number(row.durationMs), ...(list !== null && { list }) }]),
  );
}
