import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TransientError, UsageError } from "../../src/errors.js";
import { createPool, openDatabase, transaction } from "../../src/platform/database.js";
import { createLog } from "../../src/platform/log.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { withDatabase } from "../support/global-setup.js";

const log = createLog("silent");
let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase();
  await database.pool.query("CREATE TABLE savings (id bigint PRIMARY KEY, balance int NOT NULL)");
  await database.pool.query("INSERT INTO savings VALUES (1, 100), (2, 100)");
});

afterAll(() => database.close());

describe("a transaction", () => {
  it("commits what it returns, and keeps big integers as strings", async () => {
    const id = await transaction(database.pool, async (tx) => {
      const { rows } = await tx.query<{ id: string }>("INSERT INTO savings VALUES (9007199254740993, 1) RETURNING id");
      return rows[0].id;
    });
    expect(id).toBe("9007199254740993");
    expect((await database.pool.query("SELECT FROM savings WHERE id = $1", [id])).rowCount).toBe(1);
  });

  it("rolls back when it throws, and throws that error", async () => {
    const bug = new Error("a bug");
    const failing = transaction(database.pool, async (tx) => {
      await tx.query("INSERT INTO savings VALUES (3, 3)");
      throw bug;
    });
    await expect(failing).rejects.toBe(bug);
    expect((await database.pool.query("SELECT FROM savings WHERE id = 3")).rowCount).toBe(0);
  });

  it("is run again after a serialization failure, so that no update is lost", async () => {
    const withdraw = () =>
      transaction(
        database.pool,
        async (tx) => {
          const { rows } = await tx.query<{ balance: number }>("SELECT balance FROM savings WHERE id = 1");
          await tx.query("UPDATE savings SET balance = $1 WHERE id = 1", [rows[0].balance - 10]);
        },
        { isolation: "serializable" },
      );
    await Promise.all([withdraw(), withdraw(), withdraw()]);
    expect((await database.pool.query("SELECT balance FROM savings WHERE id = 1")).rows).toEqual([{ balance: 70 }]);
  });

  it("is run again after a deadlock", async () => {
    let arrived = 0;
    let bothArrived = () => {};
    const meeting = new Promise<void>((resolve) => {
      bothArrived = resolve;
    });
    const touch = (first: number, second: number) =>
      transaction(database.pool, async (tx) => {
        await tx.query("UPDATE savings SET balance = balance + 1 WHERE id = $1", [first]);
        arrived += 1;
        if (arrived === 2) bothArrived();
        await meeting;
        await tx.query("UPDATE savings SET balance = balance + 1 WHERE id = $1", [second]);
      });
    await Promise.all([touch(1, 2), touch(2, 1)]);
    expect((await database.pool.query("SELECT balance FROM savings WHERE id = 2")).rows).toEqual([{ balance: 102 }]);
  });

  it("gives up on conflicts that do not end, as something to try again later", async () => {
    let runs = 0;
    const conflicting = transaction(database.pool, async (tx) => {
      runs += 1;
      await tx.query("DO $$ BEGIN RAISE EXCEPTION 'conflict' USING ERRCODE = '40001'; END $$");
    });
    await expect(conflicting).rejects.toBeInstanceOf(TransientError);
    expect(runs).toBe(6);
  });

  it("survives a connection that is cut, and says to try again later", async () => {
    const cut = transaction(database.pool, async (tx) => {
      const { rows } = await tx.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
      await database.pool.query("SELECT pg_terminate_backend($1)", [rows[0].pid]);
      await tx.query("SELECT 1");
    });
    await expect(cut).rejects.toBeInstanceOf(TransientError);
    expect((await database.pool.query("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
  });
});

describe("openDatabase", () => {
  const open = (databaseUrl: string) => openDatabase({ databaseUrl, databasePool: 2, dataDir: "/nonexistent" }, log);

  it("uses DATABASE_URL when there is one", async () => {
    const opened = await open(database.connectionString);
    expect(opened.embedded).toBe(false);
    expect((await opened.pool.query("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
    await opened.close();
  });

  it("says to try again later when nobody answers", async () => {
    await expect(open("postgres://user:password@127.0.0.1:1/none")).rejects.toBeInstanceOf(TransientError);
  });

  it("names DATABASE_URL when the database does not exist or the password is wrong", async () => {
    const missing = open(withDatabase(database.connectionString, "no_such_database"));
    await expect(missing).rejects.toThrow(/^DATABASE_URL: .*no_such_database/);
    await expect(missing).rejects.toBeInstanceOf(UsageError);
  });
});

describe("a pool", () => {
  it("has statements run without being compiled, whatever the server's default is", async () => {
    const name = new URL(database.connectionString).pathname.slice(1);
    await database.pool.query(`ALTER DATABASE ${name} SET jit = on`);
    const pool = createPool(database.connectionString, 2, log);
    const [inTransaction, alone] = await Promise.all([
      transaction(pool, async (tx) => (await tx.query("SHOW jit")).rows),
      pool.query("SHOW jit").then(({ rows }) => rows),
    ]);
    expect([inTransaction, alone]).toEqual([[{ jit: "off" }], [{ jit: "off" }]]);
    await pool.end();
  });

  it("leaves a wrong statement what it is: a bug", async () => {
    await expect(database.pool.query("SELEKT")).rejects.toMatchObject({ name: "error", code: "42601" });
  });

  it("says to try again later when the server has no connection left", async () => {
    const pool = createPool(database.connectionString, 1, log);
    const refused = pool.query("DO $$ BEGIN RAISE EXCEPTION 'too many' USING ERRCODE = '53300'; END $$");
    await expect(refused).rejects.toBeInstanceOf(TransientError);
    await pool.end();
  });
});
