import type { PoolClient } from "pg";

/** Any fixed number will do; it names "the set of references" among this database's advisory locks. The triggers of 002_hash_index.sql take the same. */
const INDEX_LOCK = 7_233_001;

/**
 * Held by a transaction that records a verdict: while it is held no reference can be added, moved or erased, so what the transaction
 * sees is what exists, and look-back sees every verdict recorded before a reference became visible. To be taken before any row is locked.
 */
export async function holdIndexStill(tx: PoolClient): Promise<void> {
  await tx.query("select pg_advisory_xact_lock_shared($1)", [INDEX_LOCK]);
}

/**
 * Held by a transaction that adds, moves or erases references; waits for the verdicts under way, and lets none be recorded until it ends.
 * To be taken before any row is locked.
 */
export async function changeIndex(tx: PoolClient): Promise<void> {
  await tx.query("select pg_advisory_xact_lock($1)", [INDEX_LOCK]);
}
