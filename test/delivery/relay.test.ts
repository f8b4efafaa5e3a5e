import type { Pool } from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { deliverOutbox, runRelay } from "../../src/delivery/relay.js";
import { OUTBOX_CHANNEL } from "../../src/platform/channels.js";
import { createPool } from "../../src/platform/database.js";
import { createLog } from "../../src/platform/log.js";
import { createQueues, type Queues } from "../../src/platform/queues.js";
import { BACKENDS, PATIENCE } from "../stories/support.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { redisMissing, startRedis } from "../support/redis.js";

const log = createLog("silent");
let database: TestDatabase;
/** Ours, and silent: a test drops its connections. */
let pool: Pool;

beforeAll(async () => {
  database = await testDatabase();
  pool = createPool(database.connectionString, 10, log);
});
afterAll(async () => {
  await pool.end();
  await database.close();
});

let made = 0;

/** Writes rows as casework does, in one transaction, and returns their job ids. */
async function write(rows: number, queue: string): Promise<string[]> {
  const ids = Array.from({ length: rows }, () => `alert-${++made}`);
  await pool.query(
    `with written as (
       insert into outbox (queue, name, job_id, payload)
       select $1, 'alert', id, jsonb_build_object('alertId', id) from unnest($2::text[]) as id
     ) select pg_notify('${OUTBOX_CHANNEL}', '')`,
    [queue, ids],
  );
  return ids;
}

async function waiting(): Promise<number> {
  const { rows } = await pool.query<{ n: number }>("select count(*)::int as n from outbox where delivered_at is null");
  return rows[0].n;
}

const emptied = () => vi.waitFor(async () => expect(await waiting()).toBe(0), PATIENCE);

/** Every message in the queue, in the order a consumer would get them. */
async function messages(queues: Queues, queue: string): Promise<string[]> {
  const jobs = await queues.queue<{ alertId: string }>(queue).getJobs("waiting", 0, -1, true);
  expect(jobs.map((job) => job.id)).toEqual(jobs.map((job) => job.data.alertId));
  return jobs.map((job) => job.data.alertId);
}

/** The real queues; `before` runs before each message is added, `after` after it. */
function watched(
  queues: Queues,
  steps: { before?: (id: string) => Promise<void>; after?: (id: string) => Promise<void> },
): Queues {
  const queue = (name: string) => {
    const real = queues.queue(name);
    const add = async (...message: Parameters<typeof real.add>) => {
      await steps.before?.(message[2]!.jobId!);
      const job = await real.add(...message);
      await steps.after?.(message[2]!.jobId!);
      return job;
    };
    return { add };
  };
  return { ...queues, queue: queue as unknown as Queues["queue"] };
}

/** Relays until the returned function is called. */
function relaying(queues: Queues): () => Promise<void> {
  const stopping = new AbortController();
  const done = runRelay(pool, database.connectionString, queues, log, stopping.signal);
  return async () => {
    stopping.abort();
    await done;
  };
}

for (const { name, missing, open } of BACKENDS) {
  describe.skipIf(missing !== "")(`with queues on ${name} ${missing}`, () => {
    let backend: Awaited<ReturnType<typeof open>>;
    let queues: Queues;
    /** A queue of its own for each test. */
    let queue: string;

    const openQueues = () => {
      const { REDIS_URL: redisUrl } = backend.variables as { REDIS_URL?: string };
      return createQueues({ redisUrl, queuePrefix: "relay" }, database.connectionString, log);
    };

    beforeAll(async () => {
      backend = await open();
      queues = openQueues();
    });
    afterAll(async () => {
      await queues.close();
      await backend.close();
    });
    beforeEach(() => {
      queue = `alerts-${++made}`;
    });

    test("what waits is delivered in order, once", async () => {
      const ids = await write(5, queue);
      expect(await deliverOutbox(pool, queues)).toBe(5);
      expect(await deliverOutbox(pool, queues)).toBe(0);
      expect(await messages(queues, queue)).toEqual(ids);
    });

    test("a crash after the queue has a message delivers it again, and the queue takes it for the same", async () => {
      const ids = await write(3, queue);
      const crashing = watched(queues, {
        after: async (id) => {
          if (id === ids[1]) throw new Error("the process died");
        },
      });
      await expect(deliverOutbox(pool, crashing)).rejects.toThrow("the process died");
      expect(await waiting()).toBe(3);
      expect(await messages(queues, queue)).toEqual(ids.slice(0, 2));
      expect(await deliverOutbox(pool, queues)).toBe(3);
      expect((await messages(queues, queue)).sort()).toEqual([...ids].sort());
    });

    test("a message that is being delivered by one relay is left alone by another", async () => {
      const ids = await write(2, queue);
      const others: number[] = [];
      const first = watched(queues, { before: async () => void others.push(await deliverOutbox(pool, queues)) });
      expect(await deliverOutbox(pool, first)).toBe(2);
      expect(others).toEqual([0, 0]);
      expect(await messages(queues, queue)).toEqual(ids);
    });

    test("two relays side by side deliver every message, and neither repeats the other's", async () => {
      const delivered: string[] = [];
      const others = openQueues();
      const count = { before: async (id: string) => void delivered.push(id) };
      const stops = [queues, others].map((each) => relaying(watched(each, count)));
      const ids = (await Promise.all(Array.from({ length: 6 }, () => write(40, queue)))).flat();
      await emptied();
      await Promise.all(stops.map((stop) => stop()));
      expect([...delivered].sort()).toEqual([...ids].sort());
      expect((await messages(queues, queue)).sort()).toEqual([...ids].sort());
      await others.close();
    });

    test("a relay that is told to stop first delivers what is there", async () => {
      const stop = relaying(queues);
      const ids = await write(3, queue);
      await stop();
      expect(await messages(queues, queue)).toEqual(ids);
    });

    test("a relay whose database connections all drop goes on", async () => {
      const stop = relaying(queues);
      const before = await write(1, queue);
      await emptied();
      await pool.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
      );
      const after = await vi.waitFor(() => write(1, queue), PATIENCE);
      await vi.waitFor(async () => expect(await waiting()).toBe(0), PATIENCE);
      await vi.waitFor(async () => expect(await messages(queues, queue)).toEqual([...before, ...after]), PATIENCE);
      await stop();
    });
  });
}

describe.skipIf(redisMissing !== "")(`when Redis was away ${redisMissing}`, () => {
  test("delivery goes on when it is back, and nothing is lost", async () => {
    const first = (await startRedis())!;
    const queues = createQueues({ redisUrl: first.url, queuePrefix: "relay" }, database.connectionString, log);
    const failures: string[] = [];
    const watching = createLog("warn", { write: (line: string) => void failures.push(line) });
    const stopping = new AbortController();
    const done = runRelay(pool, database.connectionString, queues, watching, stopping.signal);
    const queue = "alerts-away";
    await write(1, queue);
    await emptied();

    await first.close();
    const ids = await write(3, queue);
    await vi.waitFor(() => expect(failures.join()).toContain("could not be delivered"), PATIENCE);
    expect(await waiting()).toBe(3);

    const second = (await startRedis(first.port))!;
    await emptied();
    expect((await messages(queues, queue)).sort()).toEqual([...ids].sort());
    stopping.abort();
    await done;
    await queues.close();
    await second.close();
  });
});
