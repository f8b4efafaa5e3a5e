import { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { eraseFromQueues } from "../../src/casework/erase/queues.js";
import { eraseUploader } from "../../src/casework/erase.js";
import { createIntakeClient, SUBMISSIONS } from "../../src/intake/client.js";
import type { ScanJob } from "../../src/intake/job.js";
import { openIntakeClient } from "../../src/intake/open-client.js";
import { listParked, parkJob } from "../../src/intake/park.js";
import { forgetReceived, intakeFigures, isReceived, keepReceived } from "../../src/intake/received.js";
import { enqueueWaiting, missInQueue } from "../../src/intake/reconcile.js";
import { startIntake } from "../../src/intake/worker.js";
import { createLog } from "../../src/platform/log.js";
import { createQueues, jobIdFor, type Queues } from "../../src/platform/queues.js";
import { submissionOf, upload } from "../casework/recorded.js";
import { BACKENDS, PATIENCE } from "../stories/support.js";
import { testConfig } from "../support/config.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { redisMissing, startRedis } from "../support/redis.js";

const log = createLog("silent");
let made = 0;

const job = (over: Partial<ScanJob> = {}): ScanJob => ({
  version: 1,
  submissionId: `kept-${++made}`,
  media: { url: `https://cdn.example/${made}.mp4` },
  ...over,
});

for (const { name, missing, open } of BACKENDS) {
  describe.skipIf(missing !== "")(`with queues on ${name} ${missing}`, () => {
    let database: TestDatabase;
    let backend: Awaited<ReturnType<typeof open>>;
    let queues: Queues;

    beforeAll(async () => {
      [database, backend] = await Promise.all([testDatabase(), open()]);
      const { REDIS_URL: redisUrl } = backend.variables as { REDIS_URL?: string };
      queues = createQueues({ redisUrl, queuePrefix: "kept" }, database.connectionString, log);
    });
    afterAll(async () => {
      await queues.close();
      await Promise.all([database.close(), backend.close()]);
    });
    beforeEach(async () => {
      await database.pool.query("truncate intake, parked_job");
      await queues.queue(SUBMISSIONS).obliterate({ force: true });
    });

    const client = () => createIntakeClient(queues, database.pool);
    const queued = (submissionId: string) => queues.queue<ScanJob>(SUBMISSIONS).getJob(jobIdFor(submissionId));
    /** As if so many seconds had passed. */
    const pass = (seconds: number) =>
      database.pool.query(
        `update intake set received_at = received_at - make_interval(secs => $1), enqueued_at = enqueued_at - make_interval(secs => $1)`,
        [seconds],
      );

    test("a submission is in the database and in the queue, and the same one again changes nothing", async () => {
      const of = job({ priority: 3 });
      await client().submit(of);
      await client().submit(of);
      expect((await queued(of.submissionId))?.data).toEqual(of);
      expect(await isReceived(database.pool, of.submissionId)).toBe(true);
      await pass(10);
      expect(await enqueueWaiting(database.pool, queues)).toBe(0);
    });

    test("what has no verdict is counted for the metrics, by whether the queue has it, with the age of the oldest", async () => {
      expect(await intakeFigures(database.pool)).toEqual({ queued: 0, unqueued: 0, oldestSeconds: 0 });
      await client().submit(job());
      await client().submit(job());
      await pass(100);
      await keepReceived(database.pool, job());
      const figures = await intakeFigures(database.pool);
      expect(figures).toMatchObject({ queued: 2, unqueued: 1 });
      expect(figures.oldestSeconds).toBeGreaterThanOrEqual(100);
    });

    test("one that the queue does not take is accepted all the same, and queued later under its id and priority", async () => {
      const of = job({ priority: 7 });
      const away = createQueues({ redisUrl: "redis://127.0.0.1:1", queuePrefix: "kept" }, "", log);
      await createIntakeClient(away, database.pool).submit(of);
      expect(await queued(of.submissionId)).toBeUndefined();
      // For a moment it is left to whoever accepted it.
      expect(await enqueueWaiting(database.pool, queues)).toBe(0);
      await pass(10);
      expect(await enqueueWaiting(database.pool, queues)).toBe(1);
      expect(await queued(of.submissionId)).toMatchObject({ data: of, priority: 7 });
      expect(await enqueueWaiting(database.pool, queues)).toBe(0);
      await away.close();
    });

    test("jobs that are gone from the queue, or finished without a verdict, are missed and queued again; the others are not", async () => {
      const [gone, finished, there] = [job(), job(), job()];
      const worker = queues.worker(SUBMISSIONS, async () => {}, { autorun: false });
      await client().submit(finished);
      await (await worker.getNextJob("token"))!.moveToCompleted(undefined, "token", false);
      for (const each of [gone, there]) await client().submit(each);
      await (await queued(gone.submissionId))!.remove();
      expect(await missInQueue(database.pool, queues)).toBe(0);
      await pass(120);
      expect(await missInQueue(database.pool, queues)).toBe(2);
      expect(await enqueueWaiting(database.pool, queues)).toBe(2);
      for (const { submissionId } of [gone, finished, there])
        expect(await (await queued(submissionId))!.getState()).toBe("waiting");
      await worker.close();
    });

    test("one that a worker with a clock two hours ahead has put off for a second does not wait for two hours", async () => {
      const of = job();
      await client().submit(of);
      const worker = queues.worker(SUBMISSIONS, async () => {}, { autorun: false });
      vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 2 * 3_600_000 });
      try {
        await (await worker.getNextJob("token"))!.moveToDelayed(Date.now() + 1_000, "token");
      } finally {
        vi.useRealTimers();
      }
      await worker.close();
      expect(await (await queued(of.submissionId))!.getState()).toBe("delayed");
      await pass(120);
      expect(await missInQueue(database.pool, queues)).toBe(0);
      expect(await (await queued(of.submissionId))!.getState()).toBe("waiting");
    });

    test("other content under an id that waits is refused by name, and the first stays", async () => {
      const of = job();
      await client().submit(of);
      const other = { ...of, media: { url: "https://cdn.example/other.mp4" } };
      await expect(client().submit(other)).rejects.toThrow(/submissionId: .*media differs/);
      expect((await queued(of.submissionId))?.data).toEqual(of);
    });

    test("other content that somebody else put into the queue under the id is refused, or parked when it is found later", async () => {
      const of = job();
      const foreign = { ...of, media: { url: "https://cdn.example/other.mp4" } };
      await queues.queue(SUBMISSIONS).add("scan", foreign, { jobId: jobIdFor(of.submissionId) });
      await expect(client().submit(of)).rejects.toThrow(/submissionId: .*media differs/);
      expect(await isReceived(database.pool, of.submissionId)).toBe(false);

      await database.pool.query("insert into intake (submission_id, job) values ($1, $2)", [of.submissionId, of]);
      await pass(10);
      expect(await enqueueWaiting(database.pool, queues)).toBe(0);
      expect(await listParked(database.pool, 5)).toMatchObject([{ submissionId: of.submissionId, field: "submissionId" }]);
      expect(await isReceived(database.pool, of.submissionId)).toBe(false);
    });

    test("nothing is kept of a submission once it has a verdict, or is parked", async () => {
      const [scanned, parked, left] = [job(), job(), job()];
      for (const each of [scanned, parked, left]) await client().submit(each);
      await upload(database.pool, [], submissionOf({ id: scanned.submissionId, media: scanned.media as { url: string } }));
      await parkJob(database.pool, {
        queue: SUBMISSIONS,
        jobId: jobIdFor(parked.submissionId),
        data: parked,
        reason: "media.url: wrong",
      });
      // A stranger's job that only names it says nothing of it.
      await parkJob(database.pool, { queue: SUBMISSIONS, jobId: "strange", data: left, reason: "colour: is not a field" });
      const { rows } = await database.pool.query("select submission_id as id from intake");
      expect(rows).toEqual([{ id: left.submissionId }]);
      await forgetReceived(database.pool, left.submissionId);
      expect(await isReceived(database.pool, left.submissionId)).toBe(false);
    });

    test("a verdict waits for no relay that holds the submission at the same moment", async () => {
      const of = job();
      await client().submit(of);
      const relay = await database.pool.connect();
      await relay.query("begin");
      await relay.query("select 1 from intake for update");
      await upload(database.pool, [], submissionOf({ id: of.submissionId, media: of.media as { url: string } }));
      await relay.query("rollback");
      relay.release();
      expect(await isReceived(database.pool, of.submissionId)).toBe(true);
    });

    test("erasing an uploader takes what of theirs waits for a verdict, by id and by address", async () => {
      const uploader = { id: `profile-${made}`, url: `https://videosite.example/profile-${made}` };
      const [byId, byUrl, other] = [{ id: uploader.id }, { url: uploader.url }, { id: "somebody else" }].map((of) =>
        job({ platform: "videosite", uploader: of }),
      );
      for (const each of [byId, byUrl, other]) await client().submit(each);
      for (const name of [uploader.id, uploader.url]) {
        const receipt = await eraseUploader(database.pool, "videosite", name, "person:admin", "asked for by them");
        expect(receipt.counts).toMatchObject({ waitingSubmissions: 1 });
        expect(await eraseFromQueues(queues, receipt.inQueues)).toMatchObject({ removed: 1 });
      }
      await pass(120);
      await missInQueue(database.pool, queues);
      await enqueueWaiting(database.pool, queues);
      expect(await Promise.all([byId, byUrl, other].map(({ submissionId }) => queued(submissionId).then(Boolean)))).toEqual([
        ...[false, false],
        true,
      ]);
    });

    test("an intake service that is given the database's address keeps its submissions there", async () => {
      const near = openIntakeClient({
        ...{ databaseUrl: database.connectionString, queuePrefix: "kept" },
        redisUrl: (backend.variables as { REDIS_URL?: string }).REDIS_URL,
      });
      const of = job();
      await near.submit(of);
      expect(await isReceived(database.pool, of.submissionId)).toBe(true);
      await vi.waitFor(async () => expect((await queued(of.submissionId))?.data).toEqual(of), PATIENCE);
      await near.close();
    });
  });
}

