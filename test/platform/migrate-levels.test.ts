import { copyFileSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type pg from "pg";
import { describe, expect, test } from "vitest";
import { listAlerts, readAlert } from "../../src/casework/alerts.js";
import { listTakedowns } from "../../src/casework/takedowns.js";
import { lookup } from "../../src/hash-index/lookup.js";
import { verifyAudit } from "../../src/platform/audit.js";
import { createLog } from "../../src/platform/log.js";
import { migrate } from "../../src/platform/migrate.js";
import { matchOn, register, upload } from "../casework/recorded.js";
import { testDatabase } from "../support/database.js";
import { temporaryDir } from "../support/temporary-dir.js";
import { KNOWN, REFERENCE, ROWS_OF_LEVEL } from "./rows-of-levels.js";

const FOLDER = fileURLToPath(new URL("../../src/platform/migrations", import.meta.url));
const NAMES = readdirSync(FOLDER)
  .filter((name) => name.endsWith(".sql"))
  .sort();
const log = createLog("silent");

/** A folder with the first `count` migrations: the program as it was then. */
function earlier(count: number): string {
  const folder = join(temporaryDir().path, "migrations");
  mkdirSync(folder);
  for (const name of NAMES.slice(0, count)) copyFileSync(join(FOLDER, name), join(folder, name));
  return folder;
}

type Rows = Map<string, Record<string, unknown>[]>;

async function rowsOfAllTables(pool: pg.Pool): Promise<Rows> {
  const { rows } = await pool.query<{ name: string }>(
    "select quote_ident(tablename) as name from pg_tables where schemaname = 'public' order by 1",
  );
  const all: Rows = new Map();
  for (const { name } of rows)
    all.set(
      name,
      (await pool.query(`select to_jsonb(t) as row from ${name} t order by 1`)).rows.map(({ row }) => row),
    );
  return all;
}

/** Tables that a migration is known to have replaced by others. */
const REPLACED = ["reference_band"];

/** Columns that a later migration makes and fills for rows that are there. */
const FILLED: Record<string, string[]> = { alert: ["case_id", "confidence", "reupload_number"] };

function expectKept(before: Rows, after: Rows): void {
  for (const [table, rows] of before) {
    if (REPLACED.includes(table) || table === "schema_migration") continue;
    const left = after.get(table);
    expect(left, `table ${table}`).toBeDefined();
    for (const row of rows) {
      const kept = Object.fromEntries(Object.entries(row).filter(([column]) => !FILLED[table]?.includes(column)));
      expect(left, `a row of ${table}`).toContainEqual(expect.objectContaining(kept));
    }
  }
}

describe("an installation of every earlier level, with rows in every table", () => {
  test.each(NAMES.slice(0, -1).map((name, i) => [name, i + 1] as const))(
    "of %s keeps every row, and goes on",
    async (_, level) => {
      const database = await testDatabase({ empty: true });
      try {
        const { pool } = database;
        // Rows are added level by level: what an early level wrote has gone through the migrations since.
        for (const [i, name] of NAMES.slice(0, level).entries()) {
          await migrate(pool, log, earlier(i + 1));
          await ROWS_OF_LEVEL[name.slice(0, 3)]?.(pool);
        }
        const before = await rowsOfAllTables(pool);
        for (const [table, rows] of before) expect(rows, `rows-of-levels.ts has none for ${table}`).not.toEqual([]);

        expect(await migrate(pool, log)).toEqual(NAMES.slice(level));
        expectKept(before, await rowsOfAllTables(pool));

        // What was there is found, shown and proven.
        const { hits } = await lookup(pool, KNOWN.fingerprints, "test/1", 31);
        expect(new Set(hits.map((hit) => hit.referenceAtMs))).toEqual(new Set(KNOWN.fingerprints.map(({ atMs }) => atMs)));
        const { alerts } = await listAlerts(pool, {}, { order: "newest", limit: 10 });
        expect(alerts).toMatchObject([{ submissionId: "up-1", state: "open", caseId: "C-17", reuploadNumber: 1 }]);
        expect((await readAlert(pool, alerts[0].id))?.matches).toHaveLength(1);
        expect((await listTakedowns(pool, {}, { limit: 10 })).takedowns).toMatchObject([
          { submissionId: "up-1", state: "queued" },
        ]);
        const audit = await verifyAudit(pool);
        expect([audit.rows, audit.broken]).toEqual([2, undefined]);

        // A further upload of it is the case's second, and new known material can be registered.
        const reference = { id: REFERENCE, caseId: "C-17", label: "old.mp4", kind: "video" } as Parameters<typeof matchOn>[0];
        const again = await upload(pool, [matchOn(reference)], { id: "again", reading: KNOWN });
        expect(again).toMatchObject({ reuploadNumber: 2, alertId: expect.any(String), takedownId: expect.any(String) });
        await register(pool, "C-18", 78);
        expect((await listAlerts(pool, {}, { order: "newest", limit: 10 })).alerts).toHaveLength(2);
      } finally {
        await database.close();
      }
    },
  );
});
