import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { actOnAlerts } from "../../src/casework/acts.js";
import { ALERT_ORDERS, alertListQuery } from "../../src/casework/alert-query.js";
import { type AlertFilter, type AlertPage, alertCounts, handledToday, listAlerts, readAlert } from "../../src/casework/alerts.js";
import { recordScan } from "../../src/casework/record.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { readingOf } from "../support/material.js";
import { addAccount, addKnown, fresh, lookedBack, matchOn, raised, scanned, settings, submissionOf } from "./alert-material.js";

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.close());

const act = (ids: string[], kind: "confirm" | "undo") => actOnAlerts(database.pool, ids, "person:ana", { kind }, settings);
const list = (filter: AlertFilter, page: Partial<AlertPage> = {}) =>
  listAlerts(database.pool, filter, { order: "newest", limit: 100, ...page });

/** Every page of a list, put together. */
async function all(filter: AlertFilter, page: Pick<AlertPage, "order" | "limit">): Promise<string[]> {
  const ids: string[] = [];
  for (let after: string | undefined; ; ) {
    const { alerts, next } = await listAlerts(database.pool, filter, { ...page, after });
    ids.push(...alerts.map((a) => a.id));
    if (!next) return ids;
    after = next;
  }
}

describe("the list", () => {
  const platform = "listed";
  const confidences = [0.991, 0.9999999, 0.5, 0.991, 0.75];
  const ids: string[] = [];
  let caseId = "";

  beforeAll(async () => {
    caseId = `C-${fresh()}`;
    const reference = await addKnown(database.pool, caseId);
    for (const confidence of confidences) {
      const { alertId } = await scanned(database.pool, [matchOn(reference, { confidence })], {
        submission: submissionOf({ platform }),
      });
      ids.push(alertId!);
    }
  });

  test("shows what the line of an alert needs", async () => {
    const { alerts } = await list({ platform, state: "open" }, { limit: 1 });
    expect(alerts).toEqual([
      {
        ...{
          id: ids[4],
          seq: expect.any(String),
          kind: "match",
          state: "open",
          createdAt: expect.any(Date),
          caseId,
          caseTitle: "",
        },
        ...{ submissionId: expect.any(String), platform, uploaderId: "profile-1", confidence: 0.75, reuploadNumber: 5 },
        ...{ assignedTo: null, identical: 0 },
      },
    ]);
  });

  test.each([
    ["newest", [4, 3, 2, 1, 0]],
    ["strongest", [1, 3, 0, 4, 2]],
    ["repeated", [4, 3, 2, 1, 0]],
  ] as const)("%s first, the same on pages of any length", async (order, expected) => {
    for (const limit of [1, 2, 3, 5, 100])
      expect(await all({ platform, state: "all" }, { order, limit }), `pages of ${limit}`).toEqual(expected.map((i) => ids[i]));
  });

  test("of all states is merged in order", async () => {
    await act([ids[1], ids[4]], "confirm");
    expect(await all({ platform, state: "all" }, { order: "strongest", limit: 2 })).toEqual([1, 3, 0, 4, 2].map((i) => ids[i]));
    expect(await all({ platform }, { order: "strongest", limit: 2 })).toEqual([3, 0, 2].map((i) => ids[i]));
    expect(await all({ platform, state: "confirmed" }, { order: "newest", limit: 2 })).toEqual([ids[4], ids[1]]);
    await act([ids[1], ids[4]], "undo");
  });

  test("filters by everything it can filter by", async () => {
    const reading = readingOf(60_000 + fresh(), 4);
    const submission = submissionOf({ platform: "filtered", uploader: { id: "profile-9" } });
    const { alertId, reference } = await raised(database.pool, "review", { reading, submission });
    const accountId = await addAccount(database.pool, `cara-${fresh()}`, "caseworker");
    const found = async (filter: AlertFilter) => (await list({ platform: "filtered", ...filter })).alerts.map((a) => a.id);
    for (const filter of [
      ...[{ kind: "review" }, { caseId: reference.caseId }, { uploaderId: "profile-9" }, { submissionId: submission.id }],
      ...[{ mediaSha256: reading.sha256 }, { assignedTo: "nobody" }],
    ] as AlertFilter[])
      expect(await found(filter), JSON.stringify(filter)).toEqual([alertId]);
    for (const filter of [
      ...[{ kind: "match" }, { caseId: "C-none" }, { uploaderId: "profile-1" }, { submissionId: "none" }, { state: "dismissed" }],
      ...[{ mediaSha256: "00".repeat(32) }, { assignedTo: accountId }],
    ] as AlertFilter[])
      expect(await found(filter), JSON.stringify(filter)).toEqual([]);
    await actOnAlerts(database.pool, [alertId], "person:ana", { kind: "assign", accountId }, settings);
    expect(await found({ assignedTo: accountId })).toEqual([alertId]);
    expect(await found({ assignedTo: "nobody" })).toEqual([]);
  });

  test("says which filter or cursor is wrong", async () => {
    await expect(list({ mediaSha256: "abc" })).rejects.toThrow(/^mediaSha256: must be 64 hexadecimal digits/);
    await expect(list({ assignedTo: "ana" })).rejects.toThrow(/^assignedTo: must be the id of an account, or "nobody"/);
    await expect(list({}, { limit: 501 })).rejects.toThrow(/^limit: /);
    const { next } = await list({ platform }, { limit: 2 });
    await expect(list({ platform }, { order: "strongest", limit: 2, after: next })).rejects.toThrow(/^after: /);
    await expect(
      list({}, { after: Buffer.from('["alerts newest","1); drop table alert"]').toString("base64url") }),
    ).rejects.toThrow(/^after: /);
  });
});

