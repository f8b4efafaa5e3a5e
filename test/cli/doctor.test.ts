import { chmodSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, it, test, vi } from "vitest";
import { checkClock, checkMigrations, checkRetention, migrationsOf } from "../../src/cli/doctor-database.js";
import type { Check, Finding } from "../../src/cli/doctor-findings.js";
import { machineChecks } from "../../src/cli/doctor-machine.js";
import { networkChecks } from "../../src/cli/doctor-network.js";
import { openServers } from "../../src/cli/doctor-servers.js";
import { createWithPassword } from "../../src/people/links.js";
import { createLog } from "../../src/platform/log.js";
import { createQueues } from "../../src/platform/queues.js";
import { testConfig } from "../support/config.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { redisMissing, startRedis, type TestRedis } from "../support/redis.js";
import { temporaryDir } from "../support/temporary-dir.js";
import { type Cli, linesOf, openCli } from "./support.js";

let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase();
});

afterAll(() => database.close());

const closers: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const log = createLog("silent");

async function findingOf(checks: Check[], name: string): Promise<Finding> {
  const check = checks.find(([called]) => called === name);
  expect(check, `a check called ${name}`).toBeDefined();
  return check![1]().catch((error: Error) => ({ state: "failed", text: error.message }));
}

const machine = (name: string, variables: NodeJS.ProcessEnv, env: NodeJS.ProcessEnv = {}) =>
  findingOf(machineChecks(testConfig(variables), env), name);

const network = (name: string, variables: NodeJS.ProcessEnv, env: NodeJS.ProcessEnv = {}) =>
  findingOf(networkChecks(testConfig(variables), env), name);

async function server(name: string, variables: NodeJS.ProcessEnv = {}): Promise<Finding> {
  const opened = await openServers(testConfig({ DATABASE_URL: database.connectionString, ...variables }));
  closers.push(opened.close);
  return findingOf(opened.checks, name);
}

