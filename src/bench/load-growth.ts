import { performance } from "node:perf_hooks";
import type { Db } from "../platform/database.js";

/** A table with its indexes and out-of-line values. */
export interface TableState {
  /** With its schema unless that is `public`. */
  table: string;
  bytes: number;
  deadRows: number;
  liveRows: number;
  /** Of all updates, those that stayed on their page and wrote no index (HOT). */
  updates: number;
  hotUpdates: number;
  autovacuums: number;
}

/** What removing half of the kept fingerprints takes, as retention does, and what vacuum gives back. */
export interface RetentionCost {
  rows: number;
  bytesBefore: number;
  deleteMs: number;
  vacuumMs: number;
  /** After vacuum: what is free inside the file is used again, and not counted as gone. */
  bytesAfter: number;
  /** Free inside the table after vacuum: filled again before it grows. */
  bytesFree: number;
}

/** All tables, this program's and the queues', as Postgres' statistics have them. */
export async function tableStates(db: Db): Promise<TableState[]> {
  // Sessions report their counts when they are idle, once a second at most; ours at once.
  await db.query("select pg_stat_force_next_flush()");
  const { rows } = await db.query<Record<keyof TableState, string>>(
    `select case schemaname when 'public' then relname else schemaname || '.' || relname end as table,
            pg_total_relation_size(relid) as bytes, n_dead_tup as "deadRows", n_live_tup as "liveRows",
            n_tup_upd as updates, n_tup_hot_upd as "hotUpdates", autovacuum_count as autovacuums
     from pg_stat_user_tables order by 1`,
  );
  const { table: _, ...counts } = rows[0];
  const numbers = Object.keys(counts) as Exclude<keyof TableState, "table">[];
  return rows.map((row) => ({
    table: row.table,
    ...(Object.fromEntries(numbers.map((name) => [name, Number(row[name])])) as Omit<TableState, "table">),
  }));
}

/** Removes the older half of the kept fingerprints with the statement that housekeeping uses, and vacuums. */
export async function retentionCost(db: Db): Promise<RetentionCost> {
  const size = async () => Number((await one(db, "select pg_total_relation_size('submission_fingerprint') as n")).n);
  const middle = await one<Date>(
    db,
    "select percentile_disc(0.5) within group (order by expires_at) as n from submission_fingerprint",
  );
  const bytesBefore = await size();
  const deleteFromMs = performance.now();
  const { rowCount } = await db.query("delete from submission_fingerprint where expires_at < $1", [middle.n]);
  const vacuumFromMs = performance.now();
  await db.query("vacuum submission_fingerprint");
  const vacuumMs = performance.now() - vacuumFromMs;
  await db.query("create extension if not exists pg_freespacemap");
  const free = await one(
    db,
    `select coalesce(sum(avail), 0) as n
     from unnest(array[(select oid from pg_class where relname = 'submission_fingerprint'),
                       (select reltoastrelid from pg_class where relname = 'submission_fingerprint')]::regclass[]) as relation,
          pg_freespace(relation)`,
  );
  return {
    rows: rowCount ?? 0,
    bytesBefore,
    deleteMs: vacuumFromMs - deleteFromMs,
    vacuumMs,
    bytesAfter: await size(),
    bytesFree: Number(free.n),
  };
}

async function one<T = string>(db: Db, sql: string): Promise<{ n: T }> {
  return (await db.query<{ n: T }>(sql)).rows[0];
}
