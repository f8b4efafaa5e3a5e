import type { Pool } from "pg";
import type { Queues } from "../../platform/queues.js";
import { eraseFromQueues, type InQueues } from "./queues.js";

/**
 * What is left to do once an erasure is committed: removes its jobs from the queues, and has PostgreSQL give up the deleted rows and their
 * index entries now rather than when autovacuum comes by. Rows that an older, still open transaction could see stay for autovacuum. What
 * no VACUUM reaches, and for how long, stands in docs/backup.md. Returns what {@link eraseFromQueues} does.
 */
export async function finishErasure(
  pool: Pool,
  queues: Pick<Queues, "backend" | "queue">,
  erased: InQueues,
): Promise<{ removed: number; changed: number; busy: number }> {
  const counts = await eraseFromQueues(queues, erased);
  await vacuumAll(pool);
  return counts;
}

/**
 * Writes every table and its indexes anew. A deleted row's bytes may stay in the unused part of its page until other rows are written over
 * them, where no query reads them, but who has the files could; this leaves none. Nobody can use a table while it is written. Returns how
 * many there were.
 */
export async function rewriteTables(pool: Pool): Promise<number> {
  const tables = await ownTables(pool);
  for (const name of tables) await pool.query(`vacuum (full) ${name}`);
  // Only now are the old files gone. Whoever may not ask for it waits for the next one, within `checkpoint_timeout`.
  await pool.query("checkpoint").catch(() => {});
  return tables.length;
}

/** Tables without deleted rows cost a look. */
async function vacuumAll(pool: Pool): Promise<void> {
  for (const name of await ownTables(pool)) await pool.query(`vacuum (index_cleanup on) ${name}`);
}

/** Ours and the queues'. Whoever does not own a table leaves it to autovacuum. */
async function ownTables(pool: Pool): Promise<string[]> {
  const { rows } = await pool.query<{ name: string }>(
    `select format('%I.%I', n.nspname, c.relname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind = 'r' and (n.nspname = current_schema() or n.nspname like '%\\_queue') and pg_has_role(c.relowner, 'usage')
     order by c.oid`,
  );
  return rows.map(({ name }) => name);
}
