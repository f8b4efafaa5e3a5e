import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createCase, updateCase } from "../../src/casework/cases.js";
import { listKnown, readReference, updateReference } from "../../src/casework/known.js";
import { retireReference } from "../../src/hash-index/references.js";
import { listAudit } from "../../src/platform/audit.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { readingOf } from "../support/material.js";
import { matchOn, register, upload } from "./recorded.js";

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.close());
const ana = "person:ana";

describe("a reference", () => {
  test("is read with its provenance, what holds for it, and where it was found", async () => {
    const { pool } = database;
    await createCase(pool, { id: "K-1", title: "Rasti", class: "national", legalBasis: "Neni 5" }, ana);
    const { id } = await register(pool, "K-1", 1);
    await upload(pool, [matchOn({ id, caseId: "K-1" } as Parameters<typeof matchOn>[0])]);
    await upload(pool, [matchOn({ id, caseId: "K-1" } as Parameters<typeof matchOn>[0], { verdict: "review" })]);
    expect(await readReference(pool, id)).toMatchObject({
      ...{
        id,
        caseId: "K-1",
        caseTitle: "Rasti",
        label: "known 1.mp4",
        kind: "video",
        durationMs: 2000,
        fingerprints: 4,
        provenance: "own",
      },
      ...{
        sha256: readingOf(1, 4).sha256,
        class: "national",
        legalBasis: "Neni 5",
        retainUntil: null,
        submissions: 2,
        dismissals: 0,
      },
      ...{ own: { class: null, legalBasis: "", retainUntil: null }, lastFoundAt: expect.any(Date), retiredAt: null },
    });
    expect(await readReference(pool, "00000000-0000-4000-8000-000000000000")).toBeUndefined();
    expect(await readReference(pool, "not an id")).toBeUndefined();
  });

  test("can have a class, a legal basis and a retention of its own, and give them up again", async () => {
    const { pool } = database;
    const { id } = await register(pool, "K-1", 2);
    const retainUntil = new Date("2099-01-01T00:00:00Z");
    await updateCase(pool, "K-1", { retainUntil: new Date("2090-01-01T00:00:00Z") }, ana);
    const changed = await updateReference(
      pool,
      id,
      { label: "tjetër", class: "baseline", legalBasis: "Neni 6", retainUntil },
      ana,
    );
    expect(changed).toMatchObject({
      label: "tjetër",
      class: "baseline",
      legalBasis: "Neni 6",
      retainUntil,
      own: { class: "baseline", retainUntil },
    });
    const back = await updateReference(pool, id, { class: null, legalBasis: "", retainUntil: null }, ana);
    expect(back).toMatchObject({
      label: "tjetër",
      class: "national",
      legalBasis: "Neni 5",
      retainUntil: new Date("2090-01-01T00:00:00Z"),
    });
    const entries = await listAudit(pool, { subject: `reference:${id}`, limit: 5 });
    expect(entries.map(({ act, detail }) => ({ act, detail }))).toEqual([
      { act: "reference changed", detail: { fields: ["class", "legalBasis", "retainUntil"] } },
      { act: "reference changed", detail: { fields: ["label", "class", "legalBasis", "retainUntil"] } },
    ]);
  });

  test("that is not there, or given a bad field, is refused with the field's name", async () => {
    const { id } = await register(database.pool, "K-1", 3);
    const change = (fields: Parameters<typeof updateReference>[2], of = id) => updateReference(database.pool, of, fields, ana);
    await expect(change({ label: " " })).rejects.toThrow("label: must not be empty");
    await expect(change({ class: "bad" as "other" })).rejects.toThrow("class: must be");
    await expect(change({ retainUntil: new Date(0) })).rejects.toThrow("retainUntil: has passed");
    await expect(change({ label: "x" }, "nothing")).rejects.toThrow("id: there is no reference nothing");
  });
});

test("known material is listed newest first, page by page, by case, class, provenance, state and text", async () => {
  const { pool } = database;
  await createCase(pool, { id: "K-2", class: "baseline" }, ana);
  const ids: string[] = [];
  for (let i = 0; i < 5; i++) ids.unshift((await register(pool, "K-2", 10 + i, i < 3 ? `needle ${i}` : `hay ${i}`)).id);
  await retireReference(pool, ids[0]);
  await pool.query("update reference set provenance = 'list-x', list_entry = 'entry-7' where id = $1", [ids[1]]);
  const idsOf = async (filter: Parameters<typeof listKnown>[1]) =>
    (await listKnown(pool, filter, { limit: 50 })).known.map((k) => k.id);
  const first = await listKnown(pool, { caseId: "K-2" }, { limit: 3 });
  const second = await listKnown(pool, { caseId: "K-2" }, { limit: 3, after: first.next });
  expect([...first.known, ...second.known].map((k) => k.id)).toEqual(ids.slice(1));
  expect(second.next).toBeUndefined();
  expect(await idsOf({ caseId: "K-2", state: "retired" })).toEqual([ids[0]]);
  expect(await idsOf({ state: "all", class: "baseline" })).toEqual(expect.arrayContaining(ids));
  expect(await idsOf({ caseId: "K-2", class: "other" })).toEqual([]);
  expect(await idsOf({ provenance: "list-x" })).toEqual([ids[1]]);
  expect(await idsOf({ text: "ENTRY-7" })).toEqual([ids[1]]);
  expect(await idsOf({ text: "needle" })).toEqual(ids.slice(2));
  await expect(listKnown(pool, {}, { limit: 0 })).rejects.toThrow("limit: must be a whole number from 1 to 500");
});
