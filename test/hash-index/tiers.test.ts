import fc from "fast-check";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { distance } from "../../src/fingerprint/hash.js";
import { LONG_PATCH_ALGORITHM, PATCH_BYTES } from "../../src/fingerprint/patches.js";
import { createInProcessIndex } from "../../src/hash-index/in-process/in-process-index.js";
import { startThreads } from "../../src/hash-index/in-process/threads.js";
import { createHashIndex, type HashIndex } from "../../src/hash-index/index-tiers.js";
import { inProcess, type Lookups, POSTGRES } from "../../src/hash-index/lookups.js";
import { packSome } from "../../src/hash-index/pack.js";
import { addReference, retireReference } from "../../src/hash-index/references.js";
import type { Hash, PatchHit, PatchSet, Query, Reading } from "../../src/model.js";
import { createLog } from "../../src/platform/log.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { queryOf, randomFrom, randomHash, readingOf, turnBits } from "../support/material.js";

const ALGORITHM = "tiers/1";
const PATCHES = "tiers-patches/1";
const PATIENCE = { timeout: 20_000, interval: 10 };
const log = createLog("silent");

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.close());

let stopping = new AbortController();
let served: Promise<void> | undefined;
afterEach(async () => {
  stopping.abort();
  await served;
});

/** An index that answers from this process's memory, in this thread. */
async function inMemory(): Promise<HashIndex> {
  stopping = new AbortController();
  const { connectionString, pool } = database;
  const options = { connectionString, algorithm: ALGORITHM, patchAlgorithm: PATCHES, inProcessFrom: 0, threads: 0 };
  const index = createHashIndex(pool, options, log);
  served = index.serve(stopping.signal);
  await index.ready();
  expect(index.state().tier).toBe("in-process");
  return index;
}

/** All that is committed is in it. */
const upToDate = (index: HashIndex) => vi.waitFor(async () => expect(await index.behind(database.pool)).toBe(0), PATIENCE);

const known = (caseId: string) => ({ caseId, label: "known.mp4", provenance: "own" });

function readingWith(seed: number, hashes: Hash[], patchSets: PatchSet[] = []): Reading {
  const random = randomFrom(seed);
  const fingerprints = hashes.map((pdq, i) => queryOf(pdq, randomHash(random), i * 500, random, ALGORITHM));
  return { ...readingOf(seed, 1, ALGORITHM), fingerprints, patchSets };
}

/** Hashes as dark and flat pictures have them: few values in every band, and many near each other. */
function skewed(random: () => number, count: number): Hash[] {
  const centres = Array.from({ length: 4 }, () => {
    const values = [randomHash(random)[0], 0];
    return Uint8Array.from({ length: 32 }, () => values[Math.floor(random() * 2)]);
  });
  return Array.from({ length: count }, () => turnBits(centres[Math.floor(random() * 4)], Math.floor(random() * 40), random));
}

async function find(lookups: Lookups, queries: Query[], withinBits: number): Promise<string[]> {
  const { hits } = await lookups.lookup(database.pool, queries, ALGORITHM, withinBits);
  return hits
    .map(
      (h) =>
        `${h.query} ${h.dihedral} ${h.referenceId} ${h.referenceVariant} ${h.referenceAtMs}-${h.referenceUntilMs} ${h.pdqDistance}`,
    )
    .sort();
}

/** What comparing every query with every fingerprint finds. */
function bruteForce(queries: Query[], stored: Map<string, Reading>, withinBits: number): string[] {
  const lines: string[] = [];
  for (const [q, { views }] of queries.entries())
    for (const { dihedral, pdq } of views)
      for (const [id, { fingerprints }] of stored)
        for (const f of fingerprints) {
          const bits = distance(pdq, f.pdq);
          if (bits <= withinBits) lines.push(`${q} ${dihedral} ${id} ${f.variant} ${f.atMs}-${f.untilMs} ${bits}`);
        }
  return lines.sort();
}