describe.skipIf(redisMissing !== "")(`when Redis is emptied while a worker has a job ${redisMissing}`, () => {
  test("what is left of the job is no job: it is not parked, and gives way to the real one", async () => {
    const [database, redis] = [await testDatabase(), (await startRedis())!];
    const queues = createQueues({ redisUrl: redis.url, queuePrefix: "hollow" }, "", log);
    const of = job();
    // As BullMQ leaves it when it notes something about a job that is gone.
    const raw = new Redis(redis.url);
    await raw.hset(`hollow:submissions:${jobIdFor(of.submissionId)}`, "stc", 1);
    await raw.lpush("hollow:submissions:wait", jobIdFor(of.submissionId));
    raw.disconnect();
    const seen: string[] = [];
    const nobody = async () => Promise.reject(new Error("nobody should be asked about it"));
    const steps = {
      scan: nobody,
      giveUp: nobody,
      park: async ({ reason }: { reason: string }) => void seen.push(reason),
      onRetry: () => {},
    };
    const worker = startIntake(queues, steps, testConfig({ REDIS_URL: redis.url }), log, new AbortController().signal);
    await vi.waitFor(
      async () => expect(await queues.queue(SUBMISSIONS).getJobState(jobIdFor(of.submissionId))).toBe("failed"),
      PATIENCE,
    );
    await worker.close();
    expect(seen).toEqual([]);
    await createIntakeClient(queues, database.pool).submit(of);
    const queued = (await queues.queue(SUBMISSIONS).getJob(jobIdFor(of.submissionId)))!;
    expect([queued.data, await queued.getState()]).toEqual([of, "waiting"]);
    await queues.close();
    await Promise.all([database.close(), redis.close()]);
  });
});
