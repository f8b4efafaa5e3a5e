import { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { createCase, mergeCases, readCase, updateCase } from "../../src/casework/cases.js";
import { eraseFromQueues } from "../../src/casework/erase/queues.js";
import { eraseCase, eraseUploader, wouldErase } from "../../src/casework/erase.js";
import { readReference } from "../../src/casework/known.js";
import { retireExpired } from "../../src/casework/retention.js";
import { readUploader } from "../../src/casework/statistics.js";
import { deliverOutbox } from "../../src/delivery/relay.js";
import { lookup } from "../../src/hash-index/lookup.js";
import { packKeys, postYoung } from "../../src/hash-index/pack.js";
import { parkJob } from "../../src/intake/park.js";
import { listAudit, verifyAudit } from "../../src/platform/audit.js";
import { createLog } from "../../src/platform/log.js";
import { createQueues, jobIdFor, type Queues } from "../../src/platform/queues.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { readingOf } from "../support/material.js";
import { redisMissing, startRedis } from "../support/redis.js";
import { matchOn, register, rowsOf, upload } from "./recorded.js";

let database: TestDatabase;
let queues: Queues;
beforeAll(async () => {
  database = await testDatabase({ poolSize: 8 });
  queues = createQueues({ queuePrefix: "erase" }, database.connectionString, createLog("silent"));
});
afterAll(async () => {
  await queues.close();
  await database.close();
});

const admin = "person:admin";
/** In every text that is about what goes. */
let marker: string;
let made = 0;
beforeEach(() => {
  marker = `zqx${++made}marker`;
});

/** Tables, in all schemas, that have this text somewhere, whatever the column. Hashes are read as hexadecimal and as bits. */
async function tablesWith(text: string): Promise<string[]> {
  const tables = await rowsOf<{ name: string }>(
    database.pool,
    `select format('%I.%I', n.nspname, c.relname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p', 'm') and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg_toast%' order by 1`,
  );
  const found: string[] = [];
  for (const { name } of tables) {
    const rows = await rowsOf(database.pool, `select 1 from ${name} t where position(lower($1) in lower(t::text)) > 0 limit 1`, [
      text,
    ]);
    if (rows.length > 0) found.push(name);
  }
  return found;
}

/** Everything the marker and the hash are in before an erasure; the audit log is only ever added to. */
const bitsOf = (hash: Uint8Array) => [...hash].map((byte) => byte.toString(2).padStart(8, "0")).join("");

/** Postings as (key, fingerprint) pairs, and those that the fingerprints that are there should have. */
async function postings(): Promise<{ are: string[]; shouldBe: string[] }> {
  const are = await rowsOf<{ it: string }>(
    database.pool,
    `select key || ' ' || (fingerprint_id + unnest(coalesce(others, '{0}'))) as it from reference_posting order by 1`,
  );
  const shouldBe = await rowsOf<{ it: string }>(
    database.pool,
    `select (b * 65536 + substring(f.pdq || f.pdq from 1 + 16 * b for 16)::int) || ' ' || f.id as it
     from reference_fingerprint f join reference r on r.id = f.reference_id, generate_series(0, 15) as b where r.retired_at is null order by 1`,
  );
  return { are: are.map((r) => r.it), shouldBe: shouldBe.map((r) => r.it) };
}

/** An upload that names the marker everywhere, in tables and in the queues. */
async function planted(matches: Parameters<typeof upload>[1], seed: number) {
  const { pool } = database;
  const reading = readingOf(seed, 4);
  const it = await upload(pool, matches, {
    ...{
      id: `${marker}-${seed}`,
      reading,
      media: { url: `https://cdn.example/${marker}` },
      pageUrl: `https://site.example/${marker}`,
    },
    ...{ uploader: { id: marker, url: `https://site.example/u/${marker}` }, metadata: { note: marker } },
    reasons: [`known material "${marker}"`],
  });
  await pool.query(
    `insert into alert_event (alert_id, actor, act, detail) select id, 'person:ana', 'noted', jsonb_build_object('text', $2::text) from alert where submission_id = $1`,
    [it.submissionId, marker],
  );
  await pool.query(
    "insert into takedown_event (takedown_id, attempt, state, actor, detail) select id, 1, 'sent', 'token:x', $2 from takedown where submission_id = $1",
    [it.submissionId, marker],
  );
  const data = { submissionId: it.submissionId, pageUrl: marker, uploader: { id: marker }, platform: "videosite" };
  await parkJob(pool, { queue: "submissions", jobId: `p-${seed}`, data, reason: marker });
  await pool.query(
    `insert into idempotency (actor, key, request_sha256, claim, claimed_until, status, body, headers, expires_at)
     values ('token:x', $1, sha256('x'), gen_random_uuid(), now(), 201, $2, $3, now() + interval '1 day')`,
    [`k${seed}`, JSON.stringify({ id: it.submissionId, note: marker }), { location: `/v1/submissions/${it.submissionId}` }],
  );
  await queues.queue("submissions").add("scan", data, { jobId: jobIdFor(it.submissionId) });
  if (it.takedownId)
    await queues.queue("takedown-results").add("result", { takedownId: it.takedownId, state: "sent", detail: marker });
  while ((await deliverOutbox(pool, queues)) > 0);
  return { ...it, reading };
}

async function expectGone(...texts: string[]): Promise<void> {
  for (const text of texts) expect(await tablesWith(text), text).toEqual([]);
  const { are, shouldBe } = await postings();
  expect(are).toEqual(shouldBe);
}

describe("erasing a case", () => {
  test("leaves no trace of it in any table or queue but its id in the audit log, with a receipt that counts", async () => {
    const { pool } = database;
    const id = `C-${marker}`;
    await createCase(pool, { id: `${id}-old`, title: marker }, admin);
    await createCase(pool, { id, title: marker, legalBasis: marker }, admin);
    const reference = await register(pool, `${id}-old`, 100 + made, marker);
    await mergeCases(pool, `${id}-old`, id, admin);
    const other = await register(pool, "other", 200);
    // Packed with a neighbour's, and posted alone.
    const twins = [await register(pool, "twins", 100 + made), await register(pool, id, 300, marker)];
    for (let i = 0; i < 3; i++) await register(pool, `more-${made}-${i}`, 100 + made);
    await postYoung(pool);
    await packKeys(pool, 0, 16 * 65_536);
    expect((await rowsOf(pool, "select 1 from reference_posting where others is not null")).length).toBeGreaterThan(0);
    const it = await planted([matchOn({ ...reference, caseId: id })], 400);
    const elsewhere = await upload(pool, [matchOn(other)]);
    expect((await tablesWith(marker)).length).toBeGreaterThan(9);
    expect(await wouldErase(pool, id)).toEqual({ title: marker, references: 2, uploads: 1, mergedFrom: 1 });

    const receipt = await eraseCase(pool, id, admin, "court order 12/2026");
    expect(receipt.counts).toMatchObject({
      ...{ cases: 2, references: 2, fingerprints: 8, submissions: 1, submissionsKeptForOtherCases: 0, alerts: 1, takedowns: 1 },
      ...{ messages: 2, parkedJobs: 1, answers: 1 },
    });
    const busy = await eraseFromQueues(queues, receipt.inQueues);
    expect(busy).toEqual({ removed: 4, changed: 0, busy: 0 });
    expect(await tablesWith(marker)).toEqual(["public.audit_log"]);
    const about = await rowsOf<{ text: string }>(pool, "select detail::text as text from audit_log where subject like $1", [
      `%${marker}%`,
    ]);
    expect(
      about.filter(
        ({ text }) => text.includes(marker) && !text.includes(`"into": "${id}"`) && !text.includes(`"from": "${id}-old"`),
      ),
    ).toEqual([]);
    await expectGone(it.reading.sha256, bitsOf(it.reading.fingerprints[0].pdq), bitsOf(readingOf(300, 4).fingerprints[1].pdq));
    const [entry] = await listAudit(pool, { subject: `case:${id}`, limit: 1 });
    expect(entry).toMatchObject({
      actor: admin,
      act: "case erased",
      detail: { receipt: receipt.id, reason: "court order 12/2026" },
    });
    expect((await verifyAudit(pool)).broken).toBeUndefined();

    const { hits } = await lookup(pool, readingOf(100 + made, 4).fingerprints, "test/1", 31);
    expect(hits.some((h) => h.referenceId === twins[0].id)).toBe(true);
    expect(hits.some((h) => h.referenceId === reference.id)).toBe(false);
    expect(await rowsOf(pool, "select 1 from submission where id = $1", [elsewhere.submissionId])).toHaveLength(1);
    const withdrawn = await rowsOf(pool, "select payload from outbox where job_id = $1", [`takedown-${it.takedownId}-erased`]);
    expect(withdrawn).toEqual([{ payload: { takedownId: it.takedownId, withdrawn: true, reason: "erased" } }]);
  });

  test("leaves a submission that another case has as well to that one, without a word of this one", async () => {
    const { pool } = database;
    const id = `C-${marker}`;
    const [going, staying] = [await register(pool, id, 500, marker), await register(pool, "stays", 501, "staying.mp4")];
    const sure = matchOn(going, { confidence: 0.999 });
    const it = await upload(pool, [sure, matchOn(staying, { confidence: 0.99, framesAgreeing: 3 })]);
    const maybe = await upload(pool, [sure, matchOn(staying, { verdict: "review" })]);
    await pool.query("insert into alert_event (alert_id, actor, act, detail) values ($1, 'person:ana', 'noted', $2)", [
      it.alertId,
      { text: marker },
    ]);
    while ((await deliverOutbox(pool, queues)) > 0);

    const receipt = await eraseCase(pool, id, admin, "court order");
    expect(receipt.counts).toMatchObject({ submissions: 0, submissionsKeptForOtherCases: 2, alerts: 0 });
    expect(await eraseFromQueues(queues, receipt.inQueues)).toEqual({ removed: 1, changed: 3, busy: 0 });
    expect((await tablesWith(marker)).filter((table) => table !== "public.audit_log")).toEqual([]);
    expect(await rowsOf(pool, "select kind, reasons from verdict where submission_id = $1", [it.submissionId])).toEqual([
      { kind: "match", reasons: [expect.stringContaining('known material "staying.mp4" of case stays')] },
    ]);
    expect(await rowsOf(pool, "select case_id, kind, reupload_number from alert where id = $1", [it.alertId])).toEqual([
      { case_id: "stays", kind: "match", reupload_number: 1 },
    ]);
    const takedowns = await rowsOf<{ request: Record<string, unknown> }>(
      pool,
      "select case_id, state, request from takedown where submission_id = any($1)",
      [[it.submissionId, maybe.submissionId]],
    );
    expect(takedowns).toMatchObject([
      {
        case_id: "stays",
        state: "queued",
        request: { case: "stays", reuploadNumber: 1, evidence: { distances: { framesAgreeing: 3 } } },
      },
    ]);
    expect(await rowsOf(pool, "select kind from verdict where submission_id = $1", [maybe.submissionId])).toEqual([
      { kind: "review" },
    ]);
    expect(await readCase(pool, "stays")).toMatchObject({ uploads: 1, openAlerts: 2 });
    const jobs = await queues.queue<Record<string, unknown>>("takedowns").getJobs(["wait", "prioritized"]);
    expect(jobs.find((job) => job.data.takedownId === it.takedownId)?.data).toMatchObject({ case: "stays", attempt: 1 });
  });

  test("is refused without a reason, for a case that is not there, and for one that was merged away", async () => {
    const { pool } = database;
    for (const id of ["E-1", "E-2"]) await createCase(pool, { id }, admin);
    await mergeCases(pool, "E-1", "E-2", admin);
    await expect(eraseCase(pool, "E-2", admin, " ")).rejects.toThrow("reason: must say why");
    await expect(eraseCase(pool, "E-none", admin, "x")).rejects.toThrow("id: there is no case E-none");
    await expect(eraseCase(pool, "E-1", admin, "x")).rejects.toThrow("id: case E-1 was merged into E-2");
    expect(await readCase(pool, "E-2")).toBeDefined();
  });

  test("while uploads of it are recorded, and its postings are packed, leaves nothing of it", async () => {
    const { pool } = database;
    const id = `C-${marker}`;
    const reference = await register(pool, id, 600, marker);
    await postYoung(pool);
    const recording = Array.from({ length: 6 }, () => upload(pool, [matchOn(reference)], { uploader: { id: marker } }));
    const packing = packKeys(pool, 0, 16 * 65_536);
    const results = await Promise.allSettled([...recording, packing, eraseCase(pool, id, admin, "court order")]);
    expect(results[7].status).toBe("fulfilled");
    expect(await tablesWith(marker)).toEqual(["public.audit_log"]);
    const { are, shouldBe } = await postings();
    expect(are).toEqual(shouldBe);
  });
});

describe("erasing an uploader", () => {
  test("leaves no trace of them, the numbers of the case as they were, and a receipt that does not name them", async () => {
    const { pool } = database;
    const reference = await register(pool, `K-${made}`, 700);
    const before = await upload(pool, [matchOn(reference)]);
    const theirs = await planted([matchOn(reference)], 701);
    const after = await upload(pool, [matchOn(reference)]);
    const innocent = await planted([], 702);
    const stranger = await upload(pool, [], { platform: "othersite", uploader: { id: "someone" } });
    const learned = await register(pool, `K-${made}`, 703, `confirmed ${theirs.submissionId}`);
    await pool.query("update reference set learned_from = $2 where id = $1", [learned.id, theirs.submissionId]);
    const others = await upload(pool, [matchOn(learned)], { reasons: [`known material "confirmed ${theirs.submissionId}"`] });
    while ((await deliverOutbox(pool, queues)) > 0);
    await postYoung(pool);
    expect((await tablesWith(marker)).length).toBeGreaterThan(8);

    const receipt = await eraseUploader(pool, "videosite", marker, admin, "request 7 of 2026");
    expect(receipt.counts).toMatchObject({
      submissions: 1,
      submissionsMadeNameless: 1,
      alerts: 1,
      takedowns: 1,
      references: 1,
      fingerprints: 4,
    });
    await queues
      .queue("submissions")
      .add("scan", { submissionId: "not-scanned", platform: "videosite", uploader: { id: marker } });
    expect(await eraseFromQueues(queues, receipt.inQueues)).toMatchObject({ busy: 0 });
    await expectGone(
      marker,
      theirs.reading.sha256,
      innocent.reading.sha256,
      bitsOf(theirs.reading.fingerprints[0].pdq),
      bitsOf(readingOf(703, 4).fingerprints[0].pdq),
    );

    const numbered = await rowsOf(pool, "select submission_id as id, number from reupload where case_id = $1 order by number", [
      `K-${made}`,
    ]);
    expect(numbered).toEqual([
      { id: before.submissionId, number: 1 },
      { id: expect.stringMatching(/^erased-/), number: 2 },
      { id: after.submissionId, number: 3 },
      { id: others.submissionId, number: 4 },
    ]);
    expect(await readCase(pool, `K-${made}`)).toMatchObject({ uploads: 4 });
    expect(await rowsOf(pool, "select state from takedown where id = $1", [theirs.takedownId])).toEqual([{ state: "withdrawn" }]);
    expect(await readReference(pool, learned.id)).toMatchObject({
      label: "erased",
      retiredAt: expect.any(Date),
      sha256: "0".repeat(64),
      submissions: 1,
    });
    expect(await readUploader(pool, "videosite", marker)).toBeUndefined();
    expect(await readUploader(pool, "othersite", "someone")).toMatchObject({ submissions: 1 });
    expect(stranger.submissionId).toBeDefined();
    const [entry] = await listAudit(pool, { subject: `erasure:${receipt.id}`, limit: 1 });
    expect(entry).toMatchObject({
      act: "uploader erased",
      detail: { platform: "videosite", reason: "request 7 of 2026", alerts: 1 },
    });
    await expect(eraseUploader(pool, "videosite", marker, admin, "again")).rejects.toThrow("uploader: nothing is kept of it");
  });

  test("is refused when the reason would name them for ever", async () => {
    await expect(eraseUploader(database.pool, "videosite", "Ana-77", admin, "asked by ana-77")).rejects.toThrow(
      "reason: must not name the uploader",
    );
  });

  test("keeps a dismissal of a file that somebody else has put online as well", async () => {
    const { pool } = database;
    const reference = await register(pool, "D-1", 800);
    const [shared, only] = [readingOf(801, 4), readingOf(802, 4)];
    await upload(pool, [], { uploader: { id: marker }, reading: shared });
    await upload(pool, [], { uploader: { id: marker }, reading: only });
    await upload(pool, [], { uploader: { id: "somebody" }, reading: shared });
    for (const { sha256 } of [shared, only])
      await pool.query("insert into dismissal values ($1, decode($2, 'hex'), null, 'person:ana', 'not it', now())", [
        reference.id,
        sha256,
      ]);
    await eraseUploader(pool, "videosite", marker, admin, "request");
    const left = await rowsOf(pool, "select encode(media_sha256, 'hex') as sha256 from dismissal where reference_id = $1", [
      reference.id,
    ]);
    expect(left).toEqual([{ sha256: shared.sha256 }]);
  });
});

test.skipIf(redisMissing)("jobs go from Redis as well, finished and waiting ones, with the stream of their events", async () => {
  const redis = (await startRedis())!;
  const own = createQueues({ redisUrl: redis.url, queuePrefix: "erase" }, database.connectionString, createLog("silent"));
  try {
    const data = { submissionId: marker, uploader: { id: marker } };
    const worker = own.worker("submissions", async () => ({ outcome: marker }));
    await own.queue("submissions").add("scan", data, { jobId: jobIdFor(marker) });
    await vi.waitFor(async () => expect(await own.queue("submissions").getJobCounts("completed")).toEqual({ completed: 1 }), {
      timeout: 30_000,
    });
    await worker.close();
    await own.queue("alerts").add("alert", data);
    await own.queue("alerts").add("alert", { submissionId: "another" });
    const nothing = { alertIds: [], takedownIds: [], caseIds: [], repointed: [], restated: [] };
    expect(await eraseFromQueues(own, { ...nothing, submissionIds: [marker] })).toEqual({ removed: 2, changed: 0, busy: 0 });
    const client = new Redis(redis.url);
    const left = await client.keys("*");
    const texts = await Promise.all(
      left.map(async (key) => {
        const type = await client.type(key);
        if (type === "stream") return JSON.stringify(await client.xrange(key, "-", "+"));
        return type === "hash" ? JSON.stringify(await client.hgetall(key)) : key;
      }),
    );
    client.disconnect();
    expect(texts.join("\n")).toContain("another");
    expect(texts.join("\n")).not.toContain(marker);
    expect(await own.queue("alerts").getJobCounts("wait")).toEqual({ wait: 1 });
  } finally {
    await own.close();
    await redis.close();
  }
});

describe("what has outlived its retention", () => {
  test("is erased, cases whole and references by themselves, by two at once, each with one receipt", async () => {
    const { pool } = database;
    const going = await register(pool, `R-${marker}`, 900, marker);
    await upload(pool, [matchOn(going)], { uploader: { id: marker } });
    const [old, young] = [await register(pool, "R-stays", 901, marker), await register(pool, "R-stays", 902)];
    const seen = await upload(pool, [matchOn(old)]);
    while ((await deliverOutbox(pool, queues)) > 0);
    await updateCase(pool, "R-stays", { retainUntil: new Date("2099-01-01") }, admin);
    await postYoung(pool);
    await pool.query(`update "case" set retain_until = now() - interval '1 hour' where id = $1`, [`R-${marker}`]);
    await pool.query(`update reference set retain_until = now() - interval '1 hour' where id = $1`, [old.id]);

    const [one, two] = await Promise.all([retireExpired(pool), retireExpired(pool)]);
    const counted = [...one, ...two].map(({ counts }) => [counts.cases ?? 0, counts.references]);
    expect(counted.sort()).toEqual([
      [0, 1],
      [1, 1],
    ]);
    for (const { inQueues } of [...one, ...two]) await eraseFromQueues(queues, inQueues);
    expect((await tablesWith(marker)).filter((table) => table !== "public.audit_log")).toEqual([]);
    await expectGone(
      bitsOf(readingOf(900, 4).fingerprints[0].pdq),
      bitsOf(readingOf(901, 4).fingerprints[0].pdq),
      readingOf(901, 4).sha256,
    );
    expect(await readCase(pool, "R-stays")).toMatchObject({ uploads: 1, references: 1 });
    expect(await rowsOf(pool, "select reasons from verdict where submission_id = $1", [seen.submissionId])).toEqual([
      { reasons: [expect.stringContaining('known material "erased" of case R-stays')] },
    ]);
    expect(await readReference(pool, young.id)).toMatchObject({ retiredAt: null, submissions: 0 });
    expect(await retireExpired(pool)).toEqual([]);
    expect((await listAudit(pool, { actor: "service", limit: 10 })).map((row) => row.act).sort()).toEqual([
      "case erased",
      "references erased",
    ]);
  });
});
