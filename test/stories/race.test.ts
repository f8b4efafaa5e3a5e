import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type App, openApp } from "../../src/app.js";
import { ALGORITHM } from "../../src/fingerprint/fingerprint-frame.js";
import type { Reading, Submission } from "../../src/model.js";
import { createLog } from "../../src/platform/log.js";
import { type RegisterSteps, register } from "../../src/register.js";
import { type ScanSteps, scan } from "../../src/scan.js";
import { testConfig } from "../support/config.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { readingOf } from "../support/material.js";
import { ONE_OF_EACH, PATIENCE, rowsOf } from "./support.js";

/** Every step is the real one; what is added happens before or after it, so that the order is the test's. */

const { signal } = new AbortController();
let database: TestDatabase;
let app: App;
let made = 0;

beforeAll(async () => {
  database = await testDatabase();
  const config = testConfig({ DATABASE_URL: database.connectionString, DATABASE_POOL: "20" });
  app = await openApp(config, createLog("silent"));
});

afterAll(async () => {
  await app.close();
  await database.close();
});

const material = (): Reading => readingOf(1000 + ++made, 8, ALGORITHM);

/** Scans made-up material as if it had been read from a file. */
function scanOf(reading: Reading, id = `s-${++made}`, steps: Partial<ScanSteps<never>> = {}) {
  const submission: Submission = { id, media: { path: `/${id}` }, platform: "videosite", priority: 0, metadata: {} };
  return scan({ ...app.scanSteps, read: async () => reading, ...(steps as object) }, submission, signal);
}

function registerOf(reading: Reading, caseId: string, steps: Partial<RegisterSteps> = {}) {
  const known = { caseId, label: "known", provenance: "own" };
  return register({ ...app.registerSteps, read: async () => reading, ...steps }, { path: "/known" }, known, signal);
}

describe("material that is registered while the same is being scanned is found, once:", () => {
  test("registered after the scan's lookup: the scan looks again before it records", async () => {
    const reading = material();
    const { outcome } = await scanOf(reading, "after-lookup", {
      lookup: async (...about) => {
        const found = await app.scanSteps.lookup(...about);
        await registerOf(reading, "C-after-lookup");
        return found;
      },
    });
    expect(outcome).toMatchObject({ verdict: "match", caseIds: ["C-after-lookup"], reuploadNumber: 1 });
    expect(await rowsOf(database.pool, "after-lookup")).toEqual(ONE_OF_EACH);
  });

  test("registered while the scan records: it waits, and its look-back finds the submission", async () => {
    const reading = material();
    let registration: ReturnType<typeof registerOf> | undefined;
    const { outcome } = await scanOf(reading, "recording", {
      lookupIfChanged: async (tx, ...about) => {
        const found = await app.scanSteps.lookupIfChanged(tx, ...about);
        registration = registerOf(reading, "C-recording");
        await vi.waitFor(async () => expect(await waitingForTheIndex()).toBe(1), PATIENCE);
        return found;
      },
    });
    expect(outcome.verdict).toBe("clear");
    expect((await registration!).earlierUploads).toBe(1);
    expect(await rowsOf(database.pool, "recording")).toEqual({ verdicts: 2, alerts: 1, takedowns: 1 });
  });

  test("scanned between a registration and its look-back: the look-back has nothing to add", async () => {
    const reading = material();
    const { earlierUploads } = await registerOf(reading, "C-between", {
      past: async function* () {
        expect((await scanOf(reading, "between")).outcome.verdict).toBe("match");
        yield* app.registerSteps.past();
      },
    });
    expect(earlierUploads).toBe(0);
    expect(await rowsOf(database.pool, "between")).toEqual(ONE_OF_EACH);
  });

  test("scanned while the look-back is under way: whichever comes second has nothing to add", async () => {
    const reading = material();
    await scanOf(reading, "first");
    await registerOf(reading, "C-under-way", {
      recordLookBack: async (...about) => {
        await scanOf(reading, "second");
        return app.registerSteps.recordLookBack(...about);
      },
    });
    expect(await rowsOf(database.pool, "first")).toEqual({ verdicts: 2, alerts: 1, takedowns: 1 });
    expect(await rowsOf(database.pool, "second")).toEqual(ONE_OF_EACH);
  });

  test("twelve scans and four registrations at once: every case learns of every upload, and none of any twice", async () => {
    const reading = material();
    const ids = Array.from({ length: 12 }, (_, i) => `crowd-${i}`);
    const cases = ["C-a", "C-b", "C-c", "C-d"];
    await Promise.all([...ids.map((id) => scanOf(reading, id)), ...cases.map((caseId) => registerOf(reading, caseId))]);
    const { rows } = await database.pool.query<{ id: string; told: string[]; takedowns: number }>(
      `select payload->>'submissionId' as id,
              array_agg(c order by c) filter (where c is not null) as told,
              (select count(*)::int from takedown t where t.submission_id = o.payload->>'submissionId') as takedowns
       from outbox o left join lateral jsonb_array_elements_text(o.payload->'cases') c on true
       where payload->>'submissionId' like 'crowd-%'
       group by 1, 3 order by 1`,
    );
    expect(rows).toEqual([...ids].sort().map((id) => ({ id, told: cases, takedowns: 1 })));
    for (const caseId of cases) expect(await numbersOf(caseId)).toEqual(ids.map((_, i) => i + 1));
  });
});

/** Transactions that wait for an advisory lock, as a registration does while a verdict is being recorded. */
async function waitingForTheIndex(): Promise<number> {
  const { rows } = await database.pool.query<{ n: number }>(
    `select count(*)::int as n from pg_locks l join pg_database d on d.oid = l.database
     where l.locktype = 'advisory' and not l.granted and d.datname = current_database()`,
  );
  return rows[0].n;
}

async function numbersOf(caseId: string): Promise<number[]> {
  const { rows } = await database.pool.query<{ number: number }>(
    "select number from reupload where case_id = $1 order by number",
    [caseId],
  );
  return rows.map((row) => row.number);
}
