import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createPool, openDatabase } from "../../src/platform/database.js";
import { createLog } from "../../src/platform/log.js";
import { checkRedis } from "../../src/platform/redis-check.js";
import { reupload } from "../stories/support.js";
import { redisMissing } from "../support/redis.js";
import { temporaryDir } from "../support/temporary-dir.js";
import { type Certificates, makeCertificates, opensslMissing, startTlsPostgres, startTlsRedis } from "./tls-servers.js";

const log = createLog("silent");
const { path: dir } = temporaryDir();

/** Runs the program, whose trust in authorities is settled when it starts. */
async function run(args: string[], env: NodeJS.ProcessEnv): Promise<{ code: number | null; stderr: string; stdout: string }> {
  const child = reupload(args, env);
  const said = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const)
    child[stream]!.setEncoding("utf8").on("data", (text) => {
      said[stream] += text;
    });
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, ...said };
}

describe.skipIf(opensslMissing)(`encrypted connections ${opensslMissing}`, () => {
  let ours: Certificates;
  let others: Certificates;
  let postgres: Awaited<ReturnType<typeof startTlsPostgres>>;
  beforeAll(async () => {
    ours = makeCertificates(dir, "ours");
    others = makeCertificates(dir, "others");
    postgres = await startTlsPostgres(ours);
  });
  afterAll(() => postgres?.close());

  const open = async (url: string) => {
    const database = await openDatabase({ databaseUrl: url, databasePool: 2, dataDir: dir }, log);
    const { rows } = await database.pool.query<{ ssl: boolean; version: string }>(
      "select ssl, version from pg_stat_ssl where pid = pg_backend_pid()",
    );
    await database.close();
    return rows[0];
  };
  const withMode = (mode: string, ca?: string) => `${postgres.url}?sslmode=${mode}${ca ? `&sslrootcert=${ca}` : ""}`;

  test("PostgreSQL: verify-full with the authority's file is encrypted, and without sslmode nothing is", async () => {
    expect(await open(withMode("verify-full", ours.ca))).toMatchObject({
      ssl: true,
      version: expect.stringMatching(/^TLSv1\.[23]$/),
    });
    expect(await open(postgres.url)).toMatchObject({ ssl: false });
  });

  test("PostgreSQL: another authority, none, another host name, a missing file are refused in a sentence", async () => {
    const untrusted = /^DATABASE_URL: the server's certificate is signed by nobody that we trust: name the file with its CA/;
    await expect(open(withMode("verify-full", others.ca))).rejects.toThrow(untrusted);
    await expect(open(withMode("verify-full"))).rejects.toThrow(untrusted);
    await expect(open(withMode("verify-full", ours.ca).replace("127.0.0.1", "localhost"))).rejects.toThrow(
      "DATABASE_URL: the server's certificate is for another host name",
    );
    await expect(open(withMode("verify-full", "/nowhere/ca.pem"))).rejects.toThrow(
      "DATABASE_URL: the file /nowhere/ca.pem, which it names, cannot be read (ENOENT)",
    );
  });

  test("PostgreSQL: a server that takes only TLS refuses us without it", async () => {
    const pool = createPool(postgres.url, 1, log);
    const { rows } = await pool.query<{ path: string }>("select current_setting('hba_file') as path");
    await pool.query("create temp table hba (line text)");
    await pool.query("insert into hba values ('hostssl all all 127.0.0.1/32 scram-sha-256')");
    await pool.query(`copy hba to '${rows[0].path}'`);
    await pool.query("select pg_reload_conf()");
    await pool.end();
    await expect(open(postgres.url)).rejects.toThrow(/^DATABASE_URL: the database refused us: no pg_hba.conf entry/);
    expect(await open(withMode("verify-full", ours.ca))).toMatchObject({ ssl: true });
  });

  describe.skipIf(redisMissing)(`Redis ${redisMissing}`, () => {
    let redis: Awaited<ReturnType<typeof startTlsRedis>>;
    beforeAll(async () => {
      redis = await startTlsRedis(ours, "hunter2");
    });
    afterAll(() => redis?.close());
    const env = (password = "hunter2") => ({
      DATABASE_URL: withMode("verify-full", ours.ca),
      REDIS_URL: `rediss://:${password}@127.0.0.1:${redis.port}`,
      REUPLOAD_DATA_DIR: dir,
    });

    test("an authority named in NODE_EXTRA_CA_CERTS is trusted by queues and database alike", async () => {
      const trusting = { ...env(), NODE_EXTRA_CA_CERTS: ours.ca };
      const bare = { ...trusting, DATABASE_URL: withMode("verify-full") };
      expect(await run(["submit", "https://cdn.example/1.mp4", "--platform", "p"], trusting)).toMatchObject({
        code: 0,
        stderr: "",
      });
      expect(await run(["status"], bare)).toMatchObject({ code: 0, stderr: "" });
    });

    test("another authority, or none, ends the program with a sentence instead of trying for ever", async () => {
      const sentence =
        "reupload: REDIS_URL: the server's certificate is signed by nobody that we trust: name the file with its CA in NODE_EXTRA_CA_CERTS, or mend the address\n";
      for (const trust of [{}, { NODE_EXTRA_CA_CERTS: others.ca }])
        expect(await run(["status"], { ...env(), ...trust })).toMatchObject({ code: 2, stderr: sentence });
    });

    test("a wrong password, and no TLS where it is wanted, are said; a Redis that is away is waited for", async () => {
      const wrong = { ...env("hunter3"), NODE_EXTRA_CA_CERTS: ours.ca };
      const refused = await run(["status"], wrong);
      expect(refused).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(/^reupload: REDIS_URL: Redis refuses the user or password/),
      });
      expect(refused.stderr).not.toContain("hunter3");
      await expect(checkRedis("redis://127.0.0.1:1")).resolves.toBeUndefined();
    });
  });
});
