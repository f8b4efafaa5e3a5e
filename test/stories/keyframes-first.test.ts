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
const KNOWN = "friday.mp4";
const OTHERS = ["flower.webm", "rabbit320.webm", "stream-of-water.mp4"];

/** One after the other, with a keyframe every two seconds, and none at cuts. */
function inTurn(name: string, clips: string[]): string {
  const shaped = clips.map((_, i) => `[${i}:v]scale=640:360,setsar=1,fps=25[v${i}]`).join(";");
  const joined = `${clips.map((_, i) => `[v${i}]`).join("")}concat=n=${clips.length}:v=1[v]`;
  const inputs = clips.flatMap((clip) => ["-i", video(clip)]);
  const h264 = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "50", "-sc_threshold", "0"];
  return make(...inputs, "-filter_complex", `${shaped};${joined}`, "-map", "[v]", ...h264, name);
}

let database: TestDatabase;
let app: App;

beforeAll(async () => {
  database = await testDatabase();
  const env = { DATABASE_URL: database.connectionString, MEDIA_ROOTS: dir, SCAN_KEYFRAMES_FIRST: "1" };
  app = await openApp(testConfig(env), createLog("silent"));
  await register(app.registerSteps, { path: video(KNOWN) }, { caseId: "C-1", label: "known", provenance: "own" }, signal);
});

afterAll(async () => {
  await app.close();
  await database.close();
});

const submitted = (id: string, path: string) => scan(app.scanSteps, { id, media: { path }, priority: 0, metadata: {} }, signal);

test("of an innocent video no more than the keyframes are read, and its verdict says so", async () => {
  const path = inTurn("others.mp4", OTHERS);
  const { outcome, reading } = await submitted("s-innocent", path);
  expect(outcome.verdict).toBe("clear");
  expect(reading).toMatchObject({ keyframesOnly: true, framesRead: Math.ceil(reading!.durationMs / 2_000) });
  const { rows } = await database.pool.query("select reasons from verdict where submission_id = 's-innocent'");
  expect(rows[0].reasons).toEqual([
    `nothing in its keyframes resembles known material (${reading!.fingerprints.length} pictures compared; the rest was not read)`,
  ]);
  expect(await rowsOf(database.pool, "s-innocent")).toEqual({ verdicts: 1, alerts: 0, takedowns: 0 });
});

test("a known video between others is read in full, and told where it is", async () => {
  const path = inTurn("buried.mp4", [OTHERS[0], KNOWN, ...OTHERS.slice(1)]);
  const { outcome, reading } = await submitted("s-known", path);
  expect(outcome).toMatchObject({ verdict: "match", caseIds: ["C-1"] });
  expect(reading).not.toHaveProperty("keyframesOnly");
  expect(reading!.framesRead).toBeGreaterThan(3 * (reading!.durationMs / 1_000));
});

test("a dry run reads as little as a worker, and who sends hashes reads all", async () => {
  const path = inTurn("others-again.mp4", OTHERS);
  const dryRun = await app.readLocal({ path }, "as a worker", signal);
  expect(dryRun.keyframesOnly).toBe(true);
  const { verdict, found, timingsMs } = await judge(app.scanSteps, dryRun);
  expect(verdict.kind).toBe("clear");
  // They were looked up once, to know whether the rest must be read.
  expect(timingsMs.lookup).toBe(found.tookMs);
  const hashes = await app.readLocal({ path }, "for its hashes", signal);
  expect(hashes).not.toHaveProperty("keyframesOnly");
  expect(hashes.fingerprints.length).toBeGreaterThan(2 * dryRun.fingerprints.length);
});
