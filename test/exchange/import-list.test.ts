import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { BadEntry } from "../../src/exchange/entry.js";
import { exportable } from "../../src/exchange/export-list.js";
import { FORMATS, type Format, READERS } from "../../src/exchange/formats.js";
import { type ImportOptions, importList } from "../../src/exchange/import-list.js";
import { writeList } from "../../src/exchange/write-list.js";
import { ALGORITHM } from "../../src/fingerprint/fingerprint-frame.js";
import { hashFromHex } from "../../src/fingerprint/hash.js";
import { lookup } from "../../src/hash-index/lookup.js";
import { listAudit } from "../../src/platform/audit.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { queryOf, randomFrom, randomHash, turnBits } from "../support/material.js";
import { chunked, collect, options, pdqHex, sentence, steps } from "./support.js";

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.close());
beforeEach(async () => {
  await database.pool.query(`delete from "case"; delete from hash_list`);
});

const jsonl = (...entries: object[]) => entries.map((e) => JSON.stringify(e)).join("\n");
const bringIn = (text: string, more: Partial<ImportOptions> = {}, format: Format = "jsonl") =>
  importList(database.pool, steps(database.pool), READERS[format](chunked(text, 4096)), options(more));
const active = async () => {
  const { rows } = await database.pool.query<{ entry: string; case: string; label: string }>(
    `select list_entry as entry, case_id as "case", label from reference where retired_at is null order by list_entry`,
  );
  return rows;
};
const NONE = { added: 0, unchanged: 0, changed: 0, withdrawn: 0, bad: 0, unsupported: 0, repeated: 0 };

describe("importing a list", () => {
  const three = jsonl(
    { entry: "a", hash: pdqHex(1) },
    { entry: "b", hash: pdqHex(2), case: "C-2", label: "b" },
    { entry: "c", hash: pdqHex(3) },
  );

  it("adds a reference for each entry, whose label names the list, and repeating it changes nothing", async () => {
    expect(await bringIn(three)).toEqual({ ...NONE, added: 3 });
    expect(await active()).toEqual([
      { entry: "a", case: "LISTED", label: "list NCMEC, entry a" },
      { entry: "b", case: "C-2", label: "b (list NCMEC)" },
      { entry: "c", case: "LISTED", label: "list NCMEC, entry c" },
    ]);
    const { rows: before } = await database.pool.query("select max(seq) from reference_change");
    expect(await bringIn(three)).toEqual({ ...NONE, unchanged: 3 });
    expect((await database.pool.query("select max(seq) from reference_change")).rows).toEqual(before);
  });

  it("is found by a lookup at once, and no more once the list has withdrawn it", async () => {
    const random = randomFrom(4);
    const near = turnBits(hashFromHex(pdqHex(1)), 20, random);
    const query = queryOf(near, randomHash(random), 0, random, ALGORITHM);
    const find = async () =>
      (await lookup(database.pool, [query], ALGORITHM, 31)).hits.map((h) => [h.pdqDistance, h.referenceVariant]);
    await bringIn(three);
    expect(await find()).toEqual([[20, "pdq"]]);
    expect(await bringIn(jsonl({ entry: "a", status: "deleted" }))).toEqual({ ...NONE, withdrawn: 1 });
    expect(await find()).toEqual([]);
    expect(await bringIn(jsonl({ entry: "a", status: "deleted" }))).toEqual(NONE);
  });

  it("replaces an entry whose hash changed, and takes one back that was withdrawn", async () => {
    await bringIn(three);
    expect(await bringIn(jsonl({ entry: "a", hash: pdqHex(9) }, { entry: "c", status: "withdrawn" }))).toEqual({
      ...NONE,
      changed: 1,
      withdrawn: 1,
    });
    expect(await bringIn(three)).toEqual({ ...NONE, added: 1, changed: 1, unchanged: 1 });
    expect((await active()).map((r) => r.entry)).toEqual(["a", "b", "c"]);
  });

  it("keeps two lists apart that know the same hash", async () => {
    await bringIn(three);
    expect(await bringIn(three, { list: "StopNCII", replace: true })).toEqual({ ...NONE, added: 3 });
    expect(await bringIn(jsonl({ entry: "a", hash: pdqHex(1) }), { list: "StopNCII", replace: true })).toMatchObject({
      withdrawn: 2,
    });
    expect(await active()).toHaveLength(4);
  });

  it("withdraws what a whole list does not have any more, unless a part of it could not be read", async () => {
    await bringIn(three);
    const damaged = jsonl({ entry: "a", hash: pdqHex(1) }, { entry: "b", hash: "zz" });
    const bad: BadEntry[] = [];
    const kept = await bringIn(damaged, { replace: true, onBad: (b) => bad.push(b) });
    expect(kept).toEqual({
      ...NONE,
      unchanged: 1,
      bad: 1,
      notReplaced: expect.stringContaining("nothing that it does not have"),
    });
    expect(bad.map(sentence)).toEqual(["line 2: hash: is not 64 hexadecimal digits: it has 2 characters"]);
    expect(await active()).toHaveLength(3);
    expect(await bringIn(jsonl({ entry: "a", hash: pdqHex(1) }), { replace: true })).toEqual({
      ...NONE,
      unchanged: 1,
      withdrawn: 2,
    });
    expect((await active()).map((r) => r.entry)).toEqual(["a"]);
  });

  it("as a dry run counts the same and changes nothing, not even the audit log", async () => {
    await bringIn(three);
    const logged = await listAudit(database.pool, { limit: 1 });
    const changes = jsonl({ entry: "a", hash: pdqHex(9) }, { entry: "d", hash: pdqHex(4) });
    expect(await bringIn(changes, { replace: true, dryRun: true })).toEqual({ ...NONE, added: 1, changed: 1, withdrawn: 2 });
    expect((await active()).map((r) => r.entry)).toEqual(["a", "b", "c"]);
    expect(await listAudit(database.pool, { limit: 1 })).toEqual(logged);
    expect(await bringIn(changes, { replace: true })).toEqual({ ...NONE, added: 1, changed: 1, withdrawn: 2 });
  });

  it("names an entry that is given twice with different hashes, and counts one that is repeated", async () => {
    const bad: BadEntry[] = [];
    const twice = jsonl({ entry: "a", hash: pdqHex(1) }, { entry: "a", hash: pdqHex(1) }, { entry: "a", hash: pdqHex(2) });
    expect(await bringIn(twice, { onBad: (b) => bad.push(b) })).toEqual({ ...NONE, added: 1, bad: 1, repeated: 1 });
    expect(bad.map(sentence)).toEqual(["line 3: entry: was given other hashes at line 2: the last ones count"]);
  });

  it("that breaks half way keeps what it had read, and says where it broke", async () => {
    const xml = `<queryResult><images>${Array.from({ length: 1_001 }, (_, i) => `<image><id>${i}</id><fingerprints><pdq>${pdqHex(i)}</pdq></fingerprints></image>`).join("\n")}<image>`;
    await expect(bringIn(xml, { replace: true }, "ncmec-xml")).rejects.toThrow(
      "line 1001: ends early, inside image: fetch it again",
    );
    expect(await active()).toHaveLength(1_000);
    expect(await bringIn(`${xml}<id>x</id></image></images></queryResult>`, {}, "ncmec-xml")).toMatchObject({
      added: 1,
      unchanged: 1_000,
    });
  });

  it("leaves an entry in the audit log", async () => {
    await bringIn(three, { actor: "person:ana" });
    const [row] = await listAudit(database.pool, { limit: 1 });
    expect(row).toMatchObject({
      actor: "person:ana",
      act: "hash list imported",
      subject: "list:NCMEC",
      detail: { added: 3, replace: false },
    });
  });

  it.each(["own", "two words", ""])("refuses the list name %j", async (list) => {
    await expect(bringIn(three, { list })).rejects.toThrow(
      '--list: must be 1-128 printable characters without spaces, and not "own"',
    );
  });
});

