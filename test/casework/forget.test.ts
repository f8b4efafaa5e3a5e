import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { forgetter, removeExpiredFingerprints } from "../../src/casework/forget.js";
import { pastSubmission, recordLookBack } from "../../src/casework/look-back.js";
import { earlierOutcome } from "../../src/casework/record.js";
import { submissionReport } from "../../src/casework/report.js";
import { readUploader } from "../../src/casework/statistics.js";
import { InvalidSubmissionError } from "../../src/errors.js";
import type { Submission, Verdict } from "../../src/model.js";
import { readSubmissionRow } from "../../src/web/api/rows/submissions.js";
import { PATIENCE } from "../stories/support.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { matchOn, register, rowsOf, settings, upload } from "./recorded.js";

const DAYS = settings.retentionDays;
const MARK = "ZqForgetMark";
const going = new AbortController().signal;

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.close());

const forget = () => forgetter(database.pool, DAYS)(going);

/** As if it had been uploaded a day longer ago than submissions are kept. */
async function outlive(...ids: string[]): Promise<void> {
  const age = `make_interval(days => ${DAYS + 1})`;
  await database.pool.query(`update submission set received_at = received_at - ${age} where id = any($1)`, [ids]);
  await database.pool.query(`update submission_fingerprint set expires_at = expires_at - ${age} where submission_id = any($1)`, [
    ids,
  ]);
  await removeExpiredFingerprints(database.pool);
}

/** Names the table of every row in which the text stands. */
async function tablesWith(text: string): Promise<string[]> {
  const found: string[] = [];
  const tables = await rowsOf<{ name: string }>(
    database.pool,
    "select format('%I', relname) as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1",
  );
  for (const { name } of tables) {
    const { rowCount } = await database.pool.query(`select 1 from ${name} t where t::text like '%' || $1 || '%' limit 1`, [text]);
    if (rowCount) found.push(name);
  }
  return found;
}

const marked = (id: string): Partial<Submission> => ({
  id,
  media: { url: `https://cdn.example/${MARK}.mp4` },
  pageUrl: `https://videosite.example/${MARK}`,
  uploader: { id: MARK, url: `https://videosite.example/u/${MARK}` },
  metadata: { note: MARK },
});

