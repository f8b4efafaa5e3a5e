import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type pg from "pg";
import { UsageError } from "../errors.js";
import { asTransient } from "./database.js";
import type { Log } from "./log.js";

interface Migration {
  name: string;
  sql: string;
  sha256: string;
}

const MIGRATIONS_DIR = fileURLToPath(new URL("./migrations", import.meta.url));

/** Spells "reup". Every process that migrates this database takes it. */
const LOCK_KEY = 0x72657570;

async function readMigrations(folder: string): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".sql")).sort();
  const numbers = names.map((name) => /^(\d{3})_/.exec(name)?.[1]);
  const bad = names.find((_, i) => numbers[i] === undefined || numbers.indexOf(numbers[i]) !== i);
  if (bad !== undefined)
    throw new UsageError(`migration ${bad}: its name must start with a number of its own, as in 001_first.sql`);
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(join(folder, name), "utf8");
      return { name, sql, sha256: createHash("sha256").update(sql).digest("hex") };
    }),
  );
}

async function readApplied(client: pg.PoolClient): Promise<Map<string, string>> {
  await client.query(`
    CREATE TABLE IF NOT EXISTS schema_migration (
      name text PRIMARY KEY,
      sha256 text NOT NULL,
      applied_at timestamptz NOT NULL DEFAULT now()
    )`);
  const { rows } = await client.query<{ name: string; sha256: string }>("SELECT name, sha256 FROM schema_migration");
  return new Map(rows.map((row) => [row.name, row.sha256]));
}

function checkApplied(applied: Map<string, string>, migrations: Migration[], log: Log): void {
  const known = new Map(migrations.map((migration) => [migration.name, migration.sha256]));
  for (const [name, sha256] of applied) {
    if (!known.has(name))
      log.warn({ migration: name }, "the database has a migration that this version does not know: it is newer");
    else if (known.get(name) !== sha256) {
      throw new UsageError(`migration ${name} was edited after it was applied to this database: restore it and add a new file`);
    }
  }
}

async function apply(client: pg.PoolClient, migration: Migration): Promise<void> {
  try {
    await client.query("BEGIN");
    await client.query(migration.sql);
    await client.query("INSERT INTO schema_migration (name, sha256) VALUES ($1, $2)", [migration.name, migration.sha256]);
    await client.query("COMMIT");
  } catch (error) {
    await client.query("ROLLBACK").catch(() => {});
    const mapped = asTransient(error);
    throw mapped === error ? new Error(`migration ${migration.name}: ${(error as Error).message}`, { cause: error }) : mapped;
  }
}

/**
 * Brings the database to this version's tables: applies the numbered `.sql` files it has not seen, each in a
 * transaction of its own. Any number of processes may call it at once. Returns the names applied, in order.
 *
 * @throws UsageError when a migration that already landed was edited.
 */
export async function migrate(pool: pg.Pool, log: Log, folder: string = MIGRATIONS_DIR): Promise<string[]> {
  const migrations = await readMigrations(folder);
  const client = await pool.connect();
  try {
    // A process that is killed lets go of the lock within this time, and not when the statement that it was in ends; a server that is
    // not on Linux may not have it.
    await client.query("SET client_connection_check_interval = '1s'").catch(() => {});
    await client.query("SELECT pg_advisory_lock($1)", [LOCK_KEY]);
    const applied = await readApplied(client);
    checkApplied(applied, migrations, log);
    const pending = migrations.filter((migration) => !applied.has(migration.name));
    for (const migration of pending) {
      await apply(client, migration);
      log.info({ migration: migration.name }, "migration applied");
    }
    return pending.map((migration) => migration.name);
  } finally {
    await client.query("SELECT pg_advisory_unlock_all()").catch(() => {});
    await client.query("RESET client_connection_check_interval").catch(() => {});
    client.release();
  }
}
