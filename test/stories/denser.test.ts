import { afterAll, beforeAll, expect, test } from "vitest";
import { type App, openApp } from "../../src/app.js";
import { createLog } from "../../src/platform/log.js";
import { register } from "../../src/register.js";
import { judge, scan } from "../../src/scan.js";
import { dir, make, video } from "../media/support.js";
import { testConfig } from "../support/config.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { rowsOf } from "./support.js";

const { signal } = new AbortController();
/** A hand and a doorknob on a plain wall: of four pictures a second few show anything that can be compared. */
const KNOWN = video("doorknob-hd-no-bar.mp4");

let database: TestDatabase;
let app: App;

beforeAll(async () => {
  database = await testDatabase();
  app = await openApp(testConfig({ DATABASE_URL: database.connectionString, MEDIA_ROOTS: dir }), createLog("silent"));
  await register(app.registerSteps, { path: KNOWN }, { caseId: "C-1", label: "known", provenance: "own" }, signal);
});

afterAll(async () => {
  await app.close();
  await database.close();
});

/** As the bench's attack of this name makes it. */
const trimmedMirroredSlower = () => {
  const change = "scale=480:-2,fps=25,trim=0.8:3.6,setpts=(PTS-STARTPTS)/0.9,fps=25,hflip,format=yuv420p";
  return make("-i", KNOWN, "-an", "-vf", change, "-c:v", "libx264", "-preset", "veryfast", "-crf", "28", "slower.mp4");
};

test("what four pictures a second leave for review is read again more densely, and recorded once, as a match", async () => {
  const path = trimmedMirroredSlower();
  const { outcome, reading } = await scan(app.scanSteps, { id: "s-1", media: { path }, priority: 0, metadata: {} }, signal);
  const { verdict } = await judge(app.scanSteps, reading!.before!);
  expect(verdict.kind).toBe("review");
  expect(reading!.framesRead).toBeGreaterThan(2.5 * reading!.before!.framesRead);
  expect(outcome).toMatchObject({ verdict: "match", caseIds: ["C-1"] });
  expect(await rowsOf(database.pool, "s-1")).toEqual({ verdicts: 1, alerts: 1, takedowns: 1 });
});

test("what was looked up to know whether to read again is not looked up twice, and its time is told", async () => {
  const path = make("-i", KNOWN, "-an", "-vf", "scale=400:-2", "-preset", "ultrafast", "plain-copy.mp4");
  const reading = await app.readLocal({ path }, "as a worker", signal);
  expect(reading).not.toHaveProperty("before");
  const { found, verdict, timingsMs } = await judge(app.scanSteps, reading);
  expect(verdict.kind).toBe("match");
  expect(timingsMs.lookup).toBe(found.tookMs);
  expect(timingsMs.lookup).toBeGreaterThan(0);
});

test("a dry run says the same", async () => {
  const reading = await app.readLocal({ path: trimmedMirroredSlower() }, "as a worker", signal);
  expect((await judge(app.scanSteps, reading)).verdict).toMatchObject({
    kind: "match",
    matches: [{ transform: { mirrored: true } }],
  });
});
