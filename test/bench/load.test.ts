import { afterAll, beforeAll, expect, test } from "vitest";
import { FRAMES_EACH, generateHashes } from "../../src/bench/index/generate.js";
import { checkLoad } from "../../src/bench/load-check.js";
import { retentionCost, tableStates } from "../../src/bench/load-growth.js";
import { loadPlot } from "../../src/bench/load-plot.js";
import { stagesIn } from "../../src/bench/load-replica.js";
import { memoryGrowth } from "../../src/bench/load-samples.js";
import { FRAMES_ASKED, isKnown, jobOf, numberOf, PRIORITIES, REFERENCES } from "../../src/bench/load-submissions.js";
import { distance, hashFromHex } from "../../src/fingerprint/hash.js";
import { parseJob } from "../../src/intake/job.js";
import { createMetrics } from "../../src/platform/metrics.js";
import { type TestDatabase, testDatabase } from "../support/database.js";

const known = new Uint8Array(32 * FRAMES_EACH * REFERENCES);
generateHashes(known, 2);

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.close());

test("the jobs of a load are ones the intake accepts, the same for the same number, with ids that tell the number", () => {
  for (const number of [0, 3, 50, 77]) {
    const job = jobOf(number, known);
    expect(parseJob(job).id).toBe(job.submissionId);
    expect(jobOf(number, known)).toEqual(job);
    expect(numberOf(job.submissionId)).toBe(number);
  }
  expect(jobOf(50, known).media.path).toMatch(/teapot\.jpg$/);
});

test("one submission in ten copies known frames within the radius, and priorities have their shares", () => {
  const jobs = Array.from({ length: 1000 }, (_, number) => jobOf(number, known));
  for (const { priority, inTen } of PRIORITIES) expect(jobs.filter((job) => job.priority === priority).length).toBe(100 * inTen);
  expect(jobs.filter((_, number) => isKnown(number))).toHaveLength(100);
  const copy = jobs.findIndex((_, number) => isKnown(number));
  const frames = jobs[copy].media.fingerprints!;
  expect(frames).toHaveLength(FRAMES_ASKED);
  for (const { pdq } of frames) {
    const hash = hashFromHex(pdq);
    let nearest = 256;
    for (let at = 0; at < known.length; at += 32) nearest = Math.min(nearest, distance(hash, known.subarray(at, at + 32)));
    expect(nearest).toBeLessThanOrEqual(12);
  }
});

test("the check counts what is lost, strange, done twice or not told", async () => {
  const { pool } = database;
  await pool.query(`insert into "case" (id, upload_count) values ('C', 2)`);
  await pool.query("insert into policy (version, content) values ('p', '{}')");
  const submit = (id: string) => pool.query("insert into submission (id, content_sha256, content) values ($1, '', '{}')", [id]);
  const judge = (id: string, kind: string) =>
    pool.query(
      `insert into verdict (id, submission_id, origin, kind, reasons, policy_version, tool_version)
       values (gen_random_uuid(), $1, 'scan', $2, '{}', 'p', 't') returning id`,
      [id, kind],
    );
  await submit("a");
  await judge("a", "clear");
  expect((await checkLoad(pool, ["a"], { alerts: 0, takedowns: 0 })).miscounts).toEqual({
    lost: 0,
    strange: 0,
    notOneVerdict: 0,
    notOneAlert: 0,
    notOneTakedown: 0,
    notOneMessage: 0,
    jobsInQueues: 0,
    // Two were counted, and there is none.
    misnumberedCases: 1,
  });
  await submit("b");
  const { rows } = await judge("b", "match");
  await submit("never queued");
  await pool.query(`insert into alert (id, verdict_id, submission_id, kind) values (gen_random_uuid(), $1, 'b', 'match')`, [
    rows[0].id,
  ]);
  expect((await checkLoad(pool, ["a", "b", "c"], { alerts: 3, takedowns: 0 })).miscounts).toMatchObject({
    lost: 1,
    strange: 1,
    notOneVerdict: 1,
    notOneAlert: 0,
    // The match has none.
    notOneTakedown: 1,
    // The alert was not told.
    notOneMessage: 1,
    // There is one alert.
    jobsInQueues: 2,
  });
});

test("removing kept fingerprints removes the older half, and leaves room that is used again", async () => {
  const { pool } = database;
  await pool.query(
    `insert into submission (id, content_sha256, content) select 'kept-' || n, '', '{}' from generate_series(1, 200) as n`,
  );
  await pool.query(
    `insert into submission_fingerprint (submission_id, algorithm, variants, at_ms, until_ms, quality, pdq, blockhash, expires_at)
     select 'kept-' || n, 'test/1', '{full}', '{0}', '{0}', '{100}', decode(repeat('ab', 500), 'hex'), '', now() + make_interval(days => n)
     from generate_series(1, 200) as n`,
  );
  const cost = await retentionCost(pool);
  expect(cost.rows).toBe(99);
  expect((await pool.query("select count(*)::int as n from submission_fingerprint")).rows[0].n).toBe(101);
  expect(cost.bytesFree).toBeGreaterThan(0);
  const state = (await tableStates(pool)).find(({ table }) => table === "submission_fingerprint")!;
  expect(state.bytes).toBe(cost.bytesAfter);
});

test("memory that grows has a slope, and only replicas that lived all the time count", () => {
  const samples = Array.from({ length: 21 }, (_, i) => ({
    atMs: 1000 * i,
    done: 100 * i,
    residentBytes: { "7": 1e8, "8": 1e8 + 5000 * 100 * i, ...(i < 5 ? { "9": 1e8 } : { "10": 1e8 }) },
  }));
  const growth = memoryGrowth(samples);
  expect(growth.map(({ pid }) => pid)).toEqual(["7", "8"]);
  expect(growth[0]).toMatchObject({ secondQuarterBytes: 1e8, lastQuarterBytes: 1e8, bytesPerSubmission: 0 });
  expect(growth[1].bytesPerSubmission).toBeCloseTo(5000, 6);
  expect(loadPlot({ submissions: 2000, samples }).match(/<polyline/g)).toHaveLength(4);
});

test("seconds by stage are read out of the metrics as this program writes them", async () => {
  const metrics = createMetrics();
  metrics.stageSeconds.observe({ stage: "decode" }, 1.5);
  metrics.stageSeconds.observe({ stage: "decode" }, 0.25);
  metrics.stageSeconds.observe({ stage: "lookup" }, 0.5);
  expect(stagesIn(await metrics.registry.metrics())).toEqual({ decode: 1.75, lookup: 0.5 });
});
