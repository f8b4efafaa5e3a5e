import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { runCli } from "../../src/cli/program.js";
import { acceptLink } from "../../src/people/links.js";
import { signIn } from "../../src/people/sign-in.js";
import { whoOfToken } from "../../src/people/tokens.js";
import { expectOneSentence, expectPlain, linesOf, type Run } from "../cli/support.js";
import { testConfig } from "../support/config.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { startProcess } from "../support/process.js";
import { ORIGIN, PASSWORD } from "./support.js";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase();
  vi.stubEnv("DATABASE_URL", database.connectionString);
  vi.stubEnv("REUPLOAD_DATA_DIR", testConfig().dataDir);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await database.close();
});

const pool = () => database.pool;

/** The program as its entry runs it, in this process: what it says is caught on its way out. */
async function run(args: string[]): Promise<Run> {
  const result = { code: -1, stdout: "", stderr: "" };
  const spies = (["stdout", "stderr"] as const).map((stream) =>
    vi.spyOn(process[stream], "write").mockImplementation((text) => {
      result[stream] += text;
      return true;
    }),
  );
  try {
    result.code = await runCli(args);
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
  return result;
}

/** A process of its own, for its standard input. */
async function exitCodeWithInput(args: string[], input: string): Promise<number> {
  const { child } = startProcess(MAIN, args);
  child.stdin!.end(input);
  const [code] = await once(child, "exit");
  return code;
}

const inOrder = async (commands: string[][]) => {
  const results: Run[] = [];
  for (const args of commands) results.push(await run(args));
  return results;
};

describe("reupload user", () => {
  it("makes an account and prints a link that gives it a password", async () => {
    vi.stubEnv("PUBLIC_URL", "https://console.example.org");
    const added = await run(["user", "add", "ana", "--role", "admin"]);
    vi.stubEnv("PUBLIC_URL", "");
    expect(added).toMatchObject({ code: 0, stderr: "" });
    const [, secret] = /^https:\/\/console\.example\.org\/welcome\/([\w-]{43})\n$/.exec(added.stdout)!;
    await acceptLink(pool(), secret, { name: "", password: PASSWORD, language: "en" }, ORIGIN);
    const reset = await run(["user", "reset", "ANA"]);
    expect(reset.stdout).toMatch(/^\/welcome\/[\w-]{43}\n$/);
    const listed = await run(["user", "list"]);
    expectPlain(listed);
    expect(linesOf(listed.stdout)[1]).toMatch(/^ana +admin +en +- +password +active$/);
  });

  it("reads a password from standard input", async () => {
    expect(await exitCodeWithInput(["user", "add", "bora", "--password-stdin"], `${PASSWORD}\n`)).toBe(0);
    expect(await signIn(pool(), { name: "bora", password: PASSWORD }, ORIGIN)).toBeDefined();
  });

  it("disables and enables, but not the last admin", async () => {
    expectOneSentence(await run(["user", "disable", "ana"]), /last admin/);
    expect((await run(["user", "disable", "bora"])).stdout).toBe("bora is disabled\n");
    expect(await signIn(pool(), { name: "bora", password: PASSWORD }, ORIGIN)).toBeUndefined();
    expect((await run(["user", "enable", "bora"])).stdout).toBe("bora is enabled\n");
    expect(await signIn(pool(), { name: "bora", password: PASSWORD }, ORIGIN)).toBeDefined();
  });

  it("says what is wrong", async () => {
    const [taken, unknown, role] = await inOrder([
      ["user", "add", "Ana"],
      ["user", "reset", "nobody"],
      ["user", "add", "x", "--role", "root"],
    ]);
    expectOneSentence(taken, /name: is taken/);
    expectOneSentence(unknown, /nobody has this name/);
    expectOneSentence(role, /role: must be viewer, caseworker or admin/);
    expect([taken.code, unknown.code, role.code]).toEqual([2, 2, 2]);
  });
});

describe("reupload token", () => {
  it("makes one, printed once, and revokes it", async () => {
    const made = await run(["token", "create", "intake", "--scopes", "submissions:write, submissions:read", "--days", "30"]);
    const secret = made.stdout.trim();
    expect(await whoOfToken(pool(), secret)).toMatchObject({ name: "intake" });
    const listed = await run(["token", "list"]);
    expect(listed.stdout).toContain("submissions:read,submissions:write");
    expect(listed.stdout).not.toContain(secret);
    expect((await run(["token", "revoke", "intake"])).stdout).toBe("intake is revoked\n");
    expect(await whoOfToken(pool(), secret)).toBeUndefined();
    expectOneSentence(await run(["token", "revoke", "intake"]), /no such token in use/);
  });

  it("says which right there is not, and which there are", async () => {
    expectOneSentence(await run(["token", "create", "x", "--scopes", "alerts:erase"]), /no right "alerts:erase".*alerts:write/);
  });
});

describe("reupload audit", () => {
  it("finds the log whole, and an earlier head in it; says so with exit code 1 when it is not", async () => {
    const first = await run(["audit", "verify"]);
    expect(first.code).toBe(0);
    const [, rows, head] = /^rows (\d+)\nhead ([0-9a-f]{64})\n$/.exec(first.stdout)!;
    await run(["token", "create", "later", "--scopes", "alerts:read"]);
    const later = await run(["audit", "verify", "--from-head", head]);
    expect(later).toMatchObject({ code: 0, stderr: "" });
    expect(later.stdout).toContain(`the earlier head is that of row ${rows}\n`);
    const [unknown, wrong] = await inOrder([
      ["audit", "verify", "--from-head", "0".repeat(64)],
      ["audit", "verify", "--from-head", "0"],
    ]);
    expect(unknown.code).toBe(1);
    expect(unknown.stderr).toMatch(/no longer in it/);
    expectOneSentence(wrong, /--from-head: must be 64 hexadecimal digits/);
    await pool().query(`
      alter table audit_log disable trigger refuse_audit_change;
      update audit_log set actor = 'person:eve' where number = 2;
      alter table audit_log enable trigger refuse_audit_change`);
    const broken = await run(["audit", "verify"]);
    expect(broken.code).toBe(1);
    expect(broken.stdout).toMatch(/^rows 1\nhead [0-9a-f]{64}\n$/);
    expect(broken.stderr).toMatch(/^reupload: the audit log is broken: row 2 /);
  });

  it("lists the newest first, by actor and subject", async () => {
    const { stdout } = await run(["audit", "list", "--json", "--actor", "cli", "--subject", "token:intake", "--limit", "5"]);
    expect(linesOf(stdout).map((line) => JSON.parse(line).act)).toEqual(["token revoked", "token made"]);
  });
});