async function answering(answer: (path: string) => { status?: number; body: object }): Promise<string> {
  const site = createServer((request, response) => {
    const { status = 200, body } = answer(request.url!);
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => site.listen(0, "127.0.0.1", resolve));
  closers.push(() => new Promise((resolve) => site.close(resolve)));
  return `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
}

describe("queues of different installations", () => {
  const submitUnder = async (variables: { redisUrl?: string; queuePrefix: string }) => {
    const queues = createQueues(variables, database.connectionString, log);
    await queues.queue("submissions").add("scan", {});
    closers.push(async () => {
      await queues.queue("submissions").obliterate({ force: true });
      await queues.close();
    });
    return queues;
  };

  it("finds submissions under another prefix in Postgres", async () => {
    expect(await server("QUEUE_PREFIX")).toEqual({ state: "ok", text: "reupload: nothing waits under another" });
    await submitUnder({ queuePrefix: "typo" });
    expect(await server("QUEUE_PREFIX")).toMatchObject({
      state: "warning",
      text: expect.stringMatching(/^1 submissions wait under QUEUE_PREFIX typo in Postgres.*: give both sides the same/),
    });
  });

  describe.skipIf(redisMissing)(`with Redis ${redisMissing}`, () => {
    let redis: TestRedis;
    let admin: Redis;
    beforeAll(async () => {
      redis = (await startRedis())!;
      admin = new Redis(redis.url);
    });
    afterAll(async () => {
      admin.disconnect();
      await redis.close();
    });

    it("finds submissions in Postgres, and under another prefix whose worker is not there", async () => {
      const variables = { REDIS_URL: redis.url };
      await submitUnder({ queuePrefix: "reupload" });
      expect((await server("QUEUE_PREFIX", variables)).text).toMatch(
        /1 submissions wait under QUEUE_PREFIX reupload in Postgres/,
      );
      const other = await submitUnder({ redisUrl: redis.url, queuePrefix: "other" });
      expect((await server("QUEUE_PREFIX", variables)).text).toMatch(/under QUEUE_PREFIX other in Redis/);
      // Another installation that is served is none of our business.
      const worker = other.worker("submissions", async () => new Promise(() => {}), { autorun: false });
      await worker.waitUntilReady();
      await expect.poll(async () => (await server("QUEUE_PREFIX", variables)).text).not.toMatch(/other/);
    });

    it("finds a Redis that drops jobs, keeps none on disk, or is nearly full", async () => {
      const variables = { REDIS_URL: redis.url };
      await admin.config("SET", "maxmemory-policy", "allkeys-lru");
      const found = await server("REDIS_URL", variables);
      expect(found.state).toBe("warning");
      expect(found.text).toMatch(
        /maxmemory-policy is allkeys-lru: set it to noeviction.*; it keeps nothing on disk.*: set appendonly to yes/,
      );
      await admin.config("SET", "maxmemory-policy", "noeviction");
      await admin.config("SET", "appendonly", "yes");
      expect(await server("REDIS_URL", variables)).toEqual({ state: "ok", text: "0 waiting, 0 failed" });
      const used = Number(/used_memory:(\d+)/.exec(await admin.info("memory"))![1]);
      await admin.config("SET", "maxmemory", `${Math.round(used * 1.05)}`);
      expect((await server("REDIS_URL", variables)).text).toMatch(/it is \d{2,3} % full: raise maxmemory/);
      await admin.config("SET", "maxmemory", "0");
    });

    it("finds that no process works, which is a failure as soon as something waits", async () => {
      const variables = { REDIS_URL: redis.url };
      const idle = await server("processes", variables);
      expect(idle.state).toBe("warning");
      expect(idle.text).toMatch(/role worker, and 0 submissions wait: start one with ROLES=worker; .*role relay.*ROLES=relay/);
      const queues = await submitUnder({ redisUrl: redis.url, queuePrefix: "reupload" });
      expect(await server("processes", variables)).toMatchObject({ state: "failed" });
      for (const name of ["submissions", "takedown-results"])
        await queues.worker(name, async () => {}, { autorun: false }).waitUntilReady();
      await vi.waitFor(async () =>
        expect(await server("processes", variables)).toEqual({
          state: "ok",
          text: "1 with the role worker, 1 with the role relay",
        }),
      );
    });

    it("says that it cannot be reached", async () => {
      const found = await server("REDIS_URL", { REDIS_URL: "redis://127.0.0.1:1" });
      expect(found).toMatchObject({
        state: "failed",
        text: expect.stringMatching(/^it does not answer \(.*ECONNREFUSED.*\): start it/),
      });
    });
  });

  it("finds the processes of Postgres' queues, too", async () => {
    const queues = createQueues({ queuePrefix: "reupload" }, database.connectionString, log);
    closers.push(() => queues.close());
    for (const name of ["submissions", "takedown-results"]) await queues.worker(name, async () => {}).waitUntilReady();
    await vi.waitFor(async () => expect(await server("processes")).toMatchObject({ state: "ok" }));
  });
});

describe("the machine", () => {
  it("needs room for as many of the largest files as are scanned at a time", async () => {
    const few = { MEDIA_MAX_BYTES: "1000", WORKER_CONCURRENCY: "2" };
    expect(await machine("MEDIA_TMP_DIR", few)).toMatchObject({ state: "ok" });
    const many = { MEDIA_MAX_BYTES: `${2 ** 36}`, WORKER_CONCURRENCY: "256" };
    expect(await machine("MEDIA_TMP_DIR", many)).toMatchObject({
      state: "warning",
      text: expect.stringMatching(/WORKER_CONCURRENCY times MEDIA_MAX_BYTES is 16384\.0 GiB: lower either, or make room/),
    });
    expect(await machine("MEDIA_TMP_DIR", { ...many, ROLES: "web" })).toMatchObject({ state: "ok" });
    const memory = { MEDIA_TMP_DIR: "/dev/shm", MEDIA_MAX_BYTES: `${2 ** 33}`, WORKER_CONCURRENCY: "64" };
    expect((await machine("MEDIA_TMP_DIR", memory)).text).toMatch(/\/dev\/shm is in memory/);
  });

  it("needs folders it may read and write", async () => {
    expect((await machine("MEDIA_ROOTS", { MEDIA_ROOTS: "/nowhere" })).text).toMatch(/^\/nowhere cannot be read/);
    expect((await machine("MEDIA_TMP_DIR", { MEDIA_TMP_DIR: "/nowhere" })).text).toMatch(/^\/nowhere cannot be written to/);
  });

  it("finds an ffmpeg that is none, and says which sandbox there is", async () => {
    expect(await machine("ffmpeg", { FFMPEG_PATH: "/bin/true" })).toMatchObject({
      state: "failed",
      text: expect.stringMatching(/FFMPEG_PATH/),
    });
    expect(await machine("MEDIA_SANDBOX", {})).toMatchObject({ state: expect.stringMatching(/ok|warning/) });
    expect(await machine("MEDIA_SANDBOX", { MEDIA_SANDBOX: "none" })).toMatchObject({
      state: "warning",
      text: expect.stringMatching(/^none: a file that breaks ffmpeg may do what this user may .*: install bubblewrap/),
    });
  });

  it("finds a page fetcher that is not there", async () => {
    const found = await machine("PAGE_FETCHER", { PAGE_FETCHER: "yt-dlp", YT_DLP_PATH: "/nowhere/yt-dlp" });
    expect(found).toMatchObject({ state: "failed", text: expect.stringMatching(/YT_DLP_PATH/) });
  });

  it("finds secrets that everybody may read", async () => {
    const path = join(temporaryDir().path, "redis-url");
    writeFileSync(path, "redis://:pass@127.0.0.1\n", { mode: 0o644 });
    const env = { REDIS_URL_FILE: path };
    expect(await machine("secrets", {}, env)).toMatchObject({
      state: "warning",
      text: expect.stringMatching(/^REDIS_URL_FILE: .*chmod o-r it$/),
    });
    chmodSync(path, 0o640);
    expect(await machine("secrets", {}, env)).toMatchObject({ state: "ok" });
  });
});

describe("the database", () => {
  it("finds more connections asked for than it gives", async () => {
    expect(await server("DATABASE_URL")).toMatchObject({ state: expect.stringMatching(/ok|warning/) });
    expect(await server("DATABASE_URL", { DATABASE_POOL: "200" })).toMatchObject({
      state: "failed",
      text: expect.stringMatching(/^one process takes up to 227 connections, and it gives \d+: lower DATABASE_POOL/),
    });
  });

  it("finds a database that takes no writes, and one that forgets or grows", async () => {
    const name = new URL(database.connectionString).pathname.slice(1);
    await database.pool.query(`alter database ${name} set default_transaction_read_only = on`);
    const found = await server("DATABASE_URL");
    const pool = new URL(database.connectionString);
    pool.searchParams.set("options", "-c default_transaction_read_only=off");
    const { Client } = (await import("pg")).default;
    const client = new Client({ connectionString: pool.href });
    await client.connect();
    await client.query(`alter database ${name} reset default_transaction_read_only`);
    await client.end();
    expect(found).toMatchObject({
      state: "failed",
      text: expect.stringMatching(/^it takes no writes: connect to the primary server/),
    });
    // The tests' own server trades safety for speed.
    const { rows } = await database.pool.query("select current_setting('fsync') as fsync");
    const says = rows[0].fsync === "off" ? /^fsync is off: / : /connections free; 1 process takes up to 37$/;
    expect(await server("DATABASE_URL")).toMatchObject({ text: expect.stringMatching(says) });
  });

  it("finds clocks that differ", async () => {
    const { pool } = database;
    expect(await checkClock(pool)).toMatchObject({ state: "ok" });
    expect(await checkClock(pool, () => Date.now() + 10_000)).toMatchObject({
      state: "warning",
      text: expect.stringMatching(/^this machine's clock is (9|10)\.\d s ahead of the database's: run NTP/),
    });
    expect(await checkClock(pool, () => Date.now() - 3_600_000)).toMatchObject({
      state: "failed",
      text: expect.stringMatching(/behind/),
    });
  });

  it("finds tables that are behind or ahead, and leaves them as they are", async () => {
    const empty = await testDatabase({ empty: true });
    closers.push(() => empty.close());
    const variables = { DATABASE_URL: empty.connectionString };
    const found = await server("migrations", variables);
    expect(found).toMatchObject({
      state: "warning",
      text: expect.stringMatching(/^001_first\.sql.* not applied yet.*: run reupload migrate/),
    });
    expect((await empty.pool.query("select to_regclass('submission') as there")).rows).toEqual([{ there: null }]);
    expect(checkMigrations(await migrationsOf(database.pool))).toEqual({ state: "ok", text: "up to date" });
    await database.pool.query("insert into schema_migration (name, sha256) values ('999_later.sql', '')");
    expect(await server("migrations")).toMatchObject({
      state: "warning",
      text: expect.stringMatching(/newer than this program \(999_later\.sql\)/),
    });
    await database.pool.query("delete from schema_migration where name = '999_later.sql'");
  });

  it("finds that nobody is admin, and that retention is odd", async () => {
    expect(await server("accounts")).toMatchObject({ state: "warning", text: expect.stringMatching(/^there is no admin: /) });
    await createWithPassword(
      database.pool,
      { name: "ana", role: "admin", language: "en" },
      "correct horse battery staple",
      "cli",
    );
    expect(await server("accounts")).toEqual({ state: "ok", text: "1 people may sign in, 1 of them as admin" });
    expect(checkRetention({ submissionRetentionDays: 365 })).toMatchObject({ state: "ok" });
    expect(checkRetention({ submissionRetentionDays: 7 })).toMatchObject({ state: "warning" });
    expect(checkRetention({ submissionRetentionDays: 36_500 })).toMatchObject({ state: "warning" });
  });

  it("is told when it cannot be reached, and nothing of its password", async () => {
    const found = await server("DATABASE_URL", { DATABASE_URL: "postgres://nobody:hunter2@127.0.0.1:1/none" });
    expect(found).toMatchObject({ state: "failed", text: expect.stringMatching(/ECONNREFUSED/) });
    expect(found.text).not.toContain("hunter2");
  });
});

describe("how people reach the console", () => {
  const url = (variables: NodeJS.ProcessEnv) => network("PUBLIC_URL", variables);

  test.each([
    [{}, "ok", /on this machine/],
    [{ HTTP_HOST: "0.0.0.0" }, "warning", /HTTP_HOST is 0\.0\.0\.0 and PUBLIC_URL is not set/],
    [{ COOKIE_SECURE: "1" }, "warning", /COOKIE_SECURE is 1 without PUBLIC_URL/],
    [{ PUBLIC_URL: "http://127.0.0.1:1", COOKIE_SECURE: "1" }, "failed", /nobody can sign in: set it to auto/],
    [{ PUBLIC_URL: "http://reupload.invalid" }, "warning", /has no TLS/],
    [{ PUBLIC_URL: "https://127.0.0.1:1", COOKIE_SECURE: "0" }, "warning", /COOKIE_SECURE is 0 although/],
    [{ PUBLIC_URL: "https://127.0.0.1:2" }, "warning", /HTTP_TRUSTED_PROXIES is not set.*; .*cannot be reached \(ECONNREFUSED\)/],
  ])("%j is %s", async (variables, state, says) => {
    expect(await url(variables)).toMatchObject({ state, text: expect.stringMatching(says) });
  });

  it("looks whether it is this program that answers there", async () => {
    expect(await url({ PUBLIC_URL: await answering(() => ({ body: { service: "reupload" } })) })).toMatchObject({ state: "ok" });
    const other = await url({ PUBLIC_URL: await answering(() => ({ status: 404, body: {} })) });
    expect(other).toMatchObject({ state: "warning", text: expect.stringMatching(/answers 404, and not as this program does/) });
  });
});

describe("what others must do for us", () => {
  const oidc = (issuer: string) =>
    network("OIDC_ISSUER", { OIDC_ISSUER: issuer, OIDC_CLIENT_ID: "x", PUBLIC_URL: "http://127.0.0.1:1" });

  it("finds an issuer that is away, is none, or calls itself otherwise", async () => {
    expect(await oidc("http://127.0.0.1:2")).toMatchObject({
      state: "failed",
      text: expect.stringMatching(/ECONNREFUSED.*nobody can sign in/),
    });
    expect(await oidc(await answering(() => ({ status: 404, body: {} })))).toMatchObject({
      state: "failed",
      text: expect.stringMatching(/answers 404/),
    });
    const misnamed = await oidc(await answering(() => ({ body: { issuer: "https://id.example/realm" } })));
    expect(misnamed).toMatchObject({ state: "failed", text: expect.stringMatching(/set OIDC_ISSUER to exactly that/) });
    let own = "";
    own = await answering(() => ({ body: { issuer: own } }));
    expect(await oidc(own)).toMatchObject({ state: "ok" });
  });

  it("finds a mail server that is away, without quoting the password", async () => {
    const variables = { SMTP_URL: "smtp://ana:hunter2@127.0.0.1:1", MAIL_FROM: "a@example.org" };
    const found = await network("SMTP_URL", variables);
    expect(found).toMatchObject({ state: "failed", text: expect.stringMatching(/^smtp:\/\/127\.0\.0\.1:1 takes no mail/) });
    expect(found.text).not.toMatch(/hunter2|ana/);
  });

  it("finds a digest without a time zone, and a collector that is away", async () => {
    const variables = { SMTP_URL: "smtp://127.0.0.1:1", MAIL_FROM: "a@example.org", DIGEST_TO: "b@example.org" };
    expect(await network("CONSOLE_TIME_ZONE", variables)).toMatchObject({
      state: "warning",
      text: expect.stringMatching(/7 o'clock UTC/),
    });
    expect(await network("CONSOLE_TIME_ZONE", variables, { CONSOLE_TIME_ZONE: "UTC" })).toMatchObject({ state: "ok" });
    const collector = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1" };
    expect(await network("OTEL_EXPORTER_OTLP_ENDPOINT", {}, collector)).toMatchObject({ state: "warning" });
  });
});

describe("the command", () => {
  let cli: Cli;
  beforeAll(async () => {
    cli = await openCli();
  });
  afterAll(() => cli.close());

  it("tells the same as a line of JSON, and fails when something fails", async () => {
    const told = await cli.run(["doctor", "--json"], { MEDIA_ROOTS: "/nowhere" });
    expect(told.code).toBe(1);
    const [line, ...more] = linesOf(told.stdout);
    expect(more).toEqual([]);
    const { findings } = JSON.parse(line) as { findings: { check: string; state: string; text: string }[] };
    expect(findings.filter(({ state }) => state === "failed")).toEqual([
      { check: "MEDIA_ROOTS", state: "failed", text: expect.stringMatching(/^\/nowhere cannot be read/) },
    ]);
    expect(findings.map(({ check }) => check)).toEqual(
      expect.arrayContaining(["node", "DATABASE_URL", "processes", "PUBLIC_URL"]),
    );
  });
});
