import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { matchOn, register, rowsOf, upload } from "../casework/recorded.js";
import { temporaryDir } from "../support/temporary-dir.js";
import { type Cli, expectOneSentence, expectPlain, linesOf, openCli } from "./support.js";

/** Every step starts a process, which takes its time on a busy machine. */
vi.setConfig({ testTimeout: 180_000 });

let cli: Cli;
const { path: folder } = temporaryDir();
const file = (name: string) => join(folder, name);
const pool = () => cli.app.database.pool;

beforeAll(async () => {
  cli = await openCli();
});
afterAll(() => cli.close());

test("a case is created, listed and shown", async () => {
  const created = await cli.run(["case", "create", "C-1", "--title", "Rasti\u001b[2J i parë", "--retain-until", "2099-12-31"]);
  expectOneSentence(created, /title: must be one line without control characters/);
  expect(
    await cli.run(["case", "create", "C-1", "--title", "Rasti i parë", "--class", "national", "--retain-until", "2099-12-31"]),
  ).toMatchObject({
    ...{ code: 0, stdout: "C-1 is created\n", stderr: "" },
  });
  await upload(pool(), [matchOn(await register(pool(), "C-1", 1, "a\u001b[2Jb.mp4"))]);
  const shown = await cli.run(["case", "show", "C-1"]);
  expectPlain(shown);
  for (const said of [
    "C-1: open, Rasti i parë",
    "class national",
    "kept until 2099-12-31T23:59:59.000Z",
    "1 upload, 1 profile, 1 platform, last ",
    "from own",
  ])
    expect(shown.stdout).toContain(said);
  const [listed, json] = await cli.inPairs([
    ["case", "list"],
    ["case", "list", "--json", "--text", "parë"],
  ]);
  expect(listed.stdout).toMatch(/^CASE +TITLE .*\nC-1 +Rasti i parë +open +1 +1 +1 +20/);
  expect(linesOf(json.stdout).map((line) => JSON.parse(line))).toMatchObject([{ id: "C-1", uploads: 1 }]);
});

test("a case is closed, opened again and merged", async () => {
  expect(await cli.run(["case", "close", "C-1"])).toMatchObject({ code: 0, stdout: "C-1 is closed\n" });
  expect(await cli.run(["case", "reopen", "C-1"])).toMatchObject({ code: 0, stdout: "C-1 is open\n" });
  await register(pool(), "C-2", 2);
  expect(await cli.run(["case", "merge", "C-1", "C-2"])).toMatchObject({
    code: 0,
    stdout: "C-1 is merged into C-2: 1 upload, 2 known\n",
  });
  expect((await cli.run(["case", "show", "C-1"])).stdout).toContain("was merged into C-2, which has all of its material");
});

test("wrong usage is one sentence that names what is wrong", async () => {
  const wrong: [string[], RegExp, number][] = [
    [["case", "create", "C-9", "--class", "bad"], /class: must be baseline, national or other/, 2],
    [["case", "create", "C-9", "--retain-until", "soon"], /--retain-until: must be a date/, 2],
    [["case", "show", "C-none"], /CASE: there is no case C-none/, 1],
    [["case", "merge", "C-none", "C-2"], /from: there is no case C-none/, 2],
    [["case", "evidence", "C-2"], /--json or --pdf: say which/, 2],
    [["case", "evidence", "C-2", "--pdf", "/nowhere/x.pdf"], /--pdf: \/nowhere\/x.pdf cannot be written \(ENOENT\)/, 2],
    [["case", "verify", "/nowhere/x.json"], /x.json: cannot be read \(ENOENT\)/, 2],
    [["erase", "uploader", "site", "nobody", "--reason", "x"], /ID: nothing is recorded of this uploader/, 2],
  ];
  const results = await cli.inPairs(wrong.map(([args]) => args));
  for (const [i, [, says, code]] of wrong.entries()) {
    expectOneSentence(results[i], says);
    expect(results[i].code).toBe(code);
  }
});

test("an evidence pack is written as JSON and PDF under one head, and a changed one is found out", async () => {
  const result = await cli.run([
    "case",
    "evidence",
    "C-2",
    "--json",
    file("pack.json"),
    "--pdf",
    file("pack.pdf"),
    "--language",
    "sq",
  ]);
  expect(result).toMatchObject({ code: 0, stderr: "" });
  const head = /head ([0-9a-f]{64})\n$/.exec(result.stdout)![1];
  expect(readFileSync(file("pack.pdf")).subarray(0, 5).toString()).toBe("%PDF-");
  const verified = await cli.run(["case", "verify", file("pack.json")]);
  expect(verified).toMatchObject({
    code: 0,
    stderr: "",
    stdout: expect.stringMatching(new RegExp(`entries as they were written, head ${head}\n$`)),
  });

  const streamed = await cli.run(["case", "evidence", "C-2", "--json"]);
  expect(JSON.parse(streamed.stdout)).toMatchObject({ format: "reupload-evidence/1", caseId: "C-2", madeBy: "cli" });
  writeFileSync(file("changed.json"), streamed.stdout.replace("videosite", "othersite"));
  const changed = await cli.run(["case", "verify", file("changed.json")]);
  expectOneSentence(changed, /changed.json: entry \d+: entry \d+ was changed after it was written/);
  expect(changed.code).toBe(1);
  writeFileSync(file("other.json"), "[]");
  expectOneSentence(await cli.run(["case", "verify", file("other.json")]), /is not an evidence pack/);
});

test("erasing shows what would go, and does it only when told to", async () => {
  await upload(pool(), [matchOn(await register(pool(), "C-3", 3))], { uploader: { id: "someone" } });
  const asked = await cli.run(["erase", "case", "C-3", "--reason", "court order"]);
  expect(asked).toMatchObject({
    code: 1,
    stdout: "case C-3: 1 known, 1 uploads\nnothing is erased yet; with --yes it is, for good\n",
  });
  expect(await cli.run(["case", "show", "C-3"])).toMatchObject({ code: 0 });
  const done = await cli.run(["erase", "case", "C-3", "--reason", "court order", "--yes"]);
  expect(done).toMatchObject({ code: 0, stderr: "" });
  expect(done.stdout).toMatch(/references +1\n[\s\S]*receipt [0-9a-f-]{36}, also in the audit log\n$/);
  expect(await rowsOf(pool(), `select 1 from "case" where id = 'C-3'`)).toEqual([]);

  await upload(pool(), [], { uploader: { id: "someone" } });
  expect((await cli.run(["erase", "uploader", "videosite", "someone", "--reason", "request"])).stdout).toContain(
    "1 submissions, 0 of them re-uploads",
  );
  expect(await cli.run(["erase", "uploader", "videosite", "someone", "--reason", "request", "--yes"])).toMatchObject({ code: 0 });
  expect(await rowsOf(pool(), `select 1 from submission where uploader_id = 'someone'`)).toEqual([]);
});
