import { afterAll, beforeAll, expect, test } from "vitest";
import { distance } from "../../src/fingerprint/hash.js";
import { PATCH_BYTES } from "../../src/fingerprint/patches.js";
import { lookup, MAX_WITHIN_BITS } from "../../src/hash-index/lookup.js";
import { materialOf } from "../../src/hash-index/material.js";
import { postYoung } from "../../src/hash-index/pack.js";
import { addReference, listReferences, retireReference } from "../../src/hash-index/references.js";
import type { Hash, PatchSet } from "../../src/model.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { queryOf, randomFrom, randomHash, readingOf, turnBits } from "../support/material.js";

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.close());

const known = (caseId: string, label = "known.mp4") => ({ caseId, label, provenance: "own" });

test.each(["before they have postings", "by their postings"])(
  "finds exactly what comparing with every fingerprint finds, %s",
  async (how) => {
    const random = randomFrom(20);
    const reading = readingOf(1, 300, how);
    await addReference(database.pool, known("C-exact"), reading, how);
    if (how === "by their postings") await postYoung(database.pool);
    const kept = reading.fingerprints;
    const stored = kept.map((f) => f.pdq);
    // Queries at every distance around the radius, and ones that cluster their differences in few bands.
    const near = Array.from({ length: 120 }, (_, i) => turnBits(stored[i], i % 40, random));
    const clustered = Array.from({ length: 40 }, (_, i) => turnFirstBits(stored[i], i));
    const queries = [...near, ...clustered].map((pdq) => queryOf(pdq, randomHash(random), 0, random, how));
    const { hits } = await lookup(database.pool, queries, how, MAX_WITHIN_BITS);

    const expected = queries.flatMap((query, q) =>
      query.views.flatMap(({ dihedral, pdq }) =>
        kept.flatMap((f) => {
          const bits = distance(pdq, f.pdq);
          return bits <= MAX_WITHIN_BITS ? [`${q} ${dihedral} ${f.atMs} ${bits}`] : [];
        }),
      ),
    );
    expect(expected.length).toBeGreaterThan(100);
    expect(hits.map((h) => `${h.query} ${h.dihedral} ${h.referenceAtMs} ${h.pdqDistance}`).sort()).toEqual(expected.sort());
  },
);

/** Turns the first `bits` bits: the worst case for an index by bands, as they fill few of them. */
function turnFirstBits(hash: Hash, bits: number): Hash {
  const turned = hash.slice();
  for (let bit = 0; bit < bits; bit++) turned[bit >> 3] ^= 0x80 >> (bit & 7);
  return turned;
}

test("refuses a radius at which it would not be exact", async () => {
  await expect(lookup(database.pool, [], "exact/1", 32)).rejects.toThrow(RangeError);
});

test("never compares hashes of different algorithms", async () => {
  const reading = readingOf(2, 3, "one/1");
  await addReference(database.pool, known("C-algorithm"), reading, "one/1");
  expect((await lookup(database.pool, reading.fingerprints, "two/1", 31)).hits).toEqual([]);
  expect((await lookup(database.pool, reading.fingerprints, "one/1", 31)).hits).toHaveLength(3);
});

test("the same file again in the same case is the reference it already is; in another case it is another", async () => {
  const reading = readingOf(3, 2, "again/1");
  const first = await addReference(database.pool, known("C-a"), reading, "again/1");
  const second = await addReference(database.pool, known("C-a", "renamed.mp4"), reading, "again/1");
  const third = await addReference(database.pool, known("C-b"), reading, "again/1");
  expect(first.repeated).toBe(false);
  expect(second).toMatchObject({ id: first.id, label: "known.mp4", repeated: true });
  expect(third.id).not.toBe(first.id);
  expect((await lookup(database.pool, reading.fingerprints, "again/1", 0)).hits).toHaveLength(4);
});

test("a retired reference no longer matches, stays listed on request, and its file can be registered anew", async () => {
  const reading = readingOf(4, 2, "retire/1");
  const { id } = await addReference(database.pool, known("C-retire"), reading, "retire/1");
  await retireReference(database.pool, id);
  expect((await lookup(database.pool, reading.fingerprints, "retire/1", 31)).hits).toEqual([]);
  expect(await listReferences(database.pool, { caseId: "C-retire" })).toEqual([]);
  expect(await listReferences(database.pool, { caseId: "C-retire", retired: true })).toHaveLength(1);
  expect((await addReference(database.pool, known("C-retire"), reading, "retire/1")).repeated).toBe(false);
});

test.each(["nonsense", "00000000-0000-4000-8000-000000000000"])("retiring %s, which is not there, names REF", async (id) => {
  await expect(retireReference(database.pool, id)).rejects.toThrow(/^REF: no active reference/);
});

test("gives all that is known of the asked part of a reference, as it was stored", async () => {
  const reading = { ...readingOf(9, 20, "material/1"), patchSets: [patchSet(0), patchSet(9_000)] };
  const { id } = await addReference(database.pool, known("C-material"), reading, "material/1");
  const whole = await materialOf(database.pool, [{ referenceId: id, fromMs: -5_000, toMs: 60_000 }]);
  expect(whole.get(id)!.fingerprints).toHaveLength(reading.fingerprints.length);
  expect(
    whole
      .get(id)!
      .patches.map((p) => p.atMs)
      .sort(),
  ).toEqual([0, 0, 9_000, 9_000]);
  const part = (await materialOf(database.pool, [{ referenceId: id, fromMs: 2_000, toMs: 3_000 }])).get(id)!;
  expect(part.fingerprints.map((f) => f.atMs).sort()).toEqual([2_000, 2_500, 3_000]);
  const stored = reading.fingerprints.find((f) => f.atMs === 2_500)!;
  expect(distance(part.fingerprints.find((f) => f.atMs === 2_500)!.pdq, stored.pdq)).toBe(0);
  expect(part.patches).toEqual([]);
  expect(await materialOf(database.pool, [])).toEqual(new Map());
});

const patchSet = (atMs: number): PatchSet => ({
  ...{ algorithm: "patch/1", atMs, untilMs: atMs, width: 4096, height: 2304 },
  places: Uint16Array.from([1000, 1000, 400, 2000, 1500, 500]),
  hashes: Uint8Array.from({ length: 2 * PATCH_BYTES }, (_, i) => (atMs + 37 * i) % 256),
});
