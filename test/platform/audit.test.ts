import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { audit, listAudit, verifyAudit } from "../../src/platform/audit.js";
import { transaction } from "../../src/platform/database.js";
import { createLog } from "../../src/platform/log.js";
import { migrate } from "../../src/platform/migrate.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { temporaryDir } from "../support/temporary-dir.js";

let database: TestDatabase;

beforeEach(async () => {
  database = await testDatabase({ poolSize: 8 });
});
afterEach(() => database.close());

const write = async (count: number) => {
  for (let i = 1; i <= count; i++)
    await audit(database.pool, {
      actor: "person:ana",
      act: "alert read",
      subject: `alert:${i}`,
      detail: { i, nested: { b: 1, a: "ë" } },
    });
};

/** What only the owner of the tables can do, and what must show afterwards. */
async function tamper(sql: string): Promise<void> {
  await database.pool.query(`
    alter table audit_log disable trigger refuse_audit_change;
    alter table audit_log disable trigger refuse_audit_truncate;
    alter table audit_log disable trigger chain_audit;
    ${sql};
    alter table audit_log enable trigger refuse_audit_change;
    alter table audit_log enable trigger refuse_audit_truncate;
    alter table audit_log enable trigger chain_audit`);
}

describe("the audit log", () => {
  it("is a chain: each hash covers the row and the hash before it", async () => {
    await write(3);
    const { rows } = await database.pool.query<{ sha256: Buffer; content: string }>(
      `select sha256, jsonb_build_array(number, actor, act, subject, detail, floor(extract(epoch from created_at) * 1000000)::bigint)::text as content
       from audit_log order by number`,
    );
    let previous = Buffer.alloc(0);
    for (const { sha256, content } of rows) {
      previous = createHash("sha256").update(previous).update(content).digest();
      expect(sha256).toEqual(previous);
    }
    expect(await verifyAudit(database.pool)).toEqual({ rows: 3, head: previous.toString("hex") });
  });

  it("is whole when nothing is in it", async () => {
    expect(await verifyAudit(database.pool)).toEqual({ rows: 0, head: null });
  });

  it("counts without gaps in the order of commits, whoever writes at once and whatever is rolled back", async () => {
    const one = (i: number) =>
      transaction(database.pool, async (tx) => {
        await audit(tx, { actor: `token:${i}`, act: "submitted", subject: `submission:${i}` });
        if (i % 5 === 0) throw new Error("changed my mind");
      });
    const outcomes = await Promise.allSettled(Array.from({ length: 40 }, (_, i) => one(i)));
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(32);
    const numbers = (await listAudit(database.pool, { limit: 100 })).map(({ number }) => number);
    expect(numbers).toEqual(Array.from({ length: 32 }, (_, i) => 32 - i));
    expect(await verifyAudit(database.pool)).toMatchObject({ rows: 32 });
  });

  it("cannot be changed, shortened or emptied", async () => {
    await write(2);
    for (const sql of ["update audit_log set actor = 'x'", "delete from audit_log", "truncate audit_log"])
      await expect(database.pool.query(sql)).rejects.toThrow("audit_log is append-only");
    expect(await verifyAudit(database.pool)).toMatchObject({ rows: 2 });
  });

  it("does not let who writes choose the number, the time or the hash", async () => {
    await write(1);
    await database.pool.query(
      "insert into audit_log (actor, act, subject, number, created_at, sha256) values ('x', 'x', 'x', 99, '2001-01-01', decode(repeat('00', 32), 'hex'))",
    );
    const [row] = await listAudit(database.pool, { limit: 1 });
    expect(row.number).toBe(2);
    expect(row.createdAt.getFullYear()).toBeGreaterThan(2001);
    expect(await verifyAudit(database.pool)).toMatchObject({ rows: 2 });
  });

  it("keeps what a hostile name brings along", async () => {
    await audit(database.pool, {
      actor: "person:a\0b",
      act: "x",
      subject: "uploader:\ud800",
      detail: { id: "\0\udfff", deep: ["\0"] },
    });
    expect(await listAudit(database.pool, { limit: 1 })).toMatchObject([
      { actor: "person:a\ufffdb", subject: "uploader:\ufffd", detail: { id: "\ufffd\ufffd", deep: ["\ufffd"] } },
    ]);
    expect(await verifyAudit(database.pool)).toMatchObject({ rows: 1 });
  });
});

