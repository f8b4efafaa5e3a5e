import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ScanBenchReport } from "../../src/bench/scan.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { temporaryDir } from "../support/temporary-dir.js";

const run = promisify(execFile);
const place = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const CLIP = place("../../fixtures/videos/stream-of-water.mp4");
const folder = temporaryDir();

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(async () => {
  await database.close();
  folder.remove();
});

async function benchScan(...options: string[]): Promise<string> {
  const loader = place("../support/typescript.mjs");
  const args = ["--import", loader, place("../../src/main.ts"), "bench", "scan", "--files", CLIP, "--runs", "1", ...options];
  const env = {
    ...process.env,
    DATABASE_URL: database.connectionString,
    REUPLOAD_DATA_DIR: join(folder.path, "data"),
    MEDIA_TMP_DIR: folder.path,
  };
  const { stdout, stderr } = await run(process.execPath, args, { env });
  expect(stderr).toBe("");
  return stdout;
}

test("measures a file against ffmpeg and the memory of a longer one, as JSON", async () => {
  const report = JSON.parse(await benchScan("--hours", "0.01", "--json")) as ScanBenchReport;
  const [file] = report.files;
  expect(file).toMatchObject({ file: CLIP, verdict: "clear", framesRead: expect.any(Number) });
  expect(Object.keys(file.wallMs)).toEqual(["check", "full decode", "full decode, all cores", "keyframes only"]);
  expect(file.wallMs.check.median).toBeGreaterThan(0);
  expect(file.cpuMs["full decode"].median).toBeGreaterThan(0);
  expect(file.stagesMs.hash).toBeGreaterThan(0);
  expect(report.memory!.processBytes).toBeGreaterThan(10e6);
  expect(report.memory!.largestChildBytes).toBeGreaterThan(1e6);
  expect(report.floors.map((floor) => floor.limit)).toEqual([0.6, 2, 400]);
});

test("prints a table for people", async () => {
  const text = await benchScan("--hours", "0");
  expect(text).toMatch(/^full decode +\d/m);
  expect(text).toMatch(/^lookup +[\d.]+ ms/m);
  expect(text).toMatch(/^FLOOR +LIMIT +MEASURED +KEPT$/m);
});

test("measures worker processes on a stream through the queue, in a database of their own", async () => {
  const report = JSON.parse(await benchScan("--hours", "0", "--workers", "1", "--submissions", "5", "--json")) as ScanBenchReport;
  const { throughput } = report;
  expect(throughput).toMatchObject({ queue: "postgres", submissions: 5, stills: 3, videos: 2 });
  const [run] = throughput!.runs;
  expect(Object.values(run.verdicts).reduce((sum, n) => sum + n, 0)).toBe(5);
  expect(run).toMatchObject({ workers: 1, warnings: 0 });
  expect(run.fingerprintsPerSubmission).toBeGreaterThan(1);
  for (const ms of Object.values(run.cpu)) expect(ms).toBeGreaterThan(0);
  const { decodersMs, workersMs, databaseMs } = run.cpu;
  expect(run.overhead).toBeCloseTo((workersMs + databaseMs) / (decodersMs + workersMs + databaseMs), 6);
  expect(Object.values(run.stageShare).reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 6);
  expect(run.peakBytes).toHaveLength(1);
  expect(report.floors.at(-1)).toMatchObject({ limit: 35, measured: 100 * run.overhead, unit: "%" });
  const { rows } = await database.pool.query("select count(*)::int as n from submission");
  expect(rows).toEqual([{ n: 0 }]);
});

test("a list of workers with something else in it is refused", async () => {
  await expect(benchScan("--workers", "1,two")).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining("whole number from 1 to 64"),
  });
});

test("an address is refused", async () => {
  await expect(benchScan("--files", "https://example.org/a.mp4")).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining("is an address"),
  });
});
