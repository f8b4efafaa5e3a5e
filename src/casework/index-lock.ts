import type { PoolClient } from "pg";

/** The set of references, among this database's advisory locks: the same number as in hash-index/lock.ts and in 002_hash_index.sql. */
const INDEX_LOCK = 7_233_001;

/** Waits for the verdicts under way, and lets none be recorded until the transaction ends. To be taken before any row is locked. */
export async function lockReferences(tx: PoolClient): Promise<void> {
  await tx.query("select pg_advisory_xact_lock($1)", [INDEX_LOCK]);
}

/** Lets no reference be added, moved or erased until the transaction ends; verdicts go on being recorded. To be taken before any row is locked. */
export async function holdReferencesStill(tx: PoolClient): Promise<void> {
  await tx.query("select pg_advisory_xact_lock_shared($1)", [INDEX_LOCK]);
}

/** Makes a scan that looked these references up before now look again before it records what it found. */
export async function noteReferenceChanges(tx: PoolClient, referenceIds: string[]): Promise<void> {
  await tx.query("insert into reference_change (reference_id) select unnest($1::uuid[])", [referenceIds]);
}
