import { afterAll, beforeAll, expect, test } from "vitest";
import { distance } from "../../src/fingerprint/hash.js";
import { lookup, MAX_WITHIN_BITS } from "../../src/hash-index/lookup.js";
import { addReference, listReferences, retireReference } from "../../src/hash-index/references.js";
import type { Hash } from "../../src/model.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { queryOf, randomFrom, randomHash, readingOf, turnBits } from "../support/material.js";

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.close());

const known = (caseId: string, label = "known.mp4") => ({ caseId, label, provenance: "own" });

test("finds exactly what comparing with every fingerprint finds", async () => {
  const random = randomFrom(20);
  const reading = readingOf(1, 300, "exact/1");
  await addReference(database.pool, known("C-exact"), reading, "exact/1");
  const kept = reading.fingerprints;
  const stored = kept.map((f) => f.pdq);
  // Queries at every distance around the radius, and ones that cluster their differences in few bands.
  const near = Array.from({ length: 120 }, (_, i) => turnBits(stored[i], i % 40, random));
  const clustered = Array.from({ length: 40 }, (_, i) => turnFirstBits(stored[i], i));
  const queries = [...near, ...clustered].map((pdq) => queryOf(pdq, randomHash(random), 0, random, "exact/1"));
  const { hits } = await lookup(database.pool, queries, "exact/1", MAX_WITHIN_BITS);

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
});

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