describe("both tiers find exactly what comparing with every fingerprint finds", () => {
  test("whatever was loaded, added and retired, at any radius up to 31", { timeout: 240_000 }, async () => {
    let seed = 0;
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.boolean(), fc.integer({ min: 0, max: 31 }), async (chosen, isSkewed, withinBits) => {
        const random = randomFrom(chosen);
        const hashesOf = (count: number) =>
          isSkewed ? skewed(random, count) : Array.from({ length: count }, () => randomHash(random));
        const stored = new Map<string, Reading>();
        const add = async (reading: Reading) => {
          const { id } = await addReference(database.pool, known("C-property"), reading, ALGORITHM);
          stored.set(id, reading);
        };
        await database.pool.query(`delete from "case"`);
        for (let i = 0; i < 3; i++) await add(readingWith(++seed, hashesOf(60)));
        const index = await inMemory();
        await packSome(database.pool);
        for (let i = 0; i < 3; i++) await add(readingWith(++seed, hashesOf(40)));
        for (const id of [...stored.keys()].filter((_, i) => i % 3 === 0)) {
          await retireReference(database.pool, id);
          stored.delete(id);
        }
        await upToDate(index);
        const all = [...stored.values()].flatMap((r) => r.fingerprints.map((f) => f.pdq));
        const near = Array.from({ length: 40 }, (_, i) => turnBits(all[Math.floor(random() * all.length)], i, random));
        const queries = near.map((pdq) => queryOf(pdq, pdq, 0, random, ALGORITHM));
        const expected = bruteForce(queries, stored, withinBits);
        expect(await find(index.lookups(), queries, withinBits)).toEqual(expected);
        expect(await find(POSTGRES, queries, withinBits)).toEqual(expected);
        stopping.abort();
        await served;
      }),
      { numRuns: 12 },
    );
  });

  test("when so much was added that segments were merged, and when one picture hits thousands", async () => {
    const random = randomFrom(77);
    await database.pool.query(`delete from "case"`);
    const index = await inMemory();
    const stored = new Map<string, Reading>();
    const centre = randomHash(random);
    for (let i = 0; i < 5; i++) {
      const hashes = Array.from({ length: 2_400 }, (_, n) => (n % 2 ? turnBits(centre, n % 37, random) : randomHash(random)));
      const reading = readingWith(7_000 + i, hashes);
      stored.set((await addReference(database.pool, known("C-merged"), reading, ALGORITHM)).id, reading);
    }
    const [first] = stored.keys();
    await retireReference(database.pool, first);
    stored.delete(first);
    await upToDate(index);
    await vi.waitFor(() => expect(index.state()).toMatchObject({ references: 4, segments: 2 }), PATIENCE);
    const queries = [centre, randomHash(random)].map((pdq) => queryOf(pdq, pdq, 0, random, ALGORITHM));
    const expected = bruteForce(queries, stored, 31);
    expect(expected.length).toBeGreaterThan(3_000);
    expect(await find(index.lookups(), queries, 31)).toEqual(expected);
  });
});

test("stills' blockhashes are compared in both tiers alike", async () => {
  const reading: Reading = { ...readingWith(8_000, [randomHash(randomFrom(8_000))]), kind: "image", durationMs: 0 };
  await addReference(database.pool, known("C-still"), reading, ALGORITHM);
  const index = await inMemory();
  const [f] = reading.fingerprints;
  const query = { ...f, views: [{ ...f.views[0], blockhash: turnBits(f.blockhash, 5, randomFrom(1)) }] };
  for (const lookups of [POSTGRES, index.lookups()]) {
    const { hits, references } = await lookups.lookup(database.pool, [query], ALGORITHM, 31);
    expect(hits).toMatchObject([{ pdqDistance: 0, blockhashDistance: 5 }]);
    expect(references.get(hits[0].referenceId)).toMatchObject({ caseId: "C-still", fingerprintCount: 1 });
  }
});

test("patches are found in both tiers alike, those that are kept with twice as many bits as well", async () => {
  const random = randomFrom(9_000);
  const setOf = (atMs: number, hashes: Hash[]): PatchSet => ({
    ...{ algorithm: PATCHES, atMs, untilMs: atMs + 500, width: 640, height: 360 },
    places: Uint16Array.from(hashes.flatMap((_, i) => [i, 2 * i, 100])),
    hashes: Uint8Array.from(hashes.flatMap((h) => [...h.subarray(0, PATCH_BYTES)])),
  });
  const hashes = Array.from({ length: 12 }, () => randomHash(random));
  const loaded = readingWith(9_001, [randomHash(random)], [setOf(0, hashes)]);
  await addReference(database.pool, known("C-patches"), loaded, ALGORITHM);
  const before = readingWith(9_003, [randomHash(random)], [setOf(6_000, hashes)]);
  const { id: old } = await addReference(database.pool, known("C-patches"), before, ALGORITHM);
  await database.pool.query(
    "update reference_patch set algorithm = $2, hash = hash || decode(repeat('5a', 8), 'hex') where reference_id = $1",
    [old, LONG_PATCH_ALGORITHM],
  );
  const index = await inMemory();
  const arrived = readingWith(
    9_002,
    [randomHash(random)],
    [
      setOf(
        3_000,
        hashes.map((h) => turnBits(h, 10, random)),
      ),
    ],
  );
  await addReference(database.pool, known("C-patches"), arrived, ALGORITHM);
  await upToDate(index);
  const asked = [0, 4, 8].map((bits) =>
    setOf(
      0,
      hashes.map((h) => turnBits(h, bits, random)),
    ),
  );
  const lines = (hits: PatchHit[]) => hits.map((h) => JSON.stringify(h)).sort();
  const expected = lines(await POSTGRES.lookupPatches(database.pool, asked, PATCHES));
  expect(expected.length).toBeGreaterThan(40);
  expect(expected.filter((line) => line.includes(old)).length).toBeGreaterThan(20);
  expect(lines(await index.lookups().lookupPatches(database.pool, asked, PATCHES))).toEqual(expected);
});

