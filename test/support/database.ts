import { randomBytes } from "node:crypto";
import type pg from "pg";
import { inject } from "vitest";
import { createPool } from "../../src/platform/database.js";
import { createLog } from "../../src/platform/log.js";
import { withDatabase } from "./global-setup.js";

const log = createLog("warn");

export interface TestDatabase {
  pool: pg.Pool;
  connectionString: string;
  /** Ends the pool, and drops the database whoever else is still connected. */
  close(): Promise<void>;
}

/**
 * A database of its own, with all migrations applied (or with nothing in it: `{ empty: true }`). Usual shape:
 *
 *     let database: TestDatabase;
 *     beforeAll(async () => { database = await testDatabase(); });
 *     afterAll(() => database.close());
 */
export async function testDatabase(options: { empty?: boolean; poolSize?: number } = {}): Promise<TestDatabase> {
  const adminUrl = inject("adminUrl");
  const name = `test_${randomBytes(8).toString("hex")}`;
  const admin = createPool(adminUrl, 1, log);
  await admin.query(`CREATE DATABASE ${name} TEMPLATE ${options.empty ? "template0" : inject("templateName")}`);
  const connectionString = withDatabase(adminUrl, name);
  const pool = createPool(connectionString, options.poolSize ?? 5, log);
  return {
    pool,
    connectionString,
    close: async () => {
      await pool.end();
      await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
      await admin.end();
    },
  };
}
