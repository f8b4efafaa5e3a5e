import { randomUUID } from "node:crypto";
import type { Pool } from "pg";
import { UsageError } from "../errors.js";
import { viewsFromHashes } from "../fingerprint/approximate-views.js";
import { hashToHex } from "../fingerprint/hash.js";
import { keptPatchSets } from "../fingerprint/kept.js";
import { listedOf, META_ALGORITHM } from "../fingerprint/meta-pdq.js";
import { DIHEDRALS, type MediaKind, type NewReference, type Query, type Reading, type Registered } from "../model.js";
import { audit } from "../platform/audit.js";
import { type Db, transaction } from "../platform/database.js";
import { changeIndex } from "../platform/index-lock.js";
import { isUuid } from "../platform/uuid.js";
import { postWhenCrowded } from "./pack.js";
import { insertPatches } from "./patches.js";

export interface ListedReference {
  id: string;
  caseId: string;
  label: string;
  kind: MediaKind;
  durationMs: number;
  fingerprints: number;
  provenance: string;
  retiredAt: Date | null;
  createdAt: Date;
}

/**
 * Adds a reading to a case's known material, creating the case when it is new. Visible to every lookup at commit. Its postings are written
 * later, by `packSome`; only when too many wait, as without a running service, does whoever adds write them, after the commit.
 * The same file again in the same case gives the reference it already is.
 */
export async function addReference(
  pool: Pool,
  reference: NewReference,
  reading: Reading,
  algorithm: string,
): Promise<Registered> {
  const { registered, young } = await insertReference(pool, reference, reading, algorithm);
  await postWhenCrowded(pool, young);
  return registered;
}

/** Also tells how many fingerprints have no postings; 0 when none was added. */
function insertReference(
  pool: Pool,
  reference: NewReference,
  reading: Reading,
  algorithm: string,
): Promise<{ registered: Registered; young: number }> {
  return transaction(pool, async (tx) => {
    await changeIndex(tx);
    const caseId = await caseFor(tx, reference.caseId);
    const kept = reading.fingerprints;
    const full = kept.filter((f) => f.variant === "full").length || kept.length;
    const inserted = await tx.query<{ id: string }>(
      `insert into reference (id, case_id, label, kind, sha256, duration_ms, algorithm, fingerprint_count, provenance, look_back_views)
       values ($1, $2, $3, $4, decode($5, 'hex'), $6, $7, $8, $9, $10)
       on conflict (case_id, sha256, algorithm) where retired_at is null do nothing
       returning id`,
      [
        randomUUID(),
        caseId,
        reference.label,
        reading.kind,
        reading.sha256,
        Math.round(reading.durationMs),
        algorithm,
        full,
        reference.provenance,
        viewsOf([...kept, ...metaHashOf(reading)]),
      ],
    );
    let young = 0;
    if (inserted.rows.length > 0) {
      young = await insertFingerprints(tx, inserted.rows[0].id, [...kept, ...metaHashOf(reading)], reading.kind);
      await insertPatches(tx, inserted.rows[0].id, keptPatchSets(reading.patchSets, reading.kind));
    }
    const { rows } = await tx.query<Registered & { durationMs: string }>(
      `select id, case_id as "caseId", label, kind, duration_ms as "durationMs", fingerprint_count as "fingerprintCount"
       from reference where case_id = $1 and sha256 = decode($2, 'hex') and algorithm = $3 and retired_at is null`,
      [caseId, reading.sha256, algorithm],
    );
    const registered = { ...rows[0], durationMs: Number(rows[0].durationMs), repeated: inserted.rows.length === 0 };
    return { registered, young };
  });
}

/** The case with this id, made if there is none; of one that was merged, the case it went to. For a transaction that holds the index lock. */
export async function caseFor(tx: Db, id: string): Promise<string> {
  await tx.query(`insert into "case" (id) values ($1) on conflict do nothing`, [id]);
  const { rows } = await tx.query<{ id: string }>(`select coalesce(merged_into, id) as id from "case" where id = $1`, [id]);
  return rows[0].id;
}

/** The hash that Meta's tools give a still, kept beside ours under a name of its own: for export, and for who asks with such a hash. */
function metaHashOf(reading: Reading): Query[] {
  const listed = listedOf(reading);
  return listed
    ? [{ ...listed, algorithm: META_ALGORITHM, variant: "full", views: viewsFromHashes(listed.pdq, listed.blockhash) }]
    : [];
}

const viewsOf = (fingerprints: Query[]): Buffer =>
  Buffer.concat(fingerprints.flatMap((f) => f.views.slice(0, DIHEDRALS.length).map((v) => v.pdq)));

async function insertFingerprints(tx: Db, referenceId: string, fingerprints: Query[], kind: MediaKind): Promise<number> {
  const { rows } = await tx.query<{ young: string | null }>(
    `with added as (
       insert into reference_fingerprint (reference_id, algorithm, variant, at_ms, until_ms, quality, pdq, blockhash)
       select $1, algorithm, variant, at_ms, until_ms, quality, ('x' || pdq)::bit(256), decode(blockhash, 'hex')
       from unnest($2::text[], $3::text[], $4::int[], $5::int[], $6::int[], $7::text[], $8::text[])
         as t (algorithm, variant, at_ms, until_ms, quality, pdq, blockhash)
       returning id
     )
     select max(id) - (select fingerprint_id from posted_until) as young from added`,
    [
      referenceId,
      fingerprints.map((f) => f.algorithm),
      fingerprints.map((f) => f.variant),
      fingerprints.map((f) => Math.round(f.atMs)),
      fingerprints.map((f) => Math.round(f.untilMs)),
      fingerprints.map((f) => Math.round(f.quality)),
      fingerprints.map((f) => hashToHex(f.pdq)),
      fingerprints.map((f) => (kind === "image" && f.blockhash.length > 0 ? hashToHex(f.blockhash) : null)),
    ],
  );
  return Number(rows[0].young);
}

/** Known material, newest first; of one case when `caseId` is given. Retired references are included only on request. */
export async function listReferences(db: Db, options: { caseId?: string; retired?: boolean } = {}): Promise<ListedReference[]> {
  const { rows } = await db.query<ListedReference & { durationMs: string }>(
    `select id, case_id as "caseId", label, kind, duration_ms as "durationMs", fingerprint_count as "fingerprints",
            provenance, retired_at as "retiredAt", created_at as "createdAt"
     from reference
     where ($1::text is null or case_id = $1) and ($2 or retired_at is null)
     order by seq desc`,
    [options.caseId ?? null, options.retired ?? false],
  );
  return rows.map((row) => ({ ...row, durationMs: Number(row.durationMs) }));
}

/**
 * Stops a reference from matching, from the commit on. Its row stays, so past verdicts keep their meaning.
 *
 * @throws UsageError when there is no such reference, or it is retired already.
 */
export async function retireReference(pool: Pool, id: string, actor = "cli"): Promise<void> {
  await transaction(pool, async (tx) => {
    await changeIndex(tx);
    const { rowCount } = isUuid(id)
      ? await tx.query("update reference set retired_at = now() where id = $1 and retired_at is null", [id])
      : { rowCount: 0 };
    if (rowCount === 0) throw new UsageError(`REF: no active reference has the id ${id}; "reupload known list" shows them`);
    await tx.query("delete from reference_patch where reference_id = $1", [id]);
    await audit(tx, { actor, act: "reference retired", subject: `reference:${id}` });
  });
}
