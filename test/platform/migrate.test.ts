import { appendFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createLog } from "../../src/platform/log.js";
import { migrate } from "../../src/platform/migrate.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { startProcess } from "../support/process.js";
import { temporaryDir } from "../support/temporary-dir.js";

const CHILD = fileURLToPath(new URL("./migrate-child.ts", import.meta.url));
const log = createLog("silent");

let database: TestDatabase;
let folder: string;

beforeEach(async () => {
  database = await testDatabase({ empty: true });
  folder = join(temporaryDir().path, "migrations");
  mkdirSync(folder);
  writeFileSync(join(folder, "001_first.sql"), "CREATE TABLE first (n int); INSERT INTO first VALUES (1);");
  writeFileSync(join(folder, "002_second.sql"), "ALTER TABLE first ADD COLUMN m int;");
});

afterEach(() => database.close());

const run = () => migrate(database.pool, log, folder);

describe("migrate", () => {
  it("applies what is new, in order, and nothing twice", async () => {
    expect(await run()).toEqual(["001_first.sql", "002_second.sql"]);
    expect(await run()).toEqual([]);
    writeFileSync(join(folder, "003_third.sql"), "CREATE TABLE third ();");
    expect(await run()).toEqual(["003_third.sql"]);
  });

  it("is applied once by four processes that start together", async () => {
    const children = Array.from({ length: 4 }, () => startProcess(CHILD, [database.connectionString, folder]));
    const applied = await Promise.all(children.map(async (child) => JSON.parse((await child.line())!) as string[]));
    await Promise.all(children.map((child) => child.leave()));
    expect(applied.flat().sort()).toEqual(["001_first.sql", "002_second.sql"]);
    expect((await database.pool.query("SELECT n FROM first")).rows).toEqual([{ n: 1 }]);
  });

  it("applies the product's own tables", async () => {
    const names = await migrate(database.pool, log);
    expect(names[0]).toMatch(/^001_/);
    expect(await migrate(database.pool, log)).toEqual([]);
  });

  it("leaves nothing of a migration that fails, and names it", async () => {
    writeFileSync(join(folder, "002_second.sql"), "CREATE TABLE half (); SELECT 1/0;");
    await expect(run()).rejects.toThrow("migration 002_second.sql: division by zero");
    const { rows } = await database.pool.query("SELECT to_regclass('first') IS NOT NULL AS first, to_regclass('half') AS half");
    expect(rows).toEqual([{ first: true, half: null }]);
  });

  it("refuses a migration that was edited after it landed", async () => {
    await run();
    appendFileSync(join(folder, "001_first.sql"), "-- a comment");
    await expect(run()).rejects.toThrow(/migration 001_first.sql was edited after it was applied/);
  });

  it("that is killed in the middle leaves nothing, and lets go of the lock without waiting for its statement", async () => {
    writeFileSync(join(folder, "002_second.sql"), "CREATE TABLE half (); SELECT pg_sleep(600);");
    const child = startProcess(CHILD, [database.connectionString, folder]);
    const sleeping = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
    await vi.waitFor(async () => expect((await database.pool.query(sleeping)).rowCount).toBe(1), { timeout: 60_000 });
    await child.kill();
    writeFileSync(join(folder, "002_second.sql"), "CREATE TABLE whole ();");
    expect(await run()).toEqual(["002_second.sql"]);
    const { rows } = await database.pool.query("SELECT to_regclass('half') AS half, to_regclass('whole') IS NOT NULL AS whole");
    expect(rows).toEqual([{ half: null, whole: true }]);
  });

  it("says which migrations of a newer version it does not know", async () => {
    await run();
    rmSync(join(folder, "002_second.sql"));
    const lines: string[] = [];
    await migrate(database.pool, createLog("warn", { write: (line: string) => void lines.push(line) }), folder);
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { level: "warn", migration: "002_second.sql", msg: expect.stringContaining("it is newer") },
    ]);
  });

  it("accepts a database that is newer than this version", async () => {
    await run();
    rmSync(join(folder, "002_second.sql"));
    expect(await run()).toEqual([]);
  });

  it("refuses two migrations of one number, and one without", async () => {
    writeFileSync(join(folder, "002_other.sql"), "");
    await expect(run()).rejects.toThrow(/migration 002_second.sql: its name must start with a number of its own/);
    rmSync(join(folder, "002_other.sql"));
    writeFileSync(join(folder, "later.sql"), "");
    await expect(run()).rejects.toThrow(/migration later.sql/);
  });
});
