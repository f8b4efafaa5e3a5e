import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, expect, test } from "vitest";
import { temporaryDir } from "../support/temporary-dir.js";

const run = promisify(execFile);
const SCRIPT = fileURLToPath(new URL("../../scripts/capacity.mjs", import.meta.url));
const folder = temporaryDir();
afterAll(() => folder.remove());

/** One CPU second of workers and 10 ms of the database a submission, which asks 80 hashes and leaves 1 kB. */
const REPORTS = {
  index: {
    inMemory: [{ hashes: 1e7, perCpuS: 1000, bytesPerHash: 100 }],
    exponent: 0.5,
    postgres: { bytesPerHash: { all: 300 } },
  },
  scan: {
    throughput: { submissions: 10, runs: [{ cpu: { decodersMs: 6000, workersMs: 4000 }, fingerprintsPerSubmission: 10 }] },
  },
  load: {
    submissions: 1000,
    cpu: { databaseMs: 10_000 },
    before: [{ table: "verdict", bytes: 1e6 }],
    after: [
      { table: "verdict", bytes: 2e6 },
      { table: "reupload_queue.job", bytes: 9e9 },
    ],
  },
};

async function capacity(reports: Record<string, unknown>): Promise<string[][]> {
  const paths = Object.entries(reports).map(([name, report]) => {
    const path = join(folder.path, `${name}.json`);
    writeFileSync(path, JSON.stringify(report));
    return path;
  });
  const { stdout } = await run(process.execPath, [SCRIPT, ...paths]);
  return stdout
    .split("\n")
    .filter((line) => line.startsWith("| ") && !line.includes("---"))
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

const rowOf = (rows: string[][], hashes: string) => rows.find(([h]) => h === hashes)!;

test("machines follow from the measured costs, and what was not measured is marked", async () => {
  const rows = await capacity(REPORTS);
  expect(rows.map(([first]) => first)).toEqual(["known hashes", "lookups at the peak", "1 M", "10 M", "100 M *", "1 G *"]);
  // At the peak 10 M a day are 231/s, each of 80 hashes.
  expect(rows[1].at(-1)).toBe("19,000/s");
  // 231 cores scan, and 18,519 lookups/s at 1000 a core second take 18.5: 250 cores of machines of 16, 60 % busy. 2.3 cores of a database,
  // and 10 M times 365 kB in 2 TB each.
  expect(rowOf(rows, "10 M")).toEqual([
    "10 M",
    "1 GB",
    expect.any(String),
    expect.any(String),
    expect.any(String),
    "27 + 2 (230 + 19; 3.7 TB)",
  ]);
});

test("an index that fits no machine is divided, and each part is asked every lookup", async () => {
  const [, memory, , , , cell] = rowOf(await capacity(REPORTS), "1 G *");
  expect(memory).toBe("100 GB in 2 parts");
  // 100 times the hashes take 10 times the time; two parts of half as many, 1.41 times that.
  expect(cell).toMatch(/\(230 \+ 260;/);
});

test("a missing report is told in a sentence", async () => {
  await expect(run(process.execPath, [SCRIPT, SCRIPT])).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^capacity: .+\n$/),
  });
});

test("a report without a figure is told by what is missing, not by a table of what is no number", async () => {
  await expect(capacity({ ...REPORTS, index: { ...REPORTS.index, postgres: undefined } })).rejects.toMatchObject({
    stderr: expect.stringMatching(/^capacity: the reports do not say diskPerHash; .*bench index --postgres/),
    stdout: "",
  });
});
