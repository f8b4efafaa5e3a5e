import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { hashToHex } from "../../src/fingerprint/hash.js";
import { indexProcesses } from "../../src/hash-index/index-tiers.js";
import { addReference, retireReference } from "../../src/hash-index/references.js";
import type { Hash } from "../../src/model.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { randomFrom, randomHash, readingOf } from "../support/material.js";
import { startProcess, type TestProcess } from "../support/process.js";

const CHILD = fileURLToPath(new URL("./index-child.ts", import.meta.url));
const ALGORITHM = "fresh/1";
const PATIENCE = { timeout: 30_000, interval: 20 };

let database: TestDatabase;
let children: TestProcess[];

beforeAll(async () => {
  database = await testDatabase();
  await add("C-loaded", 1);
  children = [0, 1].map(() => startProcess(CHILD, [database.connectionString, ALGORITHM]));
  for (const child of children) expect(await child.line()).toBe("ready");
});
afterAll(async () => {
  await Promise.all(children.map((child) => child.leave()));
  await database.close();
});

async function add(caseId: string, seed: number): Promise<{ id: string; pdq: Hash }> {
  const reading = readingOf(seed, 4, ALGORITHM);
  const { id } = await addReference(database.pool, { caseId, label: "known.mp4", provenance: "own" }, reading, ALGORITHM);
  return { id, pdq: reading.fingerprints[0].pdq };
}

/** Every process comes to find so many hits. */
async function everyoneFinds(pdq: Hash, hits: number): Promise<void> {
  for (const { child } of children) child.stdin!.write(`${hashToHex(pdq)} ${hits}\n`);
  for (const child of children) expect(await child.line()).toMatch(new RegExp(`^${hits} after \\d+ ms$`));
}

test("what was there before is found by every process, from its own memory", async () => {
  expect(await indexProcesses(database.pool)).toEqual({ serving: 2, loading: 0 });
  await everyoneFinds(readingOf(1, 4, ALGORITHM).fingerprints[0].pdq, 1);
  await everyoneFinds(randomHash(randomFrom(99)), 0);
});

test("a reference added elsewhere is found by every process, and no longer once it is retired elsewhere", async () => {
  const { id, pdq } = await add("C-added", 2);
  await everyoneFinds(pdq, 1);
  await retireReference(database.pool, id);
  await everyoneFinds(pdq, 0);
});

test("so is one of two copies when the other's case is deleted", async () => {
  const { pdq } = await add("C-kept", 3);
  await add("C-deleted", 3);
  await everyoneFinds(pdq, 2);
  await database.pool.query(`delete from "case" where id = 'C-deleted'`);
  await everyoneFinds(pdq, 1);
});

test("processes that lost the connection on which they listen connect again, and miss nothing meanwhile", async () => {
  const { rowCount } = await database.pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where application_name = 'reupload-index serving' and datname = current_database()`,
  );
  expect(rowCount).toBe(2);
  const { id, pdq } = await add("C-lost", 4);
  await everyoneFinds(pdq, 1);
  await vi.waitFor(async () => expect((await indexProcesses(database.pool)).serving).toBe(2), PATIENCE);
  await retireReference(database.pool, id);
  await everyoneFinds(pdq, 0);
});

test("changes that commit in another order than they began are all taken in", async () => {
  const [slow, quick] = await Promise.all([database.pool.connect(), database.pool.connect()]);
  const insert = `insert into reference (id, case_id, label, kind, sha256, duration_ms, algorithm, fingerprint_count, provenance)
    values (gen_random_uuid(), 'C-loaded', 'by hand', 'image', decode(repeat($1, 32), 'hex'), 0, $2, 1, 'own') returning id`;
  const fingerprint = `insert into reference_fingerprint (reference_id, algorithm, variant, at_ms, until_ms, quality, pdq)
    values ($1, $2, 'full', 0, 0, 100, ('x' || $3)::bit(256))`;
  const hashes = [5, 6].map((seed) => randomHash(randomFrom(seed)));
  await slow.query("begin");
  await quick.query("begin");
  const { rows: first } = await slow.query<{ id: string }>(insert, ["01", ALGORITHM]);
  // The second waits for the first: that is what makes the order of changes the order of commits.
  const second = quick.query<{ id: string }>(insert, ["02", ALGORITHM]);
  await vi.waitFor(async () => {
    const { rows } = await database.pool.query("select 1 from pg_locks where locktype = 'advisory' and not granted");
    expect(rows).toHaveLength(1);
  }, PATIENCE);
  await slow.query(fingerprint, [first[0].id, ALGORITHM, hashToHex(hashes[0])]);
  await slow.query("commit");
  const { rows } = await second;
  await quick.query(fingerprint, [rows[0].id, ALGORITHM, hashToHex(hashes[1])]);
  await quick.query("commit");
  for (const client of [slow, quick]) client.release();
  for (const hash of hashes) await everyoneFinds(hash, 1);
});
