import { readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type App, openApp } from "../../src/app.js";
import { createLog } from "../../src/platform/log.js";
import { startService } from "../../src/service.js";
import { dir, image, make, video } from "../media/support.js";
import { reupload, verdictOn } from "../stories/support.js";
import { testConfig } from "../support/config.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { temporaryDir } from "../support/temporary-dir.js";

const copy = make("-i", image("butterfly.jpg"), "-vf", "hflip,scale=400:-2", "-q:v", "6", "copy.jpg");
const clip = make("-i", video("friday.mp4"), "-an", "-vf", "hflip,scale=320:-2", "-preset", "ultrafast", "clip.mp4");
const broken = join(dir, "broken.mp4");
writeFileSync(broken, "this is not a video");
/** A name that would clear the screen, and set the window's title. */
const hostile = join(dir, "a\u001b[2J\u001b]0;gotcha\u0007\u009bb.jpg");
writeFileSync(hostile, readFileSync(image("teapot.jpg")));

let database: TestDatabase;
let app: App;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  database = await testDatabase();
  const config = testConfig({ DATABASE_URL: database.connectionString, MEDIA_ROOTS: dir });
  env = {
    DATABASE_URL: database.connectionString,
    REUPLOAD_DATA_DIR: config.dataDir,
    MEDIA_ROOTS: dir,
    MEDIA_TMP_DIR: config.mediaTmpDir,
  };
  app = await openApp(config, createLog("silent"));
});

afterAll(async () => {
  await app.close();
  await database.close();
});

interface Run {
  code: number;
  stdout: string;
  stderr: string;
}

async function run(args: string[], over: NodeJS.ProcessEnv = {}): Promise<Run> {
  const child = reupload(args, { ...env, ...over });
  const result = { code: -1, stdout: "", stderr: "" };
  child.stdout!.setEncoding("utf8").on("data", (text) => {
    result.stdout += text;
  });
  child.stderr!.setEncoding("utf8").on("data", (text) => {
    result.stderr += text;
  });
  result.code = await new Promise((resolve) => child.once("close", (code) => resolve(code ?? -1)));
  return result;
}

const linesOf = (text: string): string[] => text.split("\n").filter((line) => line !== "");

/** One sentence that says what is wrong, and nothing of how the program is made. */
function expectOneSentence({ stderr, stdout }: Run, says: RegExp): void {
  expect(stderr).toMatch(/^reupload: .+\n$/);
  expect(stderr).toMatch(says);
  expect(stderr).not.toMatch(/\n\s+at |node:internal|\.[jt]s:\d/);
  expect(stdout).toBe("");
}

/** Only printable text and line breaks: no colours, no progress bars, nothing a file name could smuggle in. */
const expectPlain = ({ stdout, stderr }: Run) => expect(stdout + stderr).toMatch(/^[^\p{Cc}]*(\n[^\p{Cc}]*)*$/u);

async function rowCounts(): Promise<Record<string, number>> {
  const tables = ["case", "reference", "reference_fingerprint", "submission", "submission_fingerprint", "verdict", "match"];
  const all = [...tables, "alert", "takedown", "outbox", "parked_job", "audit_log"];
  const { rows } = await database.pool.query(
    all.map((table) => `select '${table}' as name, count(*)::int as n from "${table}"`).join(" union all "),
  );
  return Object.fromEntries(rows.map((row) => [row.name, row.n]));
}

