import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { hashesCommand } from "../../src/cli/hashes.js";
import { listAudit } from "../../src/platform/audit.js";
import { pdqHex } from "../exchange/support.js";
import { mediaServer } from "../stories/support.js";
import { testConfig } from "../support/config.js";
import { type TestDatabase, testDatabase } from "../support/database.js";

let database: TestDatabase;
let folder: string;
beforeAll(async () => {
  database = await testDatabase();
  const config = testConfig({ DATABASE_URL: database.connectionString });
  folder = config.dataDir;
  vi.stubEnv("DATABASE_URL", database.connectionString);
  vi.stubEnv("REUPLOAD_DATA_DIR", config.dataDir);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await database.close();
});
afterEach(() => vi.restoreAllMocks());

/** Runs `reupload hashes …` in this process; a failure is what the program would say and exit with 2 or 1. */
async function run(...args: string[]) {
  const result = { code: 0, stdout: "", stderr: "" };
  const into = (name: "stdout" | "stderr") => (text: unknown) => {
    result[name] += String(text);
    return true;
  };
  vi.spyOn(process.stdout, "write").mockImplementation(into("stdout"));
  vi.spyOn(process.stderr, "write").mockImplementation(into("stderr"));
  const program = new Command().addCommand(
    hashesCommand((code) => {
      result.code = code;
    }),
  );
  overrideExits(program);
  try {
    await program.parseAsync(["hashes", ...args], { from: "user" });
  } finally {
    vi.restoreAllMocks();
  }
  return result;
}

/** As the program does: a command that cannot go on throws. */
function overrideExits(command: Command): void {
  command.exitOverride();
  command.commands.forEach(overrideExits);
}

const file = (name: string, text: string) => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

describe("hashes import", () => {
  it("says what it did, and names every bad line with its file", async () => {
    const list = file("a.txt", `pdq ${pdqHex(1)}\npdq nonsense\npdq ${pdqHex(2)}\nmd5 ${"a".repeat(32)}\n`);
    const first = await run("import", "--format", "threatexchange", "--list", "TE", list);
    expect(first.stdout).toBe(
      "2 added, 0 as before, 0 changed, 0 withdrawn, 1 without a hash that can be looked for, 1 that could not be read\n",
    );
    expect(first.stderr.split("\n")).toEqual([
      `${list}: line 2: signal: is not 64 hexadecimal digits: it has 8 characters`,
      `${list}: line 4: type: md5 is not supported: only pdq and vpdq find altered copies`,
      "",
    ]);
    expect(first.code).toBe(1);
  });

  it("as a dry run says what would change; whole lists withdraw what they do not have", async () => {
    const list = file("b.txt", `pdq ${pdqHex(1)}\npdq ${pdqHex(3)}\n`);
    const dry = await run("import", "--format", "threatexchange", "--list", "TE", "--replace", "--dry-run", list);
    expect(dry).toMatchObject({
      code: 0,
      stdout: "would be: 1 added, 1 as before, 0 changed, 1 withdrawn (nothing was changed)\n",
    });
    const real = await run("import", "--format", "threatexchange", "--list", "TE", "--replace", list);
    expect(real).toMatchObject({ code: 0, stdout: "1 added, 1 as before, 0 changed, 1 withdrawn\n", stderr: "" });
  });

  it.each([
    [["import", "--format", "csv", "--list", "X", "/no/such/file"], "/no/such/file: there is no such file"],
    [["import", "--format", "csv", "--list", "X", "/tmp"], "/tmp: is a folder"],
    [
      ["import", "--format", "csv", "--list", "own", "-"],
      '--list: must be 1-128 printable characters without spaces, and not "own"',
    ],
    [
      ["import", "--format", "csv", "--list", "X", "--case", "a b", "-"],
      "--case: must be 1-128 printable characters without spaces",
    ],
    [
      ["import", "--format", "xls", "--list", "X", "-"],
      "Allowed choices are csv, jsonl, threatexchange, vpdq, ncmec-xml, stopncii-json",
    ],
    [["import", "--format", "csv", "-"], "required option '--list <name>' not specified"],
    [["fetch", "ncmec", "--list", "X"], "NCMEC_USER: is not set"],
    [["fetch", "stopncii", "--list", "X", "--url", "http://example.org"], "--url: must begin with https://"],
    [["submit", "--case", "NOTHING"], "--case: NOTHING has no stills of its own to share"],
  ])("%j is wrong usage, and says how", async (args, says) => {
    await expect(run(...args)).rejects.toThrow(says);
  });

  it("that cannot be read as a whole says where", async () => {
    const list = file("c.xml", "<queryResult>\n<images>&bomb;</images></queryResult>");
    await expect(run("import", "--format", "ncmec-xml", "--list", "X", list)).rejects.toThrow(
      "line 2: has an entity that XML does not know",
    );
  });
});