describe("of what was submitted, proved clear and has outlived its retention", () => {
  test("nothing is left in any table but its id, the job's digest, platform, kind, times and the verdict", async () => {
    const { pool } = database;
    const { submission } = await upload(pool, [], { ...marked("clear-1"), reasons: [`nothing in ${MARK}`] });
    const before = (await readSubmissionRow(pool, "clear-1"))!;
    expect(await tablesWith(MARK)).toEqual(["submission", "verdict"]);
    expect(await tablesWith(before.sha256!)).toEqual(["submission"]);
    await outlive("clear-1");
    expect(await forget()).toBe(1);
    expect(await tablesWith(MARK)).toEqual([]);
    expect(await tablesWith(before.sha256!)).toEqual([]);
    expect(await readSubmissionRow(pool, "clear-1")).toEqual({
      ...{ platform: submission.platform, kind: before.kind, receivedAt: expect.any(Date) },
      ...{ pageUrl: null, uploader: { id: null, url: null }, sha256: null, durationMs: null, reportedAt: null },
    });
    expect(await readUploader(pool, submission.platform!, MARK)).toBeUndefined();
    expect(await submissionReport(pool, "clear-1")).toMatchObject({
      verdict: "clear",
      verdicts: [{ origin: "scan", kind: "clear", reasons: ["what was submitted has been forgotten: its retention ended"] }],
    });
  });

  test("the same job again still gets its first outcome, and another one under its id is refused", async () => {
    const { pool } = database;
    const { submission, ...first } = await upload(pool, [], marked("clear-2"));
    await outlive("clear-2");
    await forget();
    expect(await earlierOutcome(pool, submission)).toEqual({ ...first, repeated: true });
    const error = await earlierOutcome(pool, { ...submission, platform: "other" }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(InvalidSubmissionError);
    expect((error as Error).message).toBe("submissionId: was used before for other content. Use a new submissionId");
  });

  test("a look-back that had read it before raises no alert that nobody could follow", async () => {
    const { pool } = database;
    const reference = await register(pool, "F-1", 3_001);
    await upload(pool, [], marked("clear-3"));
    const past = (await pastSubmission(pool, "clear-3"))!;
    await outlive("clear-3");
    await forget();
    const verdict: Verdict = { kind: "match", matches: [matchOn(reference)], reasons: ["because"], policyVersion: "test" };
    expect(await recordLookBack(pool, past, verdict, reference, settings)).toBe(false);
    expect(await submissionReport(pool, "clear-3")).toMatchObject({ verdict: "clear", alerts: [] });
  });
});

test("whatever gave a match, a review or an alert stays as it is, and so does what is young or has hashes", async () => {
  const { pool } = database;
  const reference = await register(pool, "F-2", 3_002);
  await upload(pool, [matchOn(reference)], { id: "stays-match" });
  await upload(pool, [matchOn(reference, { verdict: "review" })], { id: "stays-review" });
  await upload(pool, [], { id: "stays-looked-back" });
  const past = (await pastSubmission(pool, "stays-looked-back"))!;
  const verdict: Verdict = { kind: "match", matches: [matchOn(reference)], reasons: ["because"], policyVersion: "test" };
  expect(await recordLookBack(pool, past, verdict, reference, settings)).toBe(true);
  await upload(pool, [], { id: "stays-unreadable" });
  await pool.query("update verdict set kind = 'unscannable' where submission_id = 'stays-unreadable'");
  await outlive("stays-match", "stays-review", "stays-looked-back", "stays-unreadable");
  await upload(pool, [], { id: "stays-young" });
  await pool.query("delete from submission_fingerprint where submission_id = 'stays-young'");
  await upload(pool, [], { id: "stays-hashes", receivedAt: "2020-01-01T00:00:00Z" });
  const rows = () =>
    rowsOf(pool, "select s.*, v.reasons from submission s join verdict v on v.submission_id = s.id order by s.id, v.id");
  const before = await rows();
  expect(await forget()).toBe(0);
  expect(await rows()).toEqual(before);
});

test("a look-back that is being recorded meanwhile is waited for, and what it found stays", async () => {
  const { pool } = database;
  await upload(pool, [], { id: "raced" });
  await outlive("raced");
  const lookBack = await pool.connect();
  try {
    await lookBack.query("begin");
    await lookBack.query("select 1 from submission where id = 'raced' for no key update");
    const forgetting = forget();
    const waiting = "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    await vi.waitFor(async () => expect(await rowsOf(pool, waiting)).toHaveLength(1), PATIENCE);
    await lookBack.query(
      `insert into alert (id, verdict_id, submission_id, kind)
       select gen_random_uuid(), id, submission_id, 'look-back' from verdict where submission_id = 'raced'`,
    );
    await lookBack.query("commit");
    expect(await forgetting).toBe(0);
    expect(await readSubmissionRow(pool, "raced")).toMatchObject({ uploader: { id: "profile-1" } });
  } finally {
    lookBack.release();
  }
});

describe("many", () => {
  test("are gone over in one call as long as there are any to forget, also those of the same moment, and each once", async () => {
    const { pool } = database;
    await pool.query(
      `with many as (
         insert into submission (id, content_sha256, content, received_at, scanned_at)
         select 'many-' || i, '\\x00', '{"media": {}}', '2020-02-02', now() from generate_series(1, 2500) i returning id
       ) insert into verdict (id, submission_id, origin, kind, reasons, policy_version, tool_version)
         select gen_random_uuid(), id, 'scan', 'clear', '{}', 'test', 'test' from many`,
    );
    expect(await forget()).toBe(2_500);
    expect(await forget()).toBe(0);
  });

  test("are gone over again from the start, so that what can be forgotten only later is found", async () => {
    const { pool } = database;
    const again = forgetter(pool, DAYS);
    while ((await again(going)) > 0);
    await upload(pool, [], { id: "later", receivedAt: "2020-01-01T00:00:00Z" });
    const round = async () => {
      let forgotten = 0;
      // Old rows by now, and how many are looked at in one go at least.
      for (let looked = 0; looked < 6_000; looked += 1_000) forgotten += await again(going);
      return forgotten;
    };
    expect(await round()).toBe(0);
    await pool.query("delete from submission_fingerprint where submission_id = 'later'");
    expect(await round()).toBe(1);
  });
});
