import type { PoolClient } from "pg";

/** Any fixed number will do; it names "what the queues hold" among this database's advisory locks. */
const QUEUES_LOCK = 7_233_004;

/** Held by a transaction that puts rows of the database into queues and notes that it did. To be taken before any row is locked. */
export async function holdQueuesStill(tx: PoolClient): Promise<void> {
  await tx.query("select pg_advisory_xact_lock_shared($1)", [QUEUES_LOCK]);
}

/** Held by a transaction that finds that the queues have lost what they held: nobody is half way through putting something in. */
export async function mendQueues(tx: PoolClient): Promise<void> {
  await tx.query("select pg_advisory_xact_lock($1)", [QUEUES_LOCK]);
}