describe("one alert", () => {
  test("says which material, how sure and why, and where it is", async () => {
    const { alertId, submission, reading, reference } = await raised(database.pool, "match", {
      submission: submissionOf({ reportedAt: "2026-11-24T10:00:00Z" }),
    });
    const alert = (await readAlert(database.pool, alertId))!;
    expect(alert).toMatchObject({
      verdict: { kind: "match", reasons: ["because"], policyVersion: "test", toolVersion: "0.0.0-test" },
      submission: {
        ...{ id: submission.id, platform: "videosite", pageUrl: submission.pageUrl, sha256: reading.sha256, durationMs: 2000 },
        uploader: { id: "profile-1", url: "https://videosite.example/profile-1" },
        reportedAt: new Date("2026-11-24T10:00:00Z"),
      },
      takedown: { state: "queued", events: [{ state: "queued", actor: "service" }] },
      ...{ nthOfCase: 1, identicalOpen: [], events: [], undoableUntil: null, decidedBy: null },
    });
    expect(alert.matches).toEqual([
      {
        ...{
          caseId: reference.caseId,
          caseTitle: "",
          verdict: "match",
          confidence: 0.99,
          framesAgreeing: 4,
          medianDistanceBits: 4,
        },
        reference: { id: reference.id, label: "known.mp4", kind: "video", durationMs: 2000 },
        transform: { mirrored: false, rotatedDeg: 0, speed: 1, cropped: false },
        segments: [{ submissionFromMs: 0, submissionToMs: 2000, referenceFromMs: 0, referenceToMs: 2000 }],
        ...{ coverageOfReference: 1, coverageOfSubmission: 1 },
      },
    ]);
  });

  test("of media that could not be read has no case and no takedown", async () => {
    const { alertId = "" } = await recordScan(database.pool, submissionOf(), settings, async () => ({
      verdict: { kind: "unscannable", matches: [], reasons: ["the file is empty"], policyVersion: "test" },
    }));
    expect(await readAlert(database.pool, alertId)).toMatchObject({
      ...{ kind: "unscannable", caseId: null, confidence: 0, reuploadNumber: 0, matches: [], takedown: null, nthOfCase: null },
      submission: { sha256: null, kind: null, durationMs: null },
    });
  });

  test("counts the re-uploads of its profile up to itself, on its platform, confirmed and matched ones", async () => {
    const uploader = { id: `profile-${fresh()}` };
    const upload = (verdict: "match" | "review", platform = "videosite") =>
      raised(database.pool, verdict, { submission: submissionOf({ uploader, platform }) });
    const alerts = [await upload("match"), await upload("review"), await upload("match"), await upload("match", "elsewhere")];
    const nth = async () => Promise.all(alerts.map(async (a) => (await readAlert(database.pool, a.alertId))!.nthOfUploader));
    expect(await nth()).toEqual([1, 1, 2, 1]);
    await act([alerts[1].alertId], "confirm");
    expect(await nth()).toEqual([1, 2, 3, 1]);
    const { alertId } = await raised(database.pool, "match", { submission: submissionOf({ uploader: undefined }) });
    expect((await readAlert(database.pool, alertId))!.nthOfUploader).toBeNull();
  });

  test("counts the other open alerts about the same file, also in the list", async () => {
    const reading = readingOf(70_000 + fresh(), 4);
    const first = await raised(database.pool, "match", { reading });
    const second = await raised(database.pool, "match", { reading });
    const third = await raised(database.pool, "match", { reading });
    await act([third.alertId], "confirm");
    expect((await readAlert(database.pool, first.alertId))!.identicalOpen).toEqual([second.alertId]);
    const { alerts } = await list({ mediaSha256: reading.sha256, state: "all" });
    expect(alerts.map((a) => `${a.state} ${a.identical}`)).toEqual(["confirmed 2", "open 1", "open 1"]);
  });

  test("raised by a look-back names the case it looked back for", async () => {
    const { submission, reading } = await raised(database.pool);
    const reference = await addKnown(database.pool, `C-${fresh()}`);
    await lookedBack(database.pool, submission, reading, [matchOn(reference, { confidence: 0.9995 })]);
    const { alerts } = await list({ submissionId: submission.id });
    expect(alerts[0]).toMatchObject({ kind: "look-back", caseId: reference.caseId, confidence: 0.9995, reuploadNumber: 1 });
    expect(alerts).toHaveLength(2);
  });

  test("that does not exist is undefined", async () => {
    for (const id of ["nonsense", "00000000-0000-4000-8000-000000000000"])
      expect(await readAlert(database.pool, id)).toBeUndefined();
  });
});

