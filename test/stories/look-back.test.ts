import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { type App, openApp } from "../../src/app.js";
import { alone, interruptedLookBacks } from "../../src/casework/look-back.js";
import { submissionReport } from "../../src/casework/report.js";
import type { NewReference } from "../../src/model.js";
import { createLog } from "../../src/platform/log.js";
import { register } from "../../src/register.js";
import { scan } from "../../src/scan.js";
import { dir, image, make, video } from "../media/support.js";
import { testConfig } from "../support/config.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { PATIENCE, rowsOf } from "./support.js";

const KNOWN = image("butterfly.jpg");
const { signal } = new AbortController();

/** Uploads from before anything was known. */
const uploads = {
  copy: make("-i", KNOWN, "-vf", "scale=400:-2", "-q:v", "6", "copy.jpg"),
  mirrored: make("-i", KNOWN, "-vf", "hflip", "mirrored.jpg"),
  turned: make("-i", KNOWN, "-vf", "transpose=1", "turned.png"),
  innocent: make("-i", image("teapot.jpg"), "innocent.jpg"),
  clip: make("-i", video("friday.mp4"), "-an", "-vf", "hflip,scale=320:-2", "-t", "4", "-preset", "ultrafast", "clip.mp4"),
};
const SHOWS_IT = ["copy", "mirrored", "turned"];
const DOES_NOT = ["innocent", "clip"];

let database: TestDatabase;
let app: App;

beforeAll(async () => {
  database = await testDatabase();
  app = await openApp(testConfig({ DATABASE_URL: database.connectionString, MEDIA_ROOTS: dir }), createLog("silent"));
  for (const [id, path] of Object.entries(uploads)) {
    const media = { path };
    const submission = { id, media, platform: "videosite", uploader: { id: "profile-1" }, priority: 0, metadata: {} };
    expect((await scan(app.scanSteps, submission, signal)).outcome.verdict, id).toBe("clear");
  }
});

afterAll(async () => {
  await app.close();
  await database.close();
});

/** Nothing is known again, and the uploads have only the verdict of their scan. */
beforeEach(async () => {
  await database.pool.query(`delete from "case"`);
  await database.pool.query("delete from verdict where origin = 'look-back'");
  await database.pool.query("delete from outbox");
});

const known: NewReference = { caseId: "C-1", label: "butterfly", provenance: "own" };
const registerKnown = (over: Partial<App["registerSteps"]> = {}) =>
  register({ ...app.registerSteps, ...over }, { path: KNOWN }, known, signal);

async function expectFound(): Promise<void> {
  for (const id of SHOWS_IT) {
    expect(await submissionReport(database.pool, id), id).toMatchObject({ verdict: "match", caseIds: ["C-1"] });
    expect(await rowsOf(database.pool, id)).toEqual({ verdicts: 2, alerts: 1, takedowns: 1 });
  }
  for (const id of DOES_NOT) {
    expect(await rowsOf(database.pool, id)).toEqual({ verdicts: 1, alerts: 0, takedowns: 0 });
  }
  const { rows } = await database.pool.query(
    "select queue, payload->>'submissionId' as id, coalesce(payload->>'kind', '') as kind from outbox order by 1, 2",
  );
  expect(rows).toEqual([
    ...SHOWS_IT.map((id) => ({ queue: "alerts", id, kind: "look-back" })),
    ...SHOWS_IT.map((id) => ({ queue: "takedowns", id, kind: "" })),
  ]);
}

/** As if the process that looked back had died an hour ago. */
const letTimePass = () => database.pool.query("update reference set created_at = now() - interval '1 hour'");

describe("registering known material", () => {
  test("finds its earlier uploads, mirrored and turned ones too, and asks for their takedown", async () => {
    const { earlierUploads } = await registerKnown();
    expect(earlierUploads).toBe(SHOWS_IT.length);
    await expectFound();
  });

  test("finds an earlier upload of a part of a video, mirrored", async () => {
    const video_ = { path: video("friday.mp4") };
    const { earlierUploads } = await register(app.registerSteps, video_, { ...known, caseId: "C-2" }, signal);
    expect(earlierUploads).toBe(1);
    expect(await submissionReport(database.pool, "clip")).toMatchObject({ verdict: "match", caseIds: ["C-2"] });
  });

  test("again finds nothing new, in the same case", async () => {
    await registerKnown();
    const again = await registerKnown();
    expect(again.reference.repeated).toBe(true);
    expect(again.earlierUploads).toBe(0);
    await expectFound();
  });
});

