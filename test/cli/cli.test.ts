import { basename } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { SUBMISSIONS } from "../../src/intake/client.js";
import type { ScanJob } from "../../src/intake/job.js";
import { jobIdFor } from "../../src/platform/queues.js";
import { startService } from "../../src/service.js";
import { image, video } from "../media/support.js";
import { verdictOn } from "../stories/support.js";
import { temporaryDir } from "../support/temporary-dir.js";
import { broken, type Cli, clip, copy, expectOneSentence, expectPlain, hostile, linesOf, openCli } from "./support.js";

/** Every step starts a process, which takes its time on a busy machine. */
vi.setConfig({ testTimeout: 180_000 });

let cli: Cli;

beforeAll(async () => {
  cli = await openCli();
});
afterAll(() => cli.close());

async function rowCounts(): Promise<Record<string, number>> {
  const tables = ["case", "reference", "reference_fingerprint", "submission", "submission_fingerprint", "verdict", "match"];
  const all = [...tables, "alert", "takedown", "outbox", "parked_job", "audit_log"];
  const { rows } = await cli.app.database.pool.query(
    all.map((table) => `select '${table}' as name, count(*)::int as n from "${table}"`).join(" union all "),
  );
  return Object.fromEntries(rows.map((row) => [row.name, row.n]));
}

describe("known material", () => {
  test("is added, listed and retired", async () => {
    const added = await cli.run(["known", "add", image("butterfly.jpg"), "--case", "C-1", "--label", "the butterfly"]);
    expect(added).toMatchObject({ code: 0, stderr: "" });
    const [id] = added.stdout.split(" ");
    expect(added.stdout).toMatch(/^[0-9a-f-]{36} {2}C-1 {2}the butterfly: registered, \d+ fingerprints?\n$/);

    const again = await cli.run(["known", "add", image("butterfly.jpg"), "--case", "C-1"]);
    expect(again).toMatchObject({ code: 0, stdout: `${id}  C-1  the butterfly: was known already\n` });

    const listed = await cli.run(["known", "list", "--json"]);
    expect(linesOf(listed.stdout).map((line) => JSON.parse(line))).toMatchObject([
      { id, caseId: "C-1", label: "the butterfly", kind: "image", provenance: "own", retiredAt: null },
    ]);
    expect((await cli.run(["known", "list"])).stdout).toMatch(new RegExp(`${id} +C-1 +the butterfly +image .*active`));

    expect(await cli.run(["known", "retire", id])).toMatchObject({ code: 0, stdout: `${id} is retired\n` });
    expect((await cli.run(["known", "list", "--json"])).stdout).toBe("");
    expect(await cli.run(["known", "list", "--all"])).toMatchObject({ stdout: expect.stringContaining("retired") });
    expect(await cli.run(["known", "retire", id])).toMatchObject({ code: 2 });
  });

  test("that cannot be read is told by name, with exit code 1, and the rest is added", async () => {
    const result = await cli.run(["known", "add", broken, image("dinosaur.jpg"), "--case", "C-2"]);
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(new RegExp(`^reupload: ${broken}: .+\n$`));
    expect(result.stdout).toContain("dinosaur.jpg: registered");
  });
});

describe("check", () => {
  let reference: string;
  beforeAll(async () => {
    const { stdout } = await cli.run(["known", "add", image("butterfly.jpg"), video("friday.mp4"), "--case", "C-17"]);
    reference = linesOf(stdout)[1].split(" ")[0];
  });

  test("prints one JSON line a file, in the order given, and records nothing", async () => {
    const before = await rowCounts();
    const result = await cli.run(["check", "--json", clip, image("teapot.jpg"), broken, copy]);
    expect(result).toMatchObject({ code: 0, stderr: "" });
    const lines = linesOf(result.stdout).map((line) => JSON.parse(line));
    expect(lines.map(({ file, kind, verdict }) => [file, kind, verdict])).toEqual([
      [clip, "video", "match"],
      [image("teapot.jpg"), "image", "clear"],
      [broken, null, "unscannable"],
      [copy, "image", "match"],
    ]);
    expect(await rowCounts()).toEqual(before);
    expect(lines[1]).toMatchObject({ matches: [], reasons: [expect.any(String)] });
    expect(lines[2]).toMatchObject({ sha256: null, durationMs: null, matches: [], reasons: [expect.any(String)] });
  });

  test("says of a match all that the contract promises", async () => {
    const { stdout } = await cli.run(["check", "--json", clip]);
    const checked = JSON.parse(stdout);
    const milliseconds = expect.any(Number);
    expect(checked).toMatchObject({
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      durationMs: milliseconds,
      reasons: [expect.any(String)],
      timingsMs: { decode: milliseconds, hash: milliseconds, lookup: milliseconds, align: milliseconds },
    });
    expect(checked.matches[0]).toMatchObject({
      case: "C-17",
      reference: { id: reference, label: basename(video("friday.mp4")) },
      verdict: "match",
      transform: { mirrored: true, rotatedDeg: 0, speed: expect.closeTo(1, 1), cropped: expect.any(Boolean) },
      segments: [
        {
          submissionFromMs: milliseconds,
          submissionToMs: milliseconds,
          referenceFromMs: milliseconds,
          referenceToMs: milliseconds,
        },
      ],
      framesAgreeing: expect.any(Number),
      medianDistanceBits: expect.any(Number),
    });
    for (const share of ["confidence", "coverageOfReference", "coverageOfSubmission"]) {
      expect(checked.matches[0][share]).toBeGreaterThan(0.5);
      expect(checked.matches[0][share]).toBeLessThanOrEqual(1);
    }
  });

  test("says the same to a person, with the reasons when asked", async () => {
    const result = await cli.run(["check", copy, broken, "--explain"]);
    expect(result.code).toBe(0);
    const lines = linesOf(result.stdout);
    expect(lines[0]).toBe(`${copy}: match (case C-17)`);
    expect(lines[1]).toMatch(/^ {2}\w.*/);
    expect(lines).toContain(`${broken}: unscannable`);
  });
});