describe("usage", () => {
  const commands = [
    "bench",
    "bench scan",
    "demo",
    "start",
    "known",
    "known add",
    "known list",
    "known retire",
    "submit",
    "status",
    "check",
    "doctor",
    "migrate",
  ];

  test("every command explains itself, and the whole program lists its commands", async () => {
    const runs = await inPairs(["", ...commands].map((command) => [...command.split(" ").filter(Boolean), "--help"]));
    for (const [i, { code, stdout, stderr }] of runs.entries()) {
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).toContain(`Usage: reupload ${commands[i - 1] ?? ""}`.trimEnd());
    }
    for (const command of commands) expect(runs[0].stdout).toContain(command.split(" ")[0]);
    expect(runs[0].stdout).toContain("0 done, 1 something failed, 2 wrong usage");
  });

  const wrong: [what: string, args: string[], says: RegExp][] = [
    ["an unknown command", ["frobnicate"], /frobnicate/],
    ["an unknown option", ["check", "--loud", copy], /--loud/],
    ["no file", ["check"], /file/],
    ["a file that does not exist", ["check", "nowhere.mp4"], /nowhere\.mp4: there is no such file/],
    ["a folder", ["check", dirname(copy)], /is not a file/],
    ["known material without a case", ["known", "add", copy], /--case/],
    ["a case with a space", ["known", "add", copy, "--case", "C 1"], /--case: must be/],
    ["a reference that does not exist", ["known", "retire", "17"], /17/],
    ["one id for two files", ["submit", copy, clip, "--id", "x"], /--id/],
    ["a page that is a script", ["submit", copy, "--page-url", "javascript:alert(1)"], /pageUrl: must be/],
    ["a priority that is no number", ["submit", copy, "--priority", "high"], /priority/],
  ];

  test("wrong usage is told in one sentence, with exit code 2", async () => {
    const runs = await inPairs(wrong.map(([, args]) => args));
    for (const [i, result] of runs.entries()) {
      const [what, , says] = wrong[i];
      expect(result.code, what).toBe(2);
      expectOneSentence(result, says);
    }
  });

  test("a wrong configuration is told in one sentence that names every bad variable, with exit code 2", async () => {
    const bad = { HTTP_PORT: "99999", WORKER_CONCURRENCY: "0", REDIS_URL: "http://x" };
    for (const args of [["status"], ["start"]]) {
      const result = await run(args, bad);
      expect(result.code).toBe(2);
      expectOneSentence(result, /^reupload: configuration: (?=.*HTTP_PORT)(?=.*WORKER_CONCURRENCY)(?=.*REDIS_URL)/);
    }
  });

  test("a database that cannot be reached is told in one sentence, with exit code 1", async () => {
    const result = await run(["status"], { DATABASE_URL: "postgres://nobody@127.0.0.1:1/none" });
    expect(result.code).toBe(1);
    expectOneSentence(result, /database: /);
  });
});

describe("known material", () => {
  test("is added, listed and retired", async () => {
    const added = await run(["known", "add", image("butterfly.jpg"), "--case", "C-1", "--label", "the butterfly"]);
    expect(added).toMatchObject({ code: 0, stderr: "" });
    const [id] = added.stdout.split(" ");
    expect(added.stdout).toMatch(/^[0-9a-f-]{36} {2}C-1 {2}the butterfly: registered, \d+ fingerprints?\n$/);

    const again = await run(["known", "add", image("butterfly.jpg"), "--case", "C-1"]);
    expect(again).toMatchObject({ code: 0, stdout: `${id}  C-1  the butterfly: was known already\n` });

    const listed = await run(["known", "list", "--json"]);
    expect(linesOf(listed.stdout).map((line) => JSON.parse(line))).toMatchObject([
      { id, caseId: "C-1", label: "the butterfly", kind: "image", provenance: "own", retiredAt: null },
    ]);
    expect((await run(["known", "list"])).stdout).toMatch(new RegExp(`${id} +C-1 +the butterfly +image .*active`));

    expect(await run(["known", "retire", id])).toMatchObject({ code: 0, stdout: `${id} is retired\n` });
    expect((await run(["known", "list", "--json"])).stdout).toBe("");
    expect(await run(["known", "list", "--all"])).toMatchObject({ stdout: expect.stringContaining("retired") });
    expect(await run(["known", "retire", id])).toMatchObject({ code: 2 });
  });

  test("that cannot be read is told by name, with exit code 1, and the rest is added", async () => {
    const result = await run(["known", "add", broken, image("dinosaur.jpg"), "--case", "C-2"]);
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(new RegExp(`^reupload: ${broken}: .+\n$`));
    expect(result.stdout).toContain("dinosaur.jpg: registered");
  });
});

describe("check", () => {
  let reference: string;
  beforeAll(async () => {
    const { stdout } = await run(["known", "add", image("butterfly.jpg"), video("friday.mp4"), "--case", "C-17"]);
    reference = linesOf(stdout)[1].split(" ")[0];
  });

  test("prints one JSON line a file, in the order given, and records nothing", async () => {
    const before = await rowCounts();
    const result = await run(["check", "--json", clip, image("teapot.jpg"), broken, copy]);
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
    const { stdout } = await run(["check", "--json", clip]);
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
      transform: { mirrored: true, rotatedDeg: 0, speed: 1, cropped: expect.any(Boolean) },
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
    const result = await run(["check", copy, broken, "--explain"]);
    expect(result.code).toBe(0);
    const lines = linesOf(result.stdout);
    expect(lines[0]).toBe(`${copy}: match (case C-17)`);
    expect(lines[1]).toMatch(/^ {2}\w.*/);
    expect(lines).toContain(`${broken}: unscannable`);
  });
});

