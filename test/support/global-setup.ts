import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { createPool } from "../../src/platform/database.js";
import { openEmbeddedPostgres } from "../../src/platform/embedded-postgres.js";
import { createLog } from "../../src/platform/log.js";
import { migrate } from "../../src/platform/migrate.js";
import { startRunDir } from "./temporary-dir.js";

declare module "vitest" {
  interface ProvidedContext {
    /** Of a database that may create and drop others. */
    adminUrl: string;
    /** A migrated database to clone. */
    templateName: string;
  }
}

const log = createLog("warn");

export const withDatabase = (url: string, name: string): string => Object.assign(new URL(url), { pathname: `/${name}` }).href;

/** The data of a test run need not survive a power cut. */
async function tradeSafetyForSpeed(adminUrl: string): Promise<void> {
  const pool = createPool(adminUrl, 1, log);
  for (const setting of ["fsync", "synchronous_commit", "full_page_writes"])
    await pool.query(`ALTER SYSTEM SET ${setting} = off`);
  await pool.query("SELECT pg_reload_conf()");
  await pool.end();
}

async function createTemplate(adminUrl: string, name: string): Promise<void> {
  const admin = createPool(adminUrl, 1, log);
  await admin.query(`CREATE DATABASE ${name}`);
  await admin.end();
  const pool = createPool(withDatabase(adminUrl, name), 1, log);
  await migrate(pool, log).finally(() => pool.end());
}

async function dropTemplate(adminUrl: string, name: string): Promise<void> {
  const admin = createPool(adminUrl, 1, log);
  await admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  await admin.end();
}

/** One Postgres for the whole run (`TEST_DATABASE_URL`, or a fresh one in a temporary folder) with a migrated database to clone. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env.TEST_DATABASE_URL;
  const runDir = startRunDir();
  const server = given ? undefined : await openEmbeddedPostgres(join(runDir.path, "data"), log);
  const adminUrl = server?.connectionString ?? given!;
  const templateName = `reupload_template_${randomBytes(6).toString("hex")}`;
  const teardown = async () => {
    if (!server) await dropTemplate(adminUrl, templateName);
    await server?.close();
    runDir.remove();
  };
  try {
    if (server) await tradeSafetyForSpeed(adminUrl);
    await createTemplate(adminUrl, templateName);
  } catch (error) {
    await teardown().catch(() => {});
    throw error;
  }
  project.provide("adminUrl", adminUrl);
  project.provide("templateName", templateName);
  return teardown;
}
