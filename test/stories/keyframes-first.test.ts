import { afterAll, beforeAll, expect, test } from "vitest";
import { type App, openApp } from "../../src/app.js";
import { hashFrames } from "../../src/hash-frames.js";
import { readFrames } from "../../src/media/frames.js";
import { probeMedia } from "../../src/media/probe.js";
import type { Reading } from "../../src/model.js";
import { createLog } from "../../src/platform/log.js";
import { register } from "../../src/register.js";
import { judge, scan } from "../../src/scan.js";
import { firstLook } from "../../src/verdict/decide.js";
import { POLICY } from "../../src/verdict/policy.js";
import { decoder, dir, LIMITS, make, mediaFile, video } from "../media/support.js";
import { testConfig } from "../support/config.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { rowsOf } from "./support.js";

const { signal } = new AbortController();
const KNOWN = "friday.mp4";
/** Half a minute, since what is short is read in full. */
const OTHERS = Array.from({ length: 2 }, () => ["flower.webm", "rabbit320.webm", "stream-of-water.mp4"]).flat();

/** One after the other, with a keyframe every second, as telephones write them, or every so many seconds. */
function inTurn(name: string, clips: string[], keyframeEveryS = 1): string {
  const shaped = clips.map((_, i) => `[${i}:v]scale=640:360,setsar=1,fps=25[v${i}]`).join(";");
  const joined = `${clips.map((_, i) => `[v${i}]`).join("")}concat=n=${clips.length}:v=1[v]`;
  const inputs = clips.flatMap((clip) => ["-i", video(clip)]);
  const h264 = ["-c:v", "libx264", "-preset", "ultrafast", "-g", `${25 * keyframeEveryS}`, "-sc_threshold", "0"];
  return make(...inputs, "-filter_complex", `${shaped};${joined}`, "-map", "[v]", ...h264, name);
}

let database: TestDatabase;
let app: App;

beforeAll(async () => {
  database = await testDatabase();
  const env = { DATABASE_URL: database.connectionString, MEDIA_ROOTS: dir };
  app = await openApp(testConfig(env), createLog("silent"));
  await register(app.registerSteps, { path: video(KNOWN) }, { caseId: "C-1", label: "known", provenance: "own" }, signal);
});

afterAll(async () => {
  await app.close();
  await database.close();
});

/** What a scan learns from the keyframes alone. */
async function keyframesOf(path: string): Promise<Reading> {
  const file = mediaFile(path);
  const probe = await probeMedia(file, decoder, LIMITS, signal);
  const keyframes = readFrames(file, probe, decoder, { ...LIMITS, sampling: { mode: "keyframes", framesPerSecond: 4 } }, signal);
  const read = await hashFrames(keyframes, "video", { withinBits: 8, shortestMs: 0 }, true);
  return {
    ...read,
    sha256: "",
    bytes: 0,
    kind: "video",
    durationMs: probe.durationMs,
    timingsMs: { fetch: 0, decode: 0, hash: 0 },
  };
}

const submitted = (id: string, path: string) => scan(app.scanSteps, { id, media: { path }, priority: 0, metadata: {} }, signal);

test("of an innocent video no more than the keyframes are read, and its verdict says so", async () => {
  const path = inTurn("others.mp4", OTHERS);
  const { outcome, reading } = await submitted("s-innocent", path);
  expect(outcome.verdict).toBe("clear");
  expect(reading).toMatchObject({ unread: "between keyframes", framesRead: Math.ceil(reading!.durationMs / 1_000) });
  const { rows } = await database.pool.query("select reasons from verdict where submission_id = 's-innocent'");
  expect(rows[0].reasons).toEqual([
    `nothing in its keyframes resembles known material (${reading!.fingerprints.length} pictures compared; of the rest no more than six seconds were read, and what is near to what may resemble some)`,
  ]);
  expect(await rowsOf(database.pool, "s-innocent")).toEqual({ verdicts: 1, alerts: 0, takedowns: 0 });
});

test("of one whose keyframes are five seconds apart all is read but what comes before most of them, and its verdict says so", async () => {
  const path = inTurn("others-5.mp4", OTHERS, 5);
  const { outcome, reading } = await submitted("s-innocent-5", path);
  expect(outcome.verdict).toBe("clear");
  const all = 4 * (reading!.durationMs / 1_000);
  expect(reading!.unread).toBe("before keyframes");
  expect(reading!.framesRead).toBeGreaterThan(0.5 * all);
  expect(reading!.framesRead).toBeLessThan(0.8 * all);
  const { rows } = await database.pool.query("select reasons from verdict where submission_id = 's-innocent-5'");
  expect(rows[0].reasons).toEqual([
    `nothing in it resembles known material (${reading!.fingerprints.length} pictures compared; up to two seconds before keyframes were not read)`,
  ]);
});

test.each([1, 5])(
  "a known video between others is read in full, and told where it is, with a keyframe every %d s",
  async (everyS) => {
    const path = inTurn(`buried-${everyS}.mp4`, [OTHERS[0], KNOWN, ...OTHERS.slice(1)], everyS);
    const { outcome, reading } = await submitted(`s-known-${everyS}`, path);
    expect(outcome).toMatchObject({ verdict: "match", caseIds: ["C-1"] });
    expect(reading).not.toHaveProperty("unread");
    expect(reading!.framesRead).toBeGreaterThan(3 * (reading!.durationMs / 1_000));
  },
);

test("a known video whose keyframes show something else is found all the same, by what lies between", async () => {
  const shaped = (i: number) => `[${i}:v]scale=640:360,setsar=1,fps=25`;
  const masked = `${shaped(0)}[known];${shaped(1)}[other];[known][other]overlay=enable='lt(mod(n,25),3)'[v]`;
  const inputs = ["-stream_loop", "5", "-i", video(KNOWN), "-stream_loop", "5", "-i", video(OTHERS[0])];
  const h264 = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-sc_threshold", "0", "-t", "30"];
  const path = make(...inputs, "-filter_complex", masked, "-map", "[v]", ...h264, "masked.mp4");
  const keyframes = await keyframesOf(path);
  expect(firstLook(keyframes, await app.scanSteps.lookup(keyframes), POLICY).isClear).toBe(true);
  const { outcome, reading } = await submitted("s-masked", path);
  expect(outcome).toMatchObject({ verdict: "match", caseIds: ["C-1"] });
  expect(reading).not.toHaveProperty("unread");
});

test("a dry run reads as little as a worker, and who sends hashes reads all", async () => {
  const path = inTurn("others-again.mp4", OTHERS);
  const dryRun = await app.readLocal({ path }, "as a worker", signal);
  expect(dryRun.unread).toBe("between keyframes");
  const { verdict, found, timingsMs } = await judge(app.scanSteps, dryRun);
  expect(verdict.kind).toBe("clear");
  // They were looked up once, to know whether the rest must be read.
  expect(timingsMs.lookup).toBe(found.tookMs);
  const hashes = await app.readLocal({ path }, "for its hashes", signal);
  expect(hashes).not.toHaveProperty("unread");
  expect(hashes.fingerprints.length).toBeGreaterThan(2 * dryRun.fingerprints.length);
});