describe("a row that was tampered with is found, and named", () => {
  it.each([
    ["another actor", "update audit_log set actor = 'person:eve' where number = 3", 3, 2],
    ["another time", "update audit_log set created_at = created_at - interval '1 hour' where number = 3", 3, 2],
    ["another detail", `update audit_log set detail = '{"i": 7}' where number = 1`, 1, 0],
    ["a row taken out", "delete from audit_log where number = 4", 4, 3],
    ["the first row taken out", "delete from audit_log where number = 1", 1, 0],
    [
      "a row put in front",
      `insert into audit_log (number, actor, act, subject, sha256) values (0, 'x', 'x', 'x', sha256(''))`,
      1,
      0,
    ],
    [
      "a row appended with a hash of its own",
      `insert into audit_log (number, actor, act, subject, sha256) values (7, 'x', 'x', 'x', sha256(''))`,
      7,
      6,
    ],
    [
      "two rows that changed places",
      "update audit_log set number = 99 where number = 2; update audit_log set number = 2 where number = 3; update audit_log set number = 3 where number = 99",
      2,
      1,
    ],
    [
      "a row changed and its own hash made to fit",
      `update audit_log set actor = 'person:eve' where number = 3;
       update audit_log set sha256 = audit_hash((select sha256 from audit_log where number = 2), audit_log) where number = 3`,
      4,
      3,
    ],
    [
      "a changed row and a changed audit_hash",
      `update audit_log set actor = 'person:eve' where number = 3;
       create or replace function audit_hash(previous bytea, entry audit_log) returns bytea language sql immutable as 'select ($2).sha256'`,
      3,
      2,
    ],
  ])("%s", async (_what, sql, number, rows) => {
    await write(6);
    await tamper(sql);
    const check = await verifyAudit(database.pool);
    expect(check).toMatchObject({ rows, broken: { number, what: expect.stringContaining(`row ${number}`) } });
  });

  it("a log cut off or written anew is whole, but an earlier head is no longer in it", async () => {
    await write(6);
    const { head } = await verifyAudit(database.pool);
    await write(2);
    expect(await verifyAudit(database.pool, head!.toUpperCase())).toMatchObject({ rows: 8, earlierHeadAt: 6 });
    await tamper("delete from audit_log where number > 5");
    const cut = await verifyAudit(database.pool, head!);
    expect(cut.rows).toBe(5);
    expect(cut.broken).toBeUndefined();
    expect(cut.earlierHeadAt).toBeUndefined();
  });
});

describe("reading the log", () => {
  it("gives the newest first, by actor or subject, from a row on", async () => {
    for (const [actor, subject] of [
      ["person:ana", "case:1"],
      ["cli", "case:1"],
      ["person:ana", "case:2"],
    ] as const)
      await audit(database.pool, { actor, act: "case read", subject });
    const numbers = async (filter: Parameters<typeof listAudit>[1]) =>
      (await listAudit(database.pool, filter)).map((r) => r.number);
    expect(await numbers({ limit: 2 })).toEqual([3, 2]);
    expect(await numbers({ limit: 2, before: 2 })).toEqual([1]);
    expect(await numbers({ limit: 9, actor: "person:ana" })).toEqual([3, 1]);
    expect(await numbers({ limit: 9, subject: "case:1" })).toEqual([2, 1]);
    expect(await numbers({ limit: 9, subject: "case:1", actor: "cli" })).toEqual([2]);
  });
});

describe("a log from before there was a chain", () => {
  it("becomes one, in the order it was written", async () => {
    const old = await testDatabase({ empty: true });
    const all = fileURLToPath(new URL("../../src/platform/migrations", import.meta.url));
    const folder = join(temporaryDir().path, "migrations");
    const copy = (isWanted: (name: string) => boolean) => {
      for (const name of readdirSync(all).filter(isWanted)) cpSync(join(all, name), join(folder, name));
    };
    mkdirSync(folder);
    copy((name) => name < "004");
    await migrate(old.pool, createLog("silent"), folder);
    for (const subject of ["a", "b", "c"])
      await old.pool.query("insert into audit_log (actor, act, subject) values ('cli', 'reference retired', $1)", [subject]);
    copy((name) => name >= "004");
    await migrate(old.pool, createLog("silent"), folder);
    await audit(old.pool, { actor: "cli", act: "token made", subject: "d" });
    expect((await listAudit(old.pool, { limit: 9 })).map((row) => row.subject)).toEqual(["d", "c", "b", "a"]);
    expect(await verifyAudit(old.pool)).toMatchObject({ rows: 4 });
    await old.close();
  });
});
