import { afterAll, beforeAll, expect, test } from "vitest";
import { lookup } from "../../src/hash-index/lookup.js";
import { packKeys } from "../../src/hash-index/pack.js";
import { addReference, retireReference } from "../../src/hash-index/references.js";
import type { Hash, Query, Reading } from "../../src/model.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { queryOf, randomFrom, randomHash, readingOf, turnBits } from "../support/material.js";

const ALGORITHM = "pack/1";
const KEYS = 16 * 65_536;

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.close());

function readingWith(seed: number, hashes: Hash[]): Reading {
  const random = randomFrom(seed);
  return {
    ...readingOf(seed, 1, ALGORITHM),
    fingerprints: hashes.map((pdq, i) => queryOf(pdq, randomHash(random), i * 500, random, ALGORITHM)),
  };
}

const add = (seed: number, hashes: Hash[]) =>
  addReference(database.pool, { caseId: "C", label: "known", provenance: "own" }, readingWith(seed, hashes), ALGORITHM);

const rows = async () =>
  (await database.pool.query("select count(*)::int as n, sum(cardinality(postings))::int as postings from reference_posting"))
    .rows[0];

const found = async (queries: Query[]) =>
  (await lookup(database.pool, queries, ALGORITHM, 31)).hits
    .map((h) => `${h.query} ${h.dihedral} ${h.referenceId} ${h.referenceAtMs} ${h.pdqDistance}`)
    .sort();

test("packing changes no answer, however often and by how many, and drops what is retired or deleted", async () => {
  const random = randomFrom(1);
  const centre = randomHash(random);
  const near = (count: number) => Array.from({ length: count }, (_, i) => turnBits(centre, i % 34, random));
  const kept = await add(1, near(300));
  const retired = await add(2, near(100));
  const queries = [centre, ...near(5)].map((pdq) => queryOf(pdq, pdq, 0, random, ALGORITHM));
  const before = await found(queries);
  expect(before.length).toBeGreaterThan(1_000);

  const loose = await rows();
  await Promise.all([packKeys(database.pool, 0, KEYS), packKeys(database.pool, 0, KEYS)]);
  expect(await found(queries)).toEqual(before);
  const packed = await rows();
  expect(packed.postings).toBe(loose.postings);
  expect(packed.n).toBeLessThan(loose.n);

  await retireReference(database.pool, retired.id);
  const later = await add(3, near(200));
  const after = await found(queries);
  expect(after.some((line) => line.includes(later.id))).toBe(true);
  expect(after.some((line) => line.includes(retired.id))).toBe(false);
  await packKeys(database.pool, 0, KEYS);
  expect(await found(queries)).toEqual(after);
  expect((await rows()).n).toBeLessThan(packed.n + 200 * 16);

  await database.pool.query(`delete from "case"`);
  expect(await found(queries)).toEqual([]);
  expect(kept.repeated).toBe(false);
});

test("packs nothing outside the keys it was asked for", async () => {
  await add(
    10,
    Array.from({ length: 20 }, () => new Uint8Array(32).fill(1)),
  );
  await packKeys(database.pool, 65_536, KEYS);
  const { rows: of0 } = await database.pool.query("select count(*)::int as n from reference_posting where key = 257");
  const { rows: of1 } = await database.pool.query("select count(*)::int as n from reference_posting where key = 65536 + 257");
  expect(of0[0].n).toBeGreaterThanOrEqual(20);
  expect(of1[0].n).toBe(1);
});
