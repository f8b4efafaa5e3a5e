import { expect, test } from "vitest";
import type { IndexBenchReport } from "../../src/bench/index.js";
import { textOf } from "../../src/cli/bench-index.js";

const inMemory = (hashes: number) => ({
  ...{ hashes, buildMs: 1_200, bytesPerHash: 142, oneThreadPerS: 8_600, allThreadsPerS: 12_600, perCpuS: 8_512 },
  ...{ submissionMs: { p50: 34, p99: 92 }, linearPerS: 34, verified: 16, verifiedHits: 12 },
});

const report: IndexBenchReport = {
  ...{ cores: 2, cpu: "a processor", node: "v20", threads: 2, exponent: 0.5, floors: [] },
  inMemory: [1_000_000, 3_000_000, 10_000_000].map(inMemory),
  postgres: {
    ...{
      hashes: 10_000_000,
      fillMs: 1,
      bytesPerHash: { postings: 173, all: 331 },
      oneConnectionPerS: 180,
      fourConnectionsPerS: 235,
    },
    ...{ perCpuS: 183, loadMs: 32_000, insertMs: { p50: 12, p95: 37, max: 1_400 }, postMs: 240, foundMs: { p50: 8, max: 88 } },
    ...{ goneMs: { p50: 4, max: 20 }, packMs: 600, compared: 2 },
  },
};

/** The cells of the line that begins like this. */
const line = (text: string, start: string) =>
  text
    .split("\n")
    .find((l) => l.trimStart().startsWith(start))
    ?.trim()
    .split(/ {2,}/);

test("the report says what counts on a busy machine, and the worst that was met", () => {
  const text = textOf(report);
  expect(line(text, "HASHES")).toContain("A CPU SECOND");
  expect(line(text, "10 M")).toContain("8,512");
  expect(line(text, "lookups for each second of the server's processor time")?.[1]).toBe("183");
  expect(line(text, "adding 60 fingerprints")?.[1]).toBe("12.0 / 37.0 / 1400.0");
  expect(line(text, "writing the postings")?.[1]).toBe("240");
});

test("without Postgres nothing is said of it", () => {
  expect(textOf({ ...report, postgres: undefined })).not.toContain("Postgres");
});