test("a question that must see a change sees it, however young the change is", async () => {
  const index = await inMemory();
  for (let i = 0; i < 20; i++) {
    const reading = readingWith(10_000 + i, [randomHash(randomFrom(10_000 + i))]);
    const { id } = await addReference(database.pool, known("C-young"), reading, ALGORITHM);
    const { rows } = await database.pool.query<{ seq: string }>("select max(seq)::text as seq from reference_change");
    const lookups = await index.lookupsAt(rows[0].seq);
    expect(lookups).not.toBe(POSTGRES);
    const { hits, seenSeq } = await lookups.lookup(database.pool, reading.fingerprints, ALGORITHM, 0);
    expect(hits.map((h) => h.referenceId)).toEqual([id]);
    expect(seenSeq).toBe(rows[0].seq);
  }
});

test("when searching fails, Postgres answers that very question", async () => {
  const empty = { references: [], variants: [], segments: [], appliedSeq: "0" };
  const search = () => Promise.reject(new Error("a search thread has ended"));
  const failures: unknown[] = [];
  const index = createInProcessIndex(empty, { ...startThreads(0), search }, () => {});
  const lookups = inProcess(index, { algorithm: ALGORITHM, patchAlgorithm: PATCHES }, (error) => failures.push(error));
  const reading = readingWith(12_000, [randomHash(randomFrom(12_000))]);
  const { id } = await addReference(database.pool, known("C-failing"), reading, ALGORITHM);
  const { hits } = await lookups.lookup(database.pool, reading.fingerprints, ALGORITHM, 31);
  expect(hits.map((h) => h.referenceId)).toEqual([id]);
  expect(await lookups.lookupPatches(database.pool, [], PATCHES)).toEqual([]);
  expect(String(failures[0])).toContain("a search thread has ended");
});

test("an index that cannot be loaded says so, and Postgres answers", async () => {
  const options = { algorithm: ALGORITHM, patchAlgorithm: PATCHES, inProcessFrom: 0, threads: 0 };
  const connectionString = database.connectionString.replace(/:\d+\//, ":1/");
  const lines: string[] = [];
  const noted = pino({ level: "warn" }, { write: (line: string) => void lines.push(line) });
  const index = createHashIndex(database.pool, { ...options, connectionString }, noted);
  stopping = new AbortController();
  served = index.serve(stopping.signal);
  await vi.waitFor(() => expect(lines.join()).toContain("the hash index could not be loaded; Postgres answers"), PATIENCE);
  expect(index.state()).toMatchObject({ tier: "postgres", loading: false });
  expect(index.lookups()).toBe(POSTGRES);
  expect(await index.lookupsAt("1")).toBe(POSTGRES);
});

test("another algorithm's hashes are never compared, and a radius beyond 31 is refused", async () => {
  const index = await inMemory();
  const reading = readingOf(11_000, 3, "other/1");
  await addReference(database.pool, known("C-other"), reading, "other/1");
  await upToDate(index);
  const lookups = index.lookups();
  expect((await lookups.lookup(database.pool, reading.fingerprints, ALGORITHM, 31)).hits).toEqual([]);
  expect((await lookups.lookup(database.pool, reading.fingerprints, "other/1", 31)).hits).toHaveLength(3);
  await expect(lookups.lookup(database.pool, [], ALGORITHM, 32)).rejects.toThrow(RangeError);
});

test.each(["never" as const, 1_000_000_000])("with %s as its threshold Postgres answers", async (inProcessFrom) => {
  const options = { connectionString: database.connectionString, algorithm: ALGORITHM, patchAlgorithm: PATCHES, inProcessFrom };
  const index = createHashIndex(database.pool, options, log);
  stopping = new AbortController();
  served = index.serve(stopping.signal);
  expect(index.lookups()).toBe(POSTGRES);
  expect(index.state()).toMatchObject({ tier: "postgres", loading: false, bytes: 0 });
});
