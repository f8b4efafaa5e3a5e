import { spawn } from "node:child_process";
import { once } from "node:events";
import { dirname } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type Cli, clip, copy, expectOneSentence, linesOf, openCli } from "./support.js";

/** Every step starts a process, which takes its time on a busy machine. */
vi.setConfig({ testTimeout: 180_000 });

let cli: Cli;

beforeAll(async () => {
  cli = await openCli();
});
afterAll(() => cli.close());

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
    const runs = await cli.inPairs(["", ...commands].map((command) => [...command.split(" ").filter(Boolean), "--help"]));
    for (const [i, { code, stdout, stderr }] of runs.entries()) {
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).toContain(`Usage: reupload ${commands[i - 1] ?? ""}`.trimEnd());
    }
    for (const command of commands) expect(runs[0].stdout).toContain(command.split(" ")[0]);
    expect(runs[0].stdout).toContain("0 done, 1 something failed, 2 wrong usage");
  });

  test("whoever stops reading what it prints is shown no error", async () => {
    const loader = fileURLToPath(new URL("../support/typescript.mjs", import.meta.url));
    const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
    const child = spawn(process.execPath, ["--import", loader, main, "--help"], { stdio: ["ignore", "pipe", "pipe"] });
    child.stdout.destroy();
    const [said, [code]] = await Promise.all([text(child.stderr), once(child, "exit")]);
    expect({ code, said }).toEqual({ code: 0, said: "" });
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
    const runs = await cli.inPairs(wrong.map(([, args]) => args));
    for (const [i, result] of runs.entries()) {
      const [what, , says] = wrong[i];
      expect(result.code, what).toBe(2);
      expectOneSentence(result, says);
    }
  });

  test("a wrong configuration is told in one sentence that names every bad variable, with exit code 2", async () => {
    const bad = { HTTP_PORT: "99999", WORKER_CONCURRENCY: "0", REDIS_URL: "http://x" };
    for (const args of [["status"], ["start"]]) {
      const result = await cli.run(args, bad);
      expect(result.code).toBe(2);
      expectOneSentence(result, /^reupload: configuration: (?=.*HTTP_PORT)(?=.*WORKER_CONCURRENCY)(?=.*REDIS_URL)/);
    }
  });

  test("a database that cannot be reached is told in one sentence, with exit code 1", async () => {
    const result = await cli.run(["status"], { DATABASE_URL: "postgres://nobody@127.0.0.1:1/none" });
    expect(result.code).toBe(1);
    expectOneSentence(result, /database: /);
  });
});

describe("the machine", () => {
  test("doctor and migrate are content, with the embedded database too", async () => {
    const embedded = { DATABASE_URL: "" };
    const migrated = await cli.run(["migrate"], embedded);
    expect(migrated).toMatchObject({ code: 0, stderr: "" });
    expect(migrated.stdout).toMatch(/up to date: 001_first/);
    for (const over of [embedded, {}]) {
      const result = await cli.run(["doctor"], over);
      expect(result.code, result.stdout).toBe(0);
      const lines = linesOf(result.stdout);
      for (const line of lines) expect(line).toMatch(/^(ok {6}|warning {1}) ?[\w ]+: ./);
      expect(lines.map((line) => line.slice(9, line.indexOf(":")))).toEqual([
        "node",
        "ffmpeg",
        "MEDIA_SANDBOX",
        "MEDIA_ROOTS",
        "MEDIA_TMP_DIR",
        over === embedded ? "embedded database" : "DATABASE_URL",
        "clock",
        "migrations",
        "hash index",
        "accounts",
        "WEBHOOK_KEY",
        "SUBMISSION_RETENTION_DAYS",
        "queues in Postgres",
        "processes",
        "QUEUE_PREFIX",
        "PUBLIC_URL",
      ]);
    }
  });

  test("doctor fails, and says why, when something is missing", async () => {
    const result = await cli.run(["doctor"], { MEDIA_ROOTS: "/nowhere" });
    expect(result.code).toBe(1);
    expect(result.stdout).toMatch(/^failed {3}MEDIA_ROOTS: \/nowhere cannot be read/m);
  });
});
