import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { asItIsNow } from "../../src/casework/as-it-is-now.js";
import {
  caseForMaterial,
  closeCase,
  createCase,
  listCases,
  mergeCases,
  readCase,
  reopenCase,
  updateCase,
} from "../../src/casework/cases.js";
import { lookup, newestChange } from "../../src/hash-index/lookup.js";
import { postYoung } from "../../src/hash-index/pack.js";
import { retireReference } from "../../src/hash-index/references.js";
import { listAudit, verifyAudit } from "../../src/platform/audit.js";
import { transaction } from "../../src/platform/database.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { readingOf } from "../support/material.js";
import { matchOn, register, rowsOf, upload } from "./recorded.js";

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase({ poolSize: 8 });
});
afterAll(() => database.close());

const ana = "person:ana";
const auditOf = async (caseId: string) =>
  (await listAudit(database.pool, { subject: `case:${caseId}`, limit: 50 }))
    .reverse()
    .map(({ act, detail }) => ({ act, detail }));

describe("a case", () => {
  test("is made, read, changed, closed and opened again, and each act is in the audit log without what was written", async () => {
    const retainUntil = new Date("2099-01-01T00:00:00Z");
    const made = await createCase(database.pool, { id: "M-1", title: " Rasti i parë ", class: "baseline", retainUntil }, ana);
    expect(made).toMatchObject({
      id: "M-1",
      title: "Rasti i parë",
      class: "baseline",
      state: "open",
      uploads: 0,
      known: [],
      retainUntil,
    });
    const changed = await updateCase(database.pool, "M-1", { title: "Tjetër", legalBasis: "Art. 5", retainUntil: null }, ana);
    expect(changed).toMatchObject({ title: "Tjetër", class: "baseline", legalBasis: "Art. 5", retainUntil: null });
    expect(await closeCase(database.pool, "M-1", ana)).toMatchObject({ state: "closed", closedAt: expect.any(Date) });
    await closeCase(database.pool, "M-1", ana);
    expect(await reopenCase(database.pool, "M-1", ana)).toMatchObject({ state: "open", closedAt: null });
    expect(await auditOf("M-1")).toEqual([
      { act: "case created", detail: {} },
      { act: "case changed", detail: { fields: ["title", "legalBasis", "retainUntil"] } },
      { act: "case closed", detail: {} },
      { act: "case reopened", detail: {} },
    ]);
    expect((await verifyAudit(database.pool)).broken).toBeUndefined();
  });

  test.each([
    ["id: must be 1-128", { id: "with space" }],
    ["id: there is a case M-1 already", { id: "M-1" }],
    ["title: has 201 characters", { id: "M-x", title: "x".repeat(201) }],
    ["title: must be one line", { id: "M-x", title: "a\nb" }],
    ["class: must be baseline, national or other", { id: "M-x", class: "bad" as "other" }],
    ["retainUntil: has passed", { id: "M-x", retainUntil: new Date(0) }],
    ["retainUntil: must be a date", { id: "M-x", retainUntil: new Date("soon") }],
  ])("is refused: %s", async (message, given) => {
    await expect(createCase(database.pool, given, ana)).rejects.toThrow(message);
    expect(await readCase(database.pool, "M-x")).toBeUndefined();
  });

  test("that does not exist cannot be changed, closed or merged, and the field is named", async () => {
    await expect(updateCase(database.pool, "M-none", { title: "x" }, ana)).rejects.toThrow("id: there is no case M-none");
    await expect(closeCase(database.pool, "M-none", ana)).rejects.toThrow("id: there is no case M-none");
    await expect(mergeCases(database.pool, "M-1", "M-none", ana)).rejects.toThrow("into: there is no case M-none");
    await expect(mergeCases(database.pool, "M-1", "M-1", ana)).rejects.toThrow("into: a case cannot be merged into itself");
  });

  test("is counted: uploads, profiles, platforms, alerts, takedowns, active known material", async () => {
    const [a, b] = [await register(database.pool, "M-2", 20), await register(database.pool, "M-2", 21)];
    await upload(database.pool, [matchOn(a)], { platform: "x", uploader: { id: "p" } });
    await upload(database.pool, [matchOn(a)], { platform: "y", uploader: { id: "p" }, receivedAt: "2099-01-01T00:00:00Z" });
    await upload(database.pool, [matchOn(b)], { platform: "y", uploader: undefined });
    await upload(database.pool, [matchOn(b, { verdict: "review" })]);
    await retireReference(database.pool, b.id);
    expect(await readCase(database.pool, "M-2")).toMatchObject({
      ...{ uploads: 3, uploaders: 2, platforms: 2, references: 1, openAlerts: 4, openTakedowns: 3, removedTakedowns: 0 },
      lastUploadAt: new Date("2099-01-01T00:00:00Z"),
      known: [
        { id: a.id, retiredAt: null },
        { id: b.id, retiredAt: expect.any(Date) },
      ],
    });
  });
});

