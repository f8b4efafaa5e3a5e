import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type App, openApp } from "../../src/app.js";
import { createLog } from "../../src/platform/log.js";
import { register } from "../../src/register.js";
import { judge, scan } from "../../src/scan.js";
import { dir, image, make, video } from "../media/support.js";
import { testConfig } from "../support/config.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { rowsOf } from "./support.js";

const { signal } = new AbortController();
const FILES = { still: image("butterfly.jpg"), film: video("friday.mp4") };

/** Of the same material, and known in cases of their own. */
const COPIES = {
  still: () => make("-i", FILES.still, "-vf", "hflip,scale=500:-2", "-q:v", "5", "copy.jpg"),
  film: () => make("-i", FILES.film, "-an", "-vf", "hflip,scale=400:-2", "-preset", "ultrafast", "copy.mp4"),
};

let database: TestDatabase;
let app: App;

beforeAll(async () => {
  database = await testDatabase();
  app = await openApp(testConfig({ DATABASE_URL: database.connectionString, MEDIA_ROOTS: dir }), createLog("silent"));
  for (const name of ["still", "film"] as const) {
    await known(`${name} itself`, FILES[name]);
    await known(`${name} mirrored`, COPIES[name]());
  }
});

afterAll(async () => {
  await app.close();
  await database.close();
});

const known = (label: string, path: string) =>
  register(app.registerSteps, { path }, { caseId: `C-${label.replaceAll(" ", "-")}`, label, provenance: "own" }, signal);

/** The same bytes under another name. */
function uploaded(name: keyof typeof FILES): string {
  const path = join(dir, `upload-of-${name}`);
  copyFileSync(FILES[name], path);
  return path;
}

test.each(["still", "film"] as const)(
  "a %s that is uploaded as it is known is a match in every case that shows it, undecoded",
  async (name) => {
    const path = uploaded(name);
    const submission = { id: `s-${name}`, media: { path }, platform: "videosite", priority: 0, metadata: {} };
    const { outcome, reading } = await scan(app.scanSteps, submission, signal);
    expect(outcome).toMatchObject({ verdict: "match", caseIds: [`C-${name}-itself`, `C-${name}-mirrored`] });
    expect(reading!.timingsMs).toMatchObject({ decode: 0, hash: 0 });
    expect(await rowsOf(database.pool, submission.id)).toEqual({ verdicts: 1, alerts: 1, takedowns: 1 });
  },
);

test.each(["still", "film"] as const)("a dry run says the same of a %s", async (name) => {
  const reading = await app.readLocal({ path: uploaded(name) }, "as a worker", signal);
  expect(reading.timingsMs.decode).toBe(0);
  const { verdict } = await judge(app.scanSteps, reading);
  expect(verdict.matches.map((m) => m.caseId)).toEqual([`C-${name}-itself`, `C-${name}-mirrored`]);
  expect(verdict.matches[0]).toMatchObject({ coverageOfReference: 1, transform: { mirrored: false, speed: 1 } });
});

test("a file that only looks the same is decoded, and is a match as well", async () => {
  const path = make("-i", FILES.still, "-q:v", "2", "nearly.jpg");
  const reading = await app.readLocal({ path }, "for its hashes", signal);
  expect(reading.timingsMs.decode).toBeGreaterThan(0);
  const { verdict } = await judge(app.scanSteps, reading);
  expect(verdict.matches.map((m) => m.caseId)).toContain("C-still-itself");
});

test("registering the same bytes in a further case reads them in full", async () => {
  const { reading, reference } = await known("film again", uploaded("film"));
  expect(reading.timingsMs.decode).toBeGreaterThan(0);
  expect(reference.repeated).toBe(false);
});
