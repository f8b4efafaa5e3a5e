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
  expect(report.floors.map((floor) => floor.limit)).toEqual([2, 2, 400]);
});

test("prints a table for people", async () => {
  const text = await benchScan("--hours", "0");
  expect(text).toMatch(/^full decode +\d/m);
  expect(text).toMatch(/^lookup +[\d.]+ ms/m);
  expect(text).toMatch(/^FLOOR +LIMIT +MEASURED +KEPT$/m);
});

test("an address is refused", async () => {
  await expect(benchScan("--files", "https://example.org/a.mp4")).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining("is an address"),
  });
});
