import { randomUUID } from "node:crypto";
import type { Pool } from "pg";
import { hashToHex } from "../fingerprint/hash.js";
import { LISTED } from "../fingerprint/meta-pdq.js";
import type { ListChange, ListedMaterial } from "../model/listed.js";
import { type Db, transaction } from "../platform/database.js";
import { changeIndex } from "../platform/index-lock.js";
import { postWhenCrowded } from "./pack.js";

/**
 * Brings some entries of a list up to date, in one transaction: adds what is new, replaces what changed, retires `withdrawn`. An entry
 * stays in the case it was first put into, and what belongs to a merged case goes where that case went. Repeating it changes nothing and takes no lock. With `dryRun` it only counts. Look-back is the
 * caller's affair: see the migration 007.
 */
export async function applyListed(
  pool: Pool,
  list: string,
  { material, withdrawn }: { material: ListedMaterial[]; withdrawn: string[] },
  algorithm: string,
  options: { dryRun?: boolean } = {},
): Promise<ListChange> {
  const planned = await planListed(pool, list, material, withdrawn);
  if (options.dryRun || planned.fresh.length + planned.gone.length === 0) return planned.change;
  const { change, young } = await transaction(pool, async (tx) => {
    await changeIndex(tx);
    const plan = await planListed(tx, list, material, withdrawn);
    await retireAll(tx, plan.gone);
    return { change: plan.change, young: await insertListed(tx, list, plan.fresh, algorithm) };
  });
  await postWhenCrowded(pool, young);
  return change;
}

async function planListed(db: Db, list: string, material: ListedMaterial[], withdrawn: string[]) {
  const { rows } = await db.query<{ id: string; entry: string; identity: Buffer }>(
    `select id, list_entry as entry, sha256 as identity from reference
     where provenance = $1 and list_entry = any($2::text[]) and retired_at is null`,
    [list, [...material.map((m) => m.entry), ...withdrawn]],
  );
  const known = new Map(rows.map((row) => [row.entry, row]));
  const fresh = material.filter((m) => !known.get(m.entry)?.identity.equals(m.identity));
  const changed = fresh.flatMap((m) => known.get(m.entry) ?? []);
  const gone = withdrawn.flatMap((entry) => known.get(entry) ?? []);
  const change: ListChange = {
    added: fresh.length - changed.length,
    unchanged: material.length - fresh.length,
    changed: changed.length,
    withdrawn: gone.length,
  };
  return { fresh, gone: [...changed, ...gone].map(({ id }) => id), change };
}

/** In the transaction that holds the index lock. */
async function retireAll(tx: Db, ids: string[]): Promise<void> {
  if (ids.length > 0)
    await tx.query("update reference set retired_at = now() where id = any($1::uuid[]) and retired_at is null", [ids]);
}

/** Returns how many fingerprints have no postings. */
async function insertListed(tx: Db, list: string, material: ListedMaterial[], algorithm: string): Promise<number> {
  if (material.length === 0) return 0;
  const ids = material.map(() => randomUUID());
  await tx.query(`insert into "case" (id) select distinct unnest($1::text[]) on conflict do nothing`, [
    material.map((m) => m.caseId),
  ]);
  await tx.query(
    `insert into reference (id, case_id, label, kind, sha256, duration_ms, algorithm, fingerprint_count, provenance, list_entry, looked_back_at)
     select t.id, coalesce(c.merged_into, c.id), label, kind, sha256, duration_ms, $1, fingerprint_count, $2, list_entry, now()
     from unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::bytea[], $8::int[], $9::int[], $10::text[])
       as t (id, case_id, label, kind, sha256, duration_ms, fingerprint_count, list_entry)
     join "case" c on c.id = t.case_id`,
    [
      algorithm,
      list,
      ids,
      material.map((m) => m.caseId),
      material.map((m) => m.label),
      material.map((m) => m.kind),
      material.map((m) => m.identity),
      material.map((m) => m.durationMs),
      material.map((m) => m.fingerprints.length),
      material.map((m) => m.entry),
    ],
  );
  const rows = material.flatMap(({ fingerprints }, i) => fingerprints.map((f) => ({ ...f, id: ids[i] })));
  const { rows: inserted } = await tx.query<{ young: string }>(
    `with added as (
       insert into reference_fingerprint (reference_id, algorithm, variant, at_ms, until_ms, quality, pdq)
       select id, $1, $2, at_ms, at_ms, quality, ('x' || pdq)::bit(256)
       from unnest($3::uuid[], $4::int[], $5::int[], $6::text[]) as t (id, at_ms, quality, pdq)
       returning id
     )
     select max(id) - (select fingerprint_id from posted_until) as young from added`,
    [
      algorithm,
      LISTED,
      rows.map((r) => r.id),
      rows.map((r) => r.atMs),
      rows.map((r) => r.quality),
      rows.map((r) => hashToHex(r.hash)),
    ],
  );
  return Number(inserted[0].young);
}

/** Active entries of a list that `seen`, a table of this session with a column `entry`, does not have: some at a time, in order. */
export async function unseenEntries(db: Db, list: string, seen: string, limit: number): Promise<string[]> {
  const { rows } = await db.query<{ entry: string }>(
    `select list_entry as entry from reference r
     where provenance = $1 and list_entry is not null and retired_at is null
       and not exists (select from ${seen} s where s.entry = r.list_entry)
     order by list_entry limit $2`,
    [list, limit],
  );
  return rows.map(({ entry }) => entry);
}

/** Retires all of a case's known material; returns how much there was. */
export async function retireCase(pool: Pool, caseId: string): Promise<number> {
  return transaction(pool, async (tx) => {
    await changeIndex(tx);
    const { rows } = await tx.query<{ id: string }>(
      "update reference set retired_at = now() where case_id = $1 and retired_at is null returning id",
      [caseId],
    );
    await tx.query("delete from reference_patch where reference_id = any($1::uuid[])", [rows.map(({ id }) => id)]);
    return rows.length;
  });
}
