import { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { reportTakedown } from "../../src/casework/takedown-reports.js";
import { BEAT_QUEUE, checkQueues } from "../../src/delivery/queue-loss.js";
import { deliverOutbox } from "../../src/delivery/relay.js";
import type { Registered } from "../../src/model.js";
import { createLog } from "../../src/platform/log.js";
import { createQueues, type Queues } from "../../src/platform/queues.js";
import { matchOn, register, rowsOf, upload } from "../casework/recorded.js";
import { BACKENDS } from "../stories/support.js";
import { type TestDatabase, testDatabase } from "../support/database.js";

const log = createLog("silent");

for (const { name, missing, open } of BACKENDS) {
  describe.skipIf(missing !== "")(`with queues on ${name} ${missing}`, () => {
    let database: TestDatabase;
    let backend: Awaited<ReturnType<typeof open>>;
    let queues: Queues;
    let reference: Registered;

    beforeAll(async () => {
      [database, backend] = await Promise.all([testDatabase(), open()]);
      const { REDIS_URL: redisUrl } = backend.variables as { REDIS_URL?: string };
      queues = createQueues({ redisUrl, queuePrefix: "loss" }, database.connectionString, log);
      reference = await register(database.pool, "C-1", 1);
    });
    afterAll(async () => {
      await queues.close();
      await Promise.all([database.close(), backend.close()]);
    });
    beforeEach(async () => {
      await empty();
      await database.pool.query("truncate outbox, intake");
      await database.pool.query("delete from submission");
      await database.pool.query("update queue_beat set beat = 0, emptied = '{}'");
    });

    const check = () => checkQueues(database.pool, queues);
    const deliver = async () => {
      while ((await deliverOutbox(database.pool, queues)) > 0);
    };
    /** Everything in the queues goes, as when Redis comes back without its disk. */
    async function empty(): Promise<void> {
      const { REDIS_URL: url } = backend.variables as { REDIS_URL?: string };
      if (url) {
        const redis = new Redis(url);
        await redis.flushall();
        redis.disconnect();
      } else for (const queue of ["alerts", "takedowns", BEAT_QUEUE]) await queues.queue(queue).obliterate({ force: true });
    }
    const match = () => upload(database.pool, [matchOn(reference)]);
    const inQueue = async (queue: string) => (await queues.queue(queue).getJobs("waiting")).map((job) => job.id).sort();
    /** Takes everything, as consumers that keep up do. */
    async function consume(queue: string): Promise<void> {
      const worker = queues.worker(queue, async () => {}, { autorun: false });
      for (let job = await worker.getNextJob("token"); job; job = await worker.getNextJob("token", { block: false }))
        await job.moveToCompleted(undefined, "token", false);
      await worker.close();
    }

    test("queues that are new, or whole, have lost nothing", async () => {
      await match();
      await deliver();
      for (let round = 0; round < 3; round++) expect(await check()).toBeUndefined();
      expect((await inQueue("alerts")).length).toBe(1);
    });

    test("emptied queues get every message again that their consumers had not taken, under its id", async () => {
      await check();
      const [first, second] = [await match(), await match()];
      await deliver();
      const before = [await inQueue("alerts"), await inQueue("takedowns")];
      await empty();
      expect(await check()).toEqual({ submissions: 0, messages: 4 });
      await deliver();
      expect([await inQueue("alerts"), await inQueue("takedowns")]).toEqual(before);
      expect(before[0]).toEqual([first, second].map(({ alertId }) => `alert-${alertId}`).sort());
      expect(await check()).toBeUndefined();
    });

    test("what was accepted waits to be queued again", async () => {
      await check();
      await database.pool.query(
        `insert into intake (submission_id, job, enqueued_at) values ('a', '{}', clock_timestamp()), ('b', '{}', null)`,
      );
      await empty();
      expect(await check()).toEqual({ submissions: 1, messages: 0 });
      expect(await rowsOf(database.pool, "select 1 from intake where enqueued_at is null")).toHaveLength(2);
    });

    test("what consumers had taken before the queues were last seen empty is not delivered again", async () => {
      await check();
      await match();
      await deliver();
      await consume("alerts");
      await check();
      const { takedownId } = await match();
      await deliver();
      await empty();
      // The first takedown, which nobody took, and both messages of the second upload.
      expect(await check()).toEqual({ submissions: 0, messages: 3 });
      await deliver();
      expect(await inQueue("takedowns")).toContain(`takedown-${takedownId}-1`);
      expect(await inQueue("alerts")).toHaveLength(1);
    });

    test("what has been dealt with is not delivered again", async () => {
      await check();
      const { alertId, takedownId } = await match();
      await deliver();
      await reportTakedown(database.pool, { takedownId: takedownId!, state: "sent" }, "test");
      await database.pool.query("update alert set state = 'confirmed' where id = $1", [alertId]);
      await empty();
      expect(await check()).toEqual({ submissions: 0, messages: 0 });
    });

    test("queues that went back to an older state get what they were given since", async () => {
      await check();
      await match();
      await deliver();
      await check();
      const job = (await queues.queue(BEAT_QUEUE).getJob("beat"))!;
      const older = job.data;
      await check();
      const { alertId } = await match();
      await deliver();
      for (const id of [`alert-${alertId}`]) await queues.queue("alerts").remove(id);
      await job.updateData(older);
      expect(await check()).toEqual({ submissions: 0, messages: 2 });
      await deliver();
      expect(await inQueue("alerts")).toContain(`alert-${alertId}`);
      expect(await check()).toBeUndefined();
    });

    test("a loss whose mending was not committed is found again", async () => {
      await check();
      await match();
      await deliver();
      await empty();
      const { pool } = database;
      await pool.query(
        `create function die() returns trigger language plpgsql as $$ begin raise exception 'the process died'; end $$;
         create constraint trigger die after update on queue_beat deferrable initially deferred for each row execute function die()`,
      );
      await expect(check()).rejects.toThrow("the process died");
      await pool.query("drop function die cascade");
      expect(await check()).toEqual({ submissions: 0, messages: 2 });
      expect(await check()).toBeUndefined();
    });
  });
}
