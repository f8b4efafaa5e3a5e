import { readdirSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type App, openApp } from "../../src/app.js";
import { createCase } from "../../src/casework/cases.js";
import { finishErasure, rewriteTables } from "../../src/casework/erase/finish.js";
import { eraseCase, eraseUploader, type Receipt } from "../../src/casework/erase.js";
import { deliverOutbox } from "../../src/delivery/relay.js";
import { createIntakeClient, SUBMISSIONS } from "../../src/intake/client.js";
import { createLog } from "../../src/platform/log.js";
import { register } from "../../src/register.js";
import { type Service, startService } from "../../src/service.js";
import { image } from "../media/support.js";
import { testConfig } from "../support/config.js";
import { redisMissing, startRedis, type TestRedis } from "../support/redis.js";
import { filesWith, redisContent } from "./erasure-files.js";
import { mediaServer, PATIENCE, send, verdictOn } from "./support.js";

/** In every text about what goes: addresses, people, notes, names. Long enough to be nowhere by chance. */
const MARK = "ZqErasedMark";
const KNOWN = image("butterfly.jpg");

describe.each([
  { queue: "PostgreSQL", missing: "" },
  { queue: "Redis", missing: redisMissing },
])("what was erased, with queues in $queue $missing", ({ queue, missing }) => {
  describe.skipIf(missing)("", () => {
    let app: App;
    let service: Service;
    let redis: TestRedis | undefined;
    let media: Awaited<ReturnType<typeof mediaServer>>;
    const logged: string[] = [];
    /** What must be nowhere: the mark, and the hashes of what goes, as they lie in the files. */
    const wanted = new Map<string, Buffer>([["the mark", Buffer.from(MARK)]]);

    beforeAll(async () => {
      redis = queue === "Redis" ? await startRedis() : undefined;
      media = await mediaServer((_, __, response) => send(response, KNOWN));
      const config = testConfig({
        REDIS_URL: redis?.url,
        MEDIA_ALLOW_PRIVATE_ADDRESSES: "1",
        MEDIA_PORTS: new URL(media.url).port,
        WORKER_ATTEMPTS: "1",
        LOG_LEVEL: "info",
      });
      app = await openApp(config, createLog("info", { write: (line: string) => void logged.push(line) }));
      service = await startService(app, ["worker", "relay"]);
    });
    afterAll(async () => {
      await service?.stop();
      await app?.close();
      await media?.close();
      await redis?.close();
    });

    const submit = (id: string, uploader: string) =>
      createIntakeClient(app.queues, app.database.pool).submit({
        version: 1,
        submissionId: id,
        media: { url: `${media.url}/${id}-${uploader}.jpg` },
        platform: "videosite",
        pageUrl: `https://videosite.example/${uploader}/${id}`,
        uploader: { id: uploader, url: `https://videosite.example/u/${uploader}` },
        metadata: { note: uploader },
      });
    const finished = async ({ inQueues }: Receipt) => {
      expect(await finishErasure(app.database.pool, app.queues, inQueues)).toMatchObject({ busy: 0 });
    };
    const inFiles = async () => {
      await app.database.pool.query("checkpoint");
      return filesWith(join(app.config.dataDir, "postgres", "base"), wanted);
    };
    const rowsWith = async (table: string, column: string) =>
      (
        await app.database.pool.query<{ n: number }>(
          `select count(*)::int as n from ${table} where ${column}::text like '%${MARK}%'`,
        )
      ).rows[0].n;

    test("is in no table, index, queue, log or temporary file, nor, once the tables are rewritten, in any byte of their files", async () => {
      const { pool } = app.database;
      const { signal } = new AbortController();
      await createCase(pool, { id: "C-goes", title: MARK, legalBasis: MARK }, "person:admin");
      await createCase(pool, { id: "C-stays", title: "stays" }, "person:admin");
      const label = `${MARK}.jpg`;
      await register(app.registerSteps, { path: KNOWN }, { caseId: "C-goes", label, provenance: "own" }, signal);
      await submit("u-1", MARK);
      await submit("u-2", `${MARK}-2`);
      expect((await verdictOn(pool, "u-1")).verdict).toBe("match");
      expect((await verdictOn(pool, "u-2")).verdict).toBe("match");
      await vi.waitFor(async () => expect(await deliverOutbox(pool, app.queues)).toBe(0), PATIENCE);
      await vi.waitFor(async () => {
        const { active, waiting } = await app.queues.queue(SUBMISSIONS).getJobCounts("active", "waiting");
        expect([active, waiting]).toEqual([0, 0]);
      }, PATIENCE);
      await pool.query(
        `insert into alert_event (alert_id, actor, act, detail) select id, 'person:ana', 'noted', jsonb_build_object('text', $1::text) from alert`,
        [MARK],
      );
      const { rows } = await pool.query<{ sha256: Buffer; pdq: string }>(
        `select r.sha256, f.pdq::text from reference r join reference_fingerprint f on f.reference_id = r.id`,
      );
      const bytesOf = (bits: string) => Buffer.from(bits.match(/.{8}/g)!.map((byte) => Number.parseInt(byte, 2)));
      wanted.set("the sha256", rows[0].sha256);
      for (const [i, { pdq }] of rows.entries()) wanted.set(`hash ${i}`, bytesOf(pdq));
      expect(new Set((await inFiles()).map((found) => found.split(" in ")[0]))).toEqual(new Set(wanted.keys()));
      if (redis) expect(await withRedis(redis, redisContent)).toContain(MARK);

      await finished(await eraseUploader(pool, "videosite", `${MARK}-2`, "person:admin", "asked for"));
      const receipt = await eraseCase(pool, "C-goes", "person:admin", "court order");
      // Deleted, and still there for who looks at the pages.
      expect(await deadRows(app)).toContain("submission");
      await finished(receipt);

      // No row, and, since they are vacuumed, no deleted row that an index still leads to.
      for (const [table, column] of [
        ["submission", "page_url"],
        ["outbox", "payload"],
        ["takedown", "request"],
        ["intake", "job"],
      ])
        expect(await rowsWith(table, column), table).toBe(0);
      expect(await deadRows(app)).toEqual([]);
      if (redis) expect(await withRedis(redis, redisContent)).not.toContain(MARK);
      expect(logged.join("\n")).not.toContain(MARK);
      expect(readdirSync(app.config.mediaTmpDir)).toEqual([]);

      await rewriteTables(pool);
      expect(await inFiles()).toEqual([]);
      // The audit log knows that something was erased, and when; the case's id is all that it says of what.
      const acts = await pool.query("select act from audit_log where act like '%erased' order by number");
      expect(acts.rows.map(({ act }) => act)).toEqual(["uploader erased", "case erased"]);
      // Other work goes on.
      await submit("u-3", "somebody");
      expect((await verdictOn(pool, "u-3")).verdict).toBe("clear");
    });
  });
});

async function withRedis<T>({ url }: TestRedis, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url);
  try {
    return await work(redis);
  } finally {
    redis.disconnect();
  }
}

/** Tables with rows that are deleted and not yet vacuumed away, by looking at every page. Rows of queues come and go all the time. */
async function deadRows({ database: { pool } }: App): Promise<string[]> {
  await pool.query("create extension if not exists pageinspect");
  const { rows } = await pool.query<{ name: string }>(
    "select quote_ident(tablename) as name from pg_tables where schemaname = 'public' and tablename in ('submission', 'reference', 'verdict', 'alert', 'takedown', 'match', 'reference_fingerprint')",
  );
  const found: string[] = [];
  for (const { name } of rows) {
    const { rows: dead } = await pool.query(
      `select 1 from generate_series(0, pg_relation_size('${name}') / 8192 - 1) as page,
              lateral heap_page_items(get_raw_page('${name}', page::int)) item where item.lp_flags = 1 and item.t_xmax <> '0'
              and pg_xact_status(item.t_xmax::text::xid8) = 'committed' and item.t_infomask & 2048 = 0 limit 1`,
    );
    if (dead.length > 0) found.push(name);
  }
  return found;
}