describe("in a pipe", () => {
  test("there are no progress bars and no escape codes, whatever files are called", async () => {
    const runs = await inPairs([
      ["check", hostile, copy],
      ["check", "--json", hostile],
      ["known", "add", hostile, image("urban-bear.jpg"), "--case", "C-3"],
      ["submit", hostile],
      ["status", "no\u001b[2Jbody"],
    ]);
    for (const result of runs) expectPlain(result);
    const outside = await run(["submit", hostile], { MEDIA_ROOTS: temporaryDir().path });
    expectPlain(outside);
    expect(outside.stderr).toContain("outside MEDIA_ROOTS");
    const listed = await run(["known", "list"]);
    expectPlain(listed);
    expect(JSON.parse(runs[1].stdout).file).toBe(hostile);
  });
});

describe("a submission", () => {
  test("is submitted, scanned by the service, and asked after", async () => {
    const submitted = await run(["submit", copy, "--id", "post-1", "--platform", "imageboard", "--uploader", "profile-1"]);
    expect(submitted).toEqual({ code: 0, stdout: "post-1\n", stderr: "" });
    expect(await run(["status", "post-1"])).toMatchObject({ code: 0, stdout: "post-1: not scanned yet (waiting)\n" });

    const service = await startService(app, ["worker", "relay"]);
    await verdictOn(database.pool, "post-1");
    await service.stop();

    const person = await run(["status", "post-1"]);
    expect(person).toMatchObject({ code: 0, stderr: "" });
    expect(person.stdout).toMatch(
      /^post-1: match \(case C-17\)\n(.*\n)* {2}alert .*: match, open\n {2}takedown .*: queued, attempt 1\n/,
    );
    expect(JSON.parse((await run(["status", "post-1", "--json"])).stdout)).toMatchObject({
      submissionId: "post-1",
      verdict: "match",
      takedown: { state: "queued" },
    });
  });

  test("with an id that was used for another file is refused, with exit code 2", async () => {
    const result = await run(["submit", clip, "--id", "post-1"]);
    expect(result.code).toBe(2);
    expectOneSentence(result, /submissionId: was used before for other content; media/);
  });

  test("outside MEDIA_ROOTS is fingerprinted on the spot, and found by its hashes", async () => {
    const elsewhere = { MEDIA_ROOTS: temporaryDir().path };
    const { code, stdout } = await run(["submit", clip, "--id", "hashes-1"], elsewhere);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "hashes-1\n" });
  });

  test("that nobody knows of is told in one sentence, with exit code 1", async () => {
    const result = await run(["status", "nobody"]);
    expect(result.code).toBe(1);
    expectOneSentence(result, /nobody/);
  });

  test("status without one shows how the whole system stands", async () => {
    const { code, stdout } = await run(["status", "--json"]);
    expect(code).toBe(0);
    const counts = await rowCounts();
    expect(JSON.parse(stdout)).toMatchObject({
      database: "external",
      queues: "postgres",
      references: counts.reference - 1,
      openAlerts: counts.alert,
      outboxWaiting: 0,
      parked: 0,
    });
  });
});

describe("the machine", () => {
  test("doctor and migrate are content, with the embedded database too", async () => {
    const embedded = { DATABASE_URL: "" };
    const migrated = await run(["migrate"], embedded);
    expect(migrated).toMatchObject({ code: 0, stderr: "" });
    expect(migrated.stdout).toMatch(/up to date: 001_first/);
    for (const over of [embedded, {}]) {
      const result = await run(["doctor"], over);
      expect(result.code, result.stdout).toBe(0);
      const lines = linesOf(result.stdout);
      for (const line of lines) expect(line).toMatch(/^(ok {6}|warning {1}) ?[\w ]+: ./);
      expect(lines.map((line) => line.slice(9, line.indexOf(":")))).toEqual([
        "node",
        "ffmpeg",
        "MEDIA_ROOTS",
        "MEDIA_TMP_DIR",
        over === embedded ? "embedded database" : "DATABASE_URL",
        "queues in Postgres",
      ]);
    }
  });

  test("doctor fails, and says why, when something is missing", async () => {
    const result = await run(["doctor"], { MEDIA_ROOTS: "/nowhere" });
    expect(result.code).toBe(1);
    expect(result.stdout).toMatch(/^failed {3}MEDIA_ROOTS: \/nowhere cannot be read/m);
  });
});

/** Two at a time: as many as the machine this must run on has cores. */
async function inPairs(commands: string[][]): Promise<Run[]> {
  const results: Run[] = [];
  for (let i = 0; i < commands.length; i += 2) {
    results.push(...(await Promise.all(commands.slice(i, i + 2).map((args) => run(args)))));
  }
  return results;
}