describe("in a pipe", () => {
  test("there are no progress bars and no escape codes, whatever files are called", async () => {
    const runs = await cli.inPairs([
      ["check", hostile, copy],
      ["check", "--json", hostile],
      ["known", "add", hostile, image("urban-bear.jpg"), "--case", "C-3"],
      ["submit", hostile],
      ["status", "no\u001b[2Jbody"],
    ]);
    for (const result of runs) expectPlain(result);
    const outside = await cli.run(["submit", hostile], { MEDIA_ROOTS: temporaryDir().path });
    expectPlain(outside);
    expect(outside.stderr).toContain("outside MEDIA_ROOTS");
    const listed = await cli.run(["known", "list"]);
    expectPlain(listed);
    expect(JSON.parse(runs[1].stdout).file).toBe(hostile);
  });
});

describe("a submission", () => {
  test("is submitted, scanned by the service, and asked after", async () => {
    const submitted = await cli.run(["submit", copy, "--id", "post-1", "--platform", "imageboard", "--uploader", "profile-1"]);
    expect(submitted).toEqual({ code: 0, stdout: "post-1\n", stderr: "" });
    expect(await cli.run(["status", "post-1"])).toMatchObject({ code: 0, stdout: "post-1: not scanned yet (waiting)\n" });

    const service = await startService(cli.app, ["worker", "relay"]);
    await verdictOn(cli.app.database.pool, "post-1");
    await service.stop();

    const person = await cli.run(["status", "post-1"]);
    expect(person).toMatchObject({ code: 0, stderr: "" });
    expect(person.stdout).toMatch(
      /^post-1: match \(case C-17\)\n(.*\n)* {2}alert .*: match, open\n {2}takedown .*: queued, attempt 1\n/,
    );
    expect(JSON.parse((await cli.run(["status", "post-1", "--json"])).stdout)).toMatchObject({
      submissionId: "post-1",
      verdict: "match",
      takedown: { state: "queued" },
    });
  });

  test("with an id that was used for another file is refused, with exit code 2", async () => {
    const result = await cli.run(["submit", clip, "--id", "post-1"]);
    expect(result.code).toBe(2);
    expectOneSentence(result, /submissionId: was used before for other content; media/);
  });

  test("outside MEDIA_ROOTS is fingerprinted on the spot, and only its hashes are queued", async () => {
    const elsewhere = { MEDIA_ROOTS: temporaryDir().path };
    const { code, stdout } = await cli.run(["submit", clip, "--id", "hashes-1"], elsewhere);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "hashes-1\n" });
    const queued = await cli.app.queues.queue<ScanJob>(SUBMISSIONS).getJob(jobIdFor("hashes-1"));
    expect(queued!.data.media).toMatchObject({ kind: "video", sha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(queued!.data.media).not.toHaveProperty("path");
    expect(queued!.data.media.fingerprints!.length).toBeGreaterThan(3);
  });

  test("that nobody knows of is told in one sentence, with exit code 1", async () => {
    const result = await cli.run(["status", "nobody"]);
    expect(result.code).toBe(1);
    expectOneSentence(result, /nobody/);
  });

  test("status without one shows how the whole system stands", async () => {
    const { code, stdout } = await cli.run(["status", "--json"]);
    expect(code).toBe(0);
    const counts = await rowCounts();
    expect(JSON.parse(stdout)).toMatchObject({
      database: "external",
      queues: "postgres",
      fingerprints: expect.any(Number),
      openAlerts: counts.alert,
      outboxWaiting: 0,
      parked: 0,
    });
  });
});