test("a look-back that has worked for a while lets the process do what waits", async () => {
  let waited = true;
  setImmediate(() => {
    waited = false;
  });
  const fromMs = performance.now();
  while (performance.now() - fromMs < 20);
  await app.registerSteps.rest();
  expect(waited).toBe(false);
});

describe("a look-back that was interrupted", () => {
  const dies = async (): Promise<never> => {
    throw new Error("the process died");
  };

  test("before its first submission is finished later, with the same outcome", async () => {
    await expect(registerKnown({ recordLookBack: dies })).rejects.toThrow("the process died");
    expect(await app.resumeLookBacks(signal)).toBe(0);
    await letTimePass();
    expect(await app.resumeLookBacks(signal)).toBe(1);
    await expectFound();
    expect(await app.resumeLookBacks(signal)).toBe(0);
  });

  test("half way is finished later, and tells nothing twice", async () => {
    let told = 0;
    const recordLookBack: App["registerSteps"]["recordLookBack"] = (...about) =>
      ++told > 1 ? dies() : app.registerSteps.recordLookBack(...about);
    await expect(registerKnown({ recordLookBack })).rejects.toThrow("the process died");
    await letTimePass();
    expect(await app.resumeLookBacks(signal)).toBe(1);
    await expectFound();
  });

  test("after its last submission is finished later, by two processes at once, and tells nothing twice", async () => {
    await expect(registerKnown({ lookedBack: dies })).rejects.toThrow("the process died");
    await letTimePass();
    const resumed = await Promise.all([app.resumeLookBacks(signal), app.resumeLookBacks(signal)]);
    expect(resumed[0] + resumed[1]).toBe(1);
    await expectFound();
    const { rows } = await database.pool.query("select 1 from reference where looked_back_at is null");
    expect(rows).toEqual([]);
  });

  test("is left alone while another process is at it, and taken over when that one's connection is gone", async () => {
    await expect(registerKnown({ recordLookBack: dies })).rejects.toThrow("the process died");
    await letTimePass();
    const [id] = await interruptedLookBacks(database.pool);
    const done = alone(database.pool, id, async () => {
      expect(await app.resumeLookBacks(signal)).toBe(0);
      await database.pool.query(
        `select pg_terminate_backend(l.pid) from pg_locks l join pg_database d on d.oid = l.database
         where l.locktype = 'advisory' and l.classid = 7233003 and d.datname = current_database()`,
      );
      await vi.waitFor(async () => expect(await app.resumeLookBacks(signal)).toBe(1), PATIENCE);
      return "ended";
    });
    expect(await done).toBe("ended");
    await expectFound();
    expect(await interruptedLookBacks(database.pool)).toEqual([]);
  });

  test("gives its lock back when the work fails, or its reference is deleted meanwhile", async () => {
    await expect(registerKnown({ recordLookBack: dies })).rejects.toThrow("the process died");
    await letTimePass();
    const [id] = await interruptedLookBacks(database.pool);
    await expect(alone(database.pool, id, dies)).rejects.toThrow("the process died");
    expect(await alone(database.pool, id, async () => "again")).toBe("again");
    await alone(database.pool, id, () => database.pool.query(`delete from "case"`));
    const locks = "select 1 from pg_locks where locktype = 'advisory' and classid = 7233003";
    await vi.waitFor(async () => expect((await database.pool.query(locks)).rows).toEqual([]), PATIENCE);
    expect(await alone(database.pool, id, async () => "again")).toBeUndefined();
  });

  test("is not resumed when its reference was retired meanwhile", async () => {
    await expect(registerKnown({ recordLookBack: dies })).rejects.toThrow("the process died");
    await letTimePass();
    await database.pool.query("update reference set retired_at = now()");
    expect(await app.resumeLookBacks(signal)).toBe(0);
  });
});