test("cases are listed newest first, page by page, by state and text, and a foreign cursor is refused", async () => {
  for (let i = 0; i < 7; i++) await createCase(database.pool, { id: `L-${i}`, title: i < 5 ? "needle" : "hay" }, ana);
  await closeCase(database.pool, "L-3", ana);
  const filter = { state: "open" as const, text: "NEEDLE" };
  const first = await listCases(database.pool, filter, { limit: 3 });
  const second = await listCases(database.pool, filter, { limit: 3, after: first.next });
  expect([...first.cases, ...second.cases].map((c) => c.id)).toEqual(["L-4", "L-2", "L-1", "L-0"]);
  expect(second.next).toBeUndefined();
  expect((await listCases(database.pool, { state: "closed", text: "l-" }, { limit: 3 })).cases.map((c) => c.id)).toEqual(["L-3"]);
  for (const after of [
    "nonsense",
    Buffer.from('["cases",1]').toString("base64url"),
    Buffer.from('["known",1]').toString("base64url"),
  ])
    await expect(listCases(database.pool, {}, { limit: 3, after })).rejects.toThrow("after: is no cursor of this list");
});

describe("merging", () => {
  test("moves everything, numbers re-uploads by time without gaps, and leaves a pointer", async () => {
    const { pool } = database;
    const [a, b] = [await register(pool, "G-a", 30), await register(pool, "G-b", 31)];
    const at = (day: number) => ({ receivedAt: `2026-10-${String(day).padStart(2, "0")}T00:00:00Z` });
    const [first, third] = [await upload(pool, [matchOn(a)], at(1)), await upload(pool, [matchOn(a)], at(3))];
    const [second, fourth] = [await upload(pool, [matchOn(b)], at(2)), await upload(pool, [matchOn(b)], at(4))];
    const both = await upload(pool, [matchOn(b), matchOn(a)], at(5));
    const maybe = await upload(pool, [matchOn(a, { verdict: "review" })], at(6));

    const merged = await mergeCases(pool, "G-a", "G-b", ana);
    expect(merged).toMatchObject({ id: "G-b", uploads: 5, references: 2, openAlerts: 6, mergedFrom: ["G-a"], openTakedowns: 5 });
    const order = [first, second, third, fourth, both].map((u) => u.submissionId);
    expect(await rowsOf(pool, `select submission_id, number from reupload where case_id = 'G-b' order by number`)).toEqual(
      order.map((id, i) => ({ submission_id: id, number: i + 1 })),
    );
    expect(await rowsOf(pool, `select upload_count from "case" where id = 'G-b'`)).toEqual([{ upload_count: 5 }]);
    const alerts = await rowsOf<{ id: string; n: number }>(
      pool,
      `select submission_id as id, reupload_number as n from alert where case_id = 'G-b'`,
    );
    const numbers = Object.fromEntries(alerts.map(({ id, n }) => [id, n]));
    expect(numbers).toEqual({ ...Object.fromEntries(order.map((id, i) => [id, i + 1])), [maybe.submissionId]: 0 });
    for (const table of ["reference", "match", "alert", "takedown", "reupload"])
      expect(await rowsOf(pool, `select 1 from ${table} where case_id = 'G-a'`), table).toEqual([]);
    const requests = await rowsOf<{ of: string; n: number }>(
      pool,
      `select request ->> 'case' as of, (request ->> 'reuploadNumber')::int as n from takedown where case_id = 'G-b' order by 2`,
    );
    expect(requests).toEqual([1, 2, 3, 4, 5].map((n) => ({ of: "G-b", n })));
    expect(await rowsOf(pool, `select 1 from outbox where payload ->> 'case' = 'G-a' or payload -> 'cases' ? 'G-a'`)).toEqual([]);

    const pointer = await readCase(pool, "G-a");
    expect(pointer).toMatchObject({ mergedInto: "G-b", state: "closed", uploads: 0, known: [] });
    expect(await auditOf("G-a")).toEqual([
      { act: "case merged away", detail: { into: "G-b", references: 1, duplicates: 0, uploads: 2, takedowns: 2 } },
    ]);
    const next = await upload(pool, [matchOn({ ...a, caseId: "G-b" })]);
    expect(next.reuploadNumber).toBe(6);
  });

  test("keeps what both had once, with its dismissals, and the one that leaves is no longer found", async () => {
    const { pool } = database;
    const [leaving, staying] = [await register(pool, "G-c", 40), await register(pool, "G-d", 40)];
    await postYoung(pool);
    await pool.query("insert into dismissal values ($1, sha256('x'), null, 'person:ana', 'not it', now())", [leaving.id]);
    await upload(pool, [matchOn(leaving)]);
    await mergeCases(pool, "G-c", "G-d", ana);
    const { hits, references } = await lookup(pool, readingOf(40, 4).fingerprints, "test/1", 31);
    expect(new Set(hits.map((h) => h.referenceId))).toEqual(new Set([staying.id]));
    expect(references.get(staying.id)).toMatchObject({ caseId: "G-d" });
    expect(await rowsOf(pool, "select reference_id as id from dismissal where reference_id = $1", [staying.id])).toHaveLength(1);
    expect(await readCase(pool, "G-d")).toMatchObject({ uploads: 1, references: 1 });
    expect(await rowsOf(pool, `select m.reference_id as id from match m where m.case_id = 'G-d'`)).toEqual([{ id: leaving.id }]);
  });

  test("gives references what held for them in the case they leave", async () => {
    const { pool } = database;
    const retainUntil = new Date("2040-01-01T00:00:00Z");
    await createCase(pool, { id: "G-e", class: "national", legalBasis: "Art. 5", retainUntil }, ana);
    await createCase(pool, { id: "G-f", class: "baseline" }, ana);
    const { id } = await register(pool, "G-e", 45);
    await mergeCases(pool, "G-e", "G-f", ana);
    const { known, retainUntil: ofCase } = (await readCase(pool, "G-f"))!;
    expect(known).toMatchObject([{ id, class: "national", legalBasis: "Art. 5", retainUntil }]);
    expect(ofCase).toBeNull();
  });

  test("a merged case is refused with the name of the one that has its material, however long the chain", async () => {
    const { pool } = database;
    for (const id of ["G-1", "G-2", "G-3"]) await createCase(pool, { id }, ana);
    await mergeCases(pool, "G-1", "G-2", ana);
    await expect(mergeCases(pool, "G-1", "G-3", ana)).rejects.toThrow("from: case G-1 was merged into G-2");
    await expect(mergeCases(pool, "G-3", "G-1", ana)).rejects.toThrow("into: case G-1 was merged into G-2");
    await mergeCases(pool, "G-2", "G-3", ana);
    expect(await readCase(pool, "G-1")).toMatchObject({ mergedInto: "G-3" });
    await expect(reopenCase(pool, "G-1", ana)).rejects.toThrow("case G-1 was merged into G-3; use that one");
    await expect(updateCase(pool, "G-1", { title: "x" }, ana)).rejects.toThrow("merged into G-3");
    expect(await caseForMaterial(pool, "G-1")).toEqual({ id: "G-3", says: "case G-1 was merged into G-3" });
    await closeCase(pool, "G-3", ana);
    expect(await caseForMaterial(pool, "G-1")).toEqual({
      id: "G-3",
      says: "case G-1 was merged into G-3; case G-3 is closed, and stays so",
    });
    expect(await caseForMaterial(pool, "G-new")).toEqual({ id: "G-new" });
  });

  test("makes a scan that looked before it look again", async () => {
    const { pool } = database;
    await register(pool, "G-4", 50);
    await createCase(pool, { id: "G-5" }, ana);
    const before = await newestChange(pool);
    await mergeCases(pool, "G-4", "G-5", ana);
    expect(await newestChange(pool)).not.toBe(before);
  });

  test("changes what a look-back that began before it has to say, and a retired reference leaves it nothing to say", async () => {
    const { pool } = database;
    const reference = await register(pool, "G-10", 80);
    await createCase(pool, { id: "G-11" }, ana);
    await mergeCases(pool, "G-10", "G-11", ana);
    const verdict = { kind: "match" as const, matches: [matchOn(reference)], reasons: [], policyVersion: "test" };
    expect(await transaction(pool, (tx) => asItIsNow(tx, verdict, reference))).toMatchObject({
      reference: { id: reference.id, caseId: "G-11" },
      verdict: { matches: [{ caseId: "G-11", reference: { caseId: "G-11" } }] },
    });
    await retireReference(pool, reference.id);
    expect(await transaction(pool, (tx) => asItIsNow(tx, verdict, reference))).toBeUndefined();
  });

  test("in both directions at once: one is done, the other refused", async () => {
    const { pool } = database;
    for (const id of ["G-6", "G-7"]) await register(pool, id, id === "G-6" ? 60 : 61);
    const results = await Promise.allSettled([mergeCases(pool, "G-6", "G-7", ana), mergeCases(pool, "G-7", "G-6", ana)]);
    expect(results.map((r) => r.status).sort()).toEqual(["fulfilled", "rejected"]);
  });

  test("while uploads are recorded loses none and numbers them without gaps", async () => {
    const { pool } = database;
    const [a, b] = [await register(pool, "G-8", 70), await register(pool, "G-9", 71)];
    const recording = Array.from({ length: 12 }, (_, i) => upload(pool, [matchOn(i % 2 ? a : b)]));
    const merging = mergeCases(pool, "G-8", "G-9", ana);
    await Promise.all([...recording, merging]);
    const { rows } = await pool.query(`select number from reupload where case_id = 'G-9' order by number`);
    const left = await rowsOf<{ n: number }>(pool, `select count(*)::int as n from reupload where case_id = 'G-8'`);
    expect(rows.map((r) => r.number)).toEqual(Array.from({ length: rows.length }, (_, i) => i + 1));
    expect(rows.length + left[0].n).toBe(12);
  });
});
