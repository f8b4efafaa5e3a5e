import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createLog } from "../../src/platform/log.js";
import { createQueues, jobIdFor, type Queues } from "../../src/platform/queues.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { redisMissing, startRedis, type TestRedis } from "../support/redis.js";

const log = createLog("silent");
let database: TestDatabase;
let redis: TestRedis | undefined;

beforeAll(async () => {
  database = await testDatabase();
  redis = await startRedis();
});

afterAll(async () => {
  await database.close();
  await redis?.close();
});

function roundTrip(open: () => Queues): void {
  it("carries a job to a worker and its result back through the events", async () => {
    const queues = open();
    const events = queues.events("greetings");
    await events.waitUntilReady();
    queues.worker<{ name: string }, string>("greetings", async (job) => `hello ${job.data.name}`);
    const job = await queues
      .queue<{ name: string }, string>("greetings")
      .add("greet", { name: "Ada" }, { jobId: jobIdFor("42") });
    expect(await job.waitUntilFinished(events)).toBe("hello Ada");
    await queues.close();
  });

  it("tries a failed job again", async () => {
    const queues = open();
    const events = queues.events("flaky");
    await events.waitUntilReady();
    queues.worker("flaky", async (job) => {
      if (job.attemptsMade < 2) throw new Error("not yet");
      return job.attemptsMade;
    });
    const job = await queues.queue("flaky").add("try", {}, { attempts: 3, backoff: { type: "fixed", delay: 1 } });
    expect(await job.waitUntilFinished(events)).toBe(2);
    await queues.close();
  });

  it("keeps one job of two with the same id", async () => {
    const queues = open();
    const queue = queues.queue("unique");
    await Promise.all([1, 2].map(() => queue.add("scan", {}, { jobId: jobIdFor("post-1") })));
    expect(await queue.getJobCounts("waiting")).toMatchObject({ waiting: 1 });
    await queues.close();
  });

  it("hands out one queue per name and connects nothing when nothing was asked for", async () => {
    const queues = open();
    await queues.close();
    const others = open();
    expect(others.queue("same")).toBe(others.queue("same"));
    await others.close();
  });
}

describe("on Postgres", () => {
  roundTrip(() => createQueues({ queuePrefix: "reupload" }, database.connectionString, log));

  it("creates its schema once when many processes use it first at the same moment", async () => {
    const all = Array.from({ length: 6 }, () => createQueues({ queuePrefix: "race" }, database.connectionString, log));
    await Promise.all(all.map((queues, i) => queues.queue("first").add("scan", { i })));
    expect(await all[0].queue("first").getJobCounts("waiting")).toMatchObject({ waiting: 6 });
    await Promise.all(all.map((queues) => queues.close()));
  });

  it("keeps queues of different prefixes apart", async () => {
    const [a, b] = ["a", "b"].map((queuePrefix) => createQueues({ queuePrefix }, database.connectionString, log));
    await a.queue("scan").add("scan", {});
    expect(await b.queue("scan").getJobCounts("waiting")).toMatchObject({ waiting: 0 });
    await Promise.all([a.close(), b.close()]);
  });

  it("makes a new queue after a first connection that failed", async () => {
    const queues = createQueues({ queuePrefix: "reupload" }, "postgres://nobody:wrong@127.0.0.1:1/none", log);
    const first = queues.queue("scan");
    await expect(first.add("scan", {})).rejects.toThrow(/ECONNREFUSED/);
    await expect.poll(() => queues.queue("scan") !== first).toBe(true);
    await queues.close();
  });
});

describe.skipIf(redisMissing)(`on Redis ${redisMissing}`, () => {
  roundTrip(() => createQueues({ redisUrl: redis!.url, queuePrefix: "reupload" }, database.connectionString, log));

  it("puts its keys under the prefix", async () => {
    const queues = createQueues({ redisUrl: redis!.url, queuePrefix: "shelf" }, database.connectionString, log);
    const queue = queues.queue("scan");
    await queue.add("scan", {});
    expect(queue.toKey("wait")).toBe("shelf:scan:wait");
    expect(queues.backend).toBe("redis");
    await queues.close();
  });

  it("says so when a job cannot be added because Redis is away", async () => {
    const gone = await startRedis();
    const queues = createQueues({ redisUrl: gone!.url, queuePrefix: "reupload" }, database.connectionString, log);
    await queues.queue("scan").add("scan", {});
    await gone!.close();
    await expect(queues.queue("scan").add("scan", {})).rejects.toThrow();
    await queues.close();
  });
});

describe("jobIdFor", () => {
  it("gives ids that BullMQ accepts, and the same one for the same submission", () => {
    for (const id of ["123", "a:b", "ü", "x".repeat(128)]) expect(jobIdFor(id)).toMatch(/^s-[0-9a-f]{64}$/);
    expect(jobIdFor("123")).toBe(jobIdFor("123"));
    expect(jobIdFor("123")).not.toBe(jobIdFor("124"));
  });
});