test("what somebody has decided today is counted, and what was undone is not", async () => {
  const before = await alertCounts(database.pool);
  const actor = `person:dana-${fresh()}`;
  const alerts = [await raised(database.pool), await raised(database.pool), await raised(database.pool)];
  const ids = alerts.map((a) => a.alertId);
  await actOnAlerts(database.pool, ids.slice(0, 2), actor, { kind: "confirm" }, settings);
  await actOnAlerts(database.pool, [ids[2]], actor, { kind: "dismiss", reason: "a film" }, settings);
  await actOnAlerts(database.pool, [ids[0]], actor, { kind: "undo" }, settings);
  expect(await handledToday(database.pool, actor)).toBe(2);
  expect(await alertCounts(database.pool)).toEqual({
    open: before.open + 1,
    confirmed: before.confirmed + 1,
    dismissed: before.dismissed + 1,
    escalated: before.escalated,
  });
});

describe("of many alerts", () => {
  beforeAll(async () => {
    await database.pool.query(`
      with s as (
        insert into submission (id, content_sha256, content, platform, uploader_id, media_sha256)
        select 'many-' || n, sha256('x'), '{}', 'many', 'p-' || n % 100, sha256((n / 10)::text::bytea) from generate_series(1, 10000) n
        returning id
      ), v as (
        insert into verdict (id, submission_id, origin, kind, reasons, policy_version, tool_version)
        select gen_random_uuid(), id, 'scan', 'match', '{}', 'test', 'test' from s returning id, submission_id
      )
      insert into alert (id, verdict_id, submission_id, kind, state, confidence, reupload_number)
      select gen_random_uuid(), id, submission_id, 'match', case when random() < 0.9 then 'open' else 'confirmed' end, random(), random() * 50
      from v`);
    await database.pool.query("analyze");
  });

  test.each(ALERT_ORDERS.flatMap((order) => [{}, { state: "all" } as const].map((filter) => ({ order, filter }))))(
    "a page is read from an index: $order $filter",
    async ({ order, filter }) => {
      const first = await listAlerts(database.pool, filter, { order, limit: 50 });
      for (const after of [undefined, first.next]) {
        const { text, values } = alertListQuery(filter, { order, after, limit: 50 });
        const { rows } = await database.pool.query<{ "QUERY PLAN": string }>(`explain ${text}`, values);
        const plan = rows.map((row) => row["QUERY PLAN"]).join("\n");
        expect(plan).not.toMatch(/Seq Scan on (alert|submission)\b/);
        expect(plan).toMatch(/Index.*Scan.* on alert/);
      }
    },
  );

  test("every page of the list together is the list", async () => {
    const ids = await all({ platform: "many", state: "all" }, { order: "repeated", limit: 500 });
    expect(new Set(ids).size).toBe(10_000);
  });
});