describe("exporting", () => {
  const stills = jsonl({ entry: "a", hash: pdqHex(1), label: '=SUM("x")' }, { entry: "b", hash: pdqHex(2), case: "C-2" });
  const video = jsonl({ entry: "v", frames: [`${pdqHex(5)},90,0`, `${pdqHex(6)},80,1200.5`] });
  const write = async (format: Format, filter: Partial<Parameters<typeof exportable>[1]> = {}) => {
    const counts = { written: 0, unsaid: 0, without: 0 };
    const exported = exportable(database.pool, { withdrawn: false, ...filter });
    return { text: (await collect(writeList(format, exported, counts))).join(""), counts };
  };

  it.each(FORMATS)("as %s reads in again as the same hashes", async (format) => {
    await bringIn(`${stills}\n${video}`);
    const { text, counts } = await write(format);
    const before = new Set(await hashes());
    await database.pool.query(`delete from "case"; delete from hash_list`);
    const imported = await bringIn(text, { list: "again" }, format);
    const [images, videos] = [format === "vpdq" ? 0 : 2, ["ncmec-xml", "stopncii-json"].includes(format) ? 0 : 1];
    expect(imported).toEqual({ ...NONE, added: images + videos });
    expect(counts).toEqual({ written: images + videos, unsaid: 3 - images - videos, without: 0 });
    for (const hash of await hashes()) expect(before).toContain(hash);
  });

  it("of one case or list only, and withdrawals where they can be said", async () => {
    await bringIn(stills);
    await bringIn(jsonl({ entry: "x", hash: pdqHex(7), case: "C-2" }), { list: "other" });
    await bringIn(jsonl({ entry: "b", status: "withdrawn" }));
    expect((await write("threatexchange", { caseId: "C-2" })).text).toBe(`pdq ${pdqHex(7)}\n`);
    expect((await write("threatexchange", { list: "NCMEC", withdrawn: true })).text).toBe(`pdq ${pdqHex(1)}\n`);
    for (const format of ["csv", "jsonl", "ncmec-xml"] as const) {
      const { text } = await write(format, { withdrawn: true, list: "NCMEC" });
      await bringIn(stills, { list: `copy-${format}` });
      expect(await bringIn(text, { list: `copy-${format}` }, format), format).toMatchObject({ withdrawn: 1, unchanged: 1 });
    }
  });

  it("writes nothing that a spreadsheet would run", async () => {
    await bringIn(stills);
    expect((await write("csv")).text).toContain(`"'=SUM(""x"") (list NCMEC)"`);
  });

  const hashes = async () =>
    (await database.pool.query<{ hash: string }>("select pdq::text as hash from reference_fingerprint")).rows.map((r) => r.hash);
});