describe("hashes export", () => {
  it("writes a new file that only its owner can read, and says how much is in it", async () => {
    const to = join(folder, "out.jsonl");
    const done = await run("export", "--format", "jsonl", "--list", "TE", to);
    expect(done.stderr).toBe("2 written\n");
    expect(
      readFileSync(to, "utf8")
        .trim()
        .split("\n")
        .map((l) => JSON.parse(l).hash)
        .sort(),
    ).toEqual([pdqHex(1), pdqHex(3)].sort());
    expect(statSync(to).mode & 0o777).toBe(0o600);
    await expect(run("export", "--format", "jsonl", to)).rejects.toThrow(`${to}: is there already: name a new file`);
    await expect(run("export", "--format", "jsonl", join(folder, "no/such/out"))).rejects.toThrow("its folder is not there");
  });

  it("to standard output writes nothing else there", async () => {
    const done = await run("export", "--format", "threatexchange", "--list", "TE", "--withdrawn", "-");
    expect(done.stdout.trim().split("\n").sort()).toEqual([`pdq ${pdqHex(1)}`, `pdq ${pdqHex(3)}`].sort());
    expect(done.stderr).toBe("2 written; 1 left out, which threatexchange cannot say\n");
  });
});

describe("hashes fetch and feedback", () => {
  it("fetch with credentials from the environment, tell what became of an entry, and log both", async () => {
    const asked: string[] = [];
    const server = await mediaServer((path, _nth, response, request) => {
      asked.push(`${request.method} ${path.split("?")[0]} ${request.headers["x-functions-key"]}`);
      const hashRecords = [{ signalType: "ImagePDQ", hashValue: pdqHex(7), hashStatus: "Active" }];
      response.end(JSON.stringify({ count: 1, hashRecords, hasMoreRecords: false, nextSetTimestamp: 3 }));
    });
    vi.stubEnv("STOPNCII_FUNCTIONS_KEY", "fk");
    vi.stubEnv("STOPNCII_SUBSCRIPTION_KEY", "sk");
    try {
      const fetched = await run("fetch", "stopncii", "--list", "NCII", "--url", `${server.url}/v1`);
      expect(fetched.stdout).toBe("1 added, 0 as before, 0 changed, 0 withdrawn\n");
      const { rows } = await database.pool.query("select list_entry from reference where provenance = 'NCII'");
      const told = await run("feedback", "--list", "NCII", "--value", "Blocked", "--url", `${server.url}/v1`, rows[0].list_entry);
      expect(told.stdout).toBe("1 told\n");
      expect(asked).toEqual(["GET /v1/FetchHashes fk", "POST /v1/SubmitFeedback fk"]);
      const log = await listAudit(database.pool, { subject: "list:NCII", limit: 2 });
      expect(log.map((row) => row.act)).toEqual(["hash feedback sent", "hash list imported"]);
    } finally {
      await server.close();
    }
  });
});
