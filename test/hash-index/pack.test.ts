import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { distance } from "../../src/fingerprint/hash.js";
import { lookup } from "../../src/hash-index/lookup.js";
import { packKeys, packSome, postYoung } from "../../src/hash-index/pack.js";
import { passedPostings } from "../../src/hash-index/posting-rows.js";
import { addReference, retireReference } from "../../src/hash-index/references.js";
import type { Hash, Query, Reading } from "../../src/model.js";
import type { Db } from "../../src/platform/database.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { queryOf, randomFrom, randomHash, readingOf, turnBits } from "../support/material.js";

const ALGORITHM = "pack/1";
const KEYS = 16 * 65_536;
const PATIENCE = { timeout: 20_000, interval: 10 };

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.close());
beforeEach(async () => {
  await database.pool.query(`delete from "case"`);
  await postYoung(database.pool);
  await database.pool.query("truncate reference_posting");
});

let seeds = 0;

function readingWith(hashes: Hash[]): Reading {
  const random = randomFrom(++seeds);
  return {
    ...readingOf(seeds, 1, ALGORITHM),
    fingerprints: hashes.map((pdq, i) => queryOf(pdq, randomHash(random), i * 500, random, ALGORITHM)),
  };
}

const add = (hashes: Hash[]) =>
  addReference(database.pool, { caseId: "C", label: "known", provenance: "own" }, readingWith(hashes), ALGORITHM);

const packAll = () => packKeys(database.pool, 0, KEYS);

/** Rows of the index, and the postings in them. */
async function rows(): Promise<{ n: number; postings: number; packed: number }> {
  const counted = await database.pool.query(
    `select count(*)::int as n, coalesce(sum(coalesce(cardinality(others), 1)), 0)::int as postings,
            count(others)::int as packed from reference_posting`,
  );
  return counted.rows[0];
}

async function young(): Promise<number> {
  const counted = await database.pool.query<{ n: number }>(
    "select count(*)::int as n from reference_fingerprint f, posted_until p where f.id > p.fingerprint_id",
  );
  return counted.rows[0].n;
}

const found = async (queries: Query[], withinBits = 31, db: Db = database.pool) =>
  (await lookup(db, queries, ALGORITHM, withinBits)).hits
    .map((h) => `${h.query} ${h.dihedral} ${h.referenceId} ${h.referenceAtMs} ${h.pdqDistance}`)
    .sort();

const queriesFor = (hashes: Hash[], random: () => number) => hashes.map((pdq) => queryOf(pdq, pdq, 0, random, ALGORITHM));
const around = (centre: Hash, count: number, random: () => number) =>
  Array.from({ length: count }, (_, i) => turnBits(centre, i % 34, random));

test("young, posted, packed, retired and deleted in any order: found is exactly what comparing with every fingerprint finds", {
  timeout: 240_000,
}, async () => {
  const step = fc.constantFrom("add", "add skewed", "add crowd", "post", "pack", "retire", "delete");
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 4, maxLength: 12 }),
      fc.integer({ min: 0, max: 31 }),
      fc.integer(),
      async (steps, withinBits, seed) => {
        const random = randomFrom(seed);
        const centre = randomHash(random);
        const values = [0, 255, randomHash(random)[0]];
        const flat = () => Uint8Array.from({ length: 32 }, () => values[Math.floor(random() * 3)]);
        const made: Record<string, () => Hash[]> = {
          add: () => Array.from({ length: 30 }, () => randomHash(random)),
          "add skewed": () => Array.from({ length: 60 }, flat),
          // More than a packed row holds, in nearly every band.
          "add crowd": () => around(centre, 150, random),
        };
        const stored = new Map<string, Hash[]>();
        await database.pool.query(`delete from "case"`);
        for (const name of steps) {
          const [first] = stored.keys();
          if (name in made) {
            const hashes = made[name]();
            stored.set((await add(hashes)).id, hashes);
          } else if (name === "post") await postYoung(database.pool);
          else if (name === "pack") await packAll();
          else if (first) {
            if (name === "retire") await retireReference(database.pool, first);
            else await database.pool.query("delete from reference where id = $1", [first]);
            stored.delete(first);
          }
        }
        const all = [...stored.values()].flat();
        const near = all.slice(0, 20).map((hash, i) => turnBits(hash, (3 * i) % 36, random));
        const queries = queriesFor([centre, flat(), ...near], random);
        const expected = queries.flatMap(({ views }, q) =>
          views.flatMap(({ dihedral, pdq }) =>
            [...stored].flatMap(([id, hashes]) =>
              hashes.flatMap((hash, i) => {
                const bits = distance(pdq, hash);
                return bits <= withinBits ? [`${q} ${dihedral} ${id} ${500 * i} ${bits}`] : [];
              }),
            ),
          ),
        );
        expect(await found(queries, withinBits)).toEqual(expected.sort());
      },
    ),
    { numRuns: 40 },
  );
});

test.each([2, 3])(
  "the filter lets through what differs by at most %i bits in the next band and two more in the third, and nothing else",
  async (most) => {
    const random = randomFrom(40 + most);
    const word = () => Math.floor(random() * 65_536);
    const turned = (value: number, bits: number) => {
      const order = Array.from({ length: 16 }, (_, bit) => ({ bit, at: random() })).sort((a, b) => a.at - b.at);
      return order.slice(0, bits).reduce((sum, { bit }) => sum ^ (1 << bit), value);
    };
    const asked = [0, 65_535, word(), word()].map((next) => ({ next, third: word() }));
    // Many at every distance, in packed rows that are full, in some that are not, and in rows of one.
    const stored = asked.flatMap(({ next, third }) =>
      Array.from({ length: 90 }, (_, i) => [turned(next, i % 6), turned(third, 2 + (i % 7))]),
    );
    const hashes = stored.map(([next, third]) =>
      Uint8Array.of(1, 2, next >> 8, next & 255, third >> 8, third & 255, ...randomHash(random).subarray(0, 26)),
    );
    await add(hashes.slice(0, 300));
    await postYoung(database.pool);
    await packAll();
    await add(hashes.slice(300));
    await postYoung(database.pool);
    // The key itself is asked for, or one that differs in a bit.
    const { rows: of } = await database.pool.query<{ q: number; passed: number[] }>(
      `with probe as (
         select (n - 1)::int as q, $1::int as key, neighbours from unnest($2::int[]) with ordinality as t (neighbours, n)
       ), ${passedPostings}
       select q, array_agg(f.both order by f.both) as passed
       from passed_posting
       join (select id, substring(pdq from 17 for 32)::int as both from reference_fingerprint) f using (id)
       group by q`,
      [most === 3 ? 0x0102 : 0x0112, asked.map((a) => (a.next << 16) | a.third)],
    );
    const differing = (a: number, b: number) => (a ^ b).toString(2).replaceAll("0", "").length;
    for (const [q, { next, third }] of asked.entries()) {
      const near = stored.filter((s) => differing(s[0], next) <= most && differing(s[1], third) <= most + 2);
      const both = near.map((s) => (s[0] << 16) | s[1]).sort((a, b) => a - b);
      expect(both.length).toBeGreaterThan(5);
      expect(of.find((row) => row.q === q)?.passed).toEqual(both);
    }
    expect((await rows()).packed).toBeGreaterThan(3);
  },
);

test.each(["posted", "packed"])("finds what is 31 bits away when only one band shows it: %s", async (how) => {
  const random = randomFrom(50);
  const bitsInBand = (hash: Hash, band: number, bits: number) => {
    const order = Array.from({ length: 16 }, (_, bit) => ({ bit, at: random() })).sort((a, b) => a.at - b.at);
    for (const { bit } of order.slice(0, bits)) hash[2 * band + (bit >> 3)] ^= 1 << (bit & 7);
  };
  // The two ways to have at most 1, 3 and 5 bits in a band, it and the next, and they and the third, and 2 in all other bands.
  const pairs = Array.from({ length: 16 }, (_, band) => band).flatMap((band) =>
    [
      [1, 2],
      [0, 3],
    ].map(([own, next]) => {
      const known = randomHash(random);
      const asked = known.slice();
      for (let other = 0; other < 16; other++) {
        const bits = other === band ? own : other === (band + 1) % 16 ? next : 2;
        bitsInBand(asked, other, bits);
      }
      return { known, asked };
    }),
  );
  // Four of each, which is enough to be packed, and of the first more than a row holds.
  await add(pairs.flatMap(({ known }, i) => Array.from({ length: i === 0 ? 70 : 4 }, () => known)));
  await postYoung(database.pool);
  if (how === "packed") await packAll();
  expect((await rows()).packed > 0).toBe(how === "packed");
  const lines = await found(
    queriesFor(
      pairs.map((p) => p.asked),
      random,
    ),
  );
  const { length } = lines.filter((line) => line.endsWith(" 31"));
  expect(length).toBe(4 * pairs.length + 66);
});

test("packing changes no answer, however often and by how many, and drops what is retired or deleted", async () => {
  const random = randomFrom(1);
  const centre = randomHash(random);
  await add(around(centre, 300, random));
  const retired = await add(around(centre, 100, random));
  const queries = queriesFor([centre, ...around(centre, 5, random)], random);
  const before = await found(queries);
  expect(before.length).toBeGreaterThan(1_000);
  expect(await rows()).toMatchObject({ n: 0 });

  await Promise.all([postYoung(database.pool), postYoung(database.pool)]);
  expect(await rows()).toMatchObject({ n: 16 * 400, packed: 0 });
  expect(await found(queries)).toEqual(before);
  await Promise.all([packAll(), packAll()]);
  expect(await found(queries)).toEqual(before);
  const packed = await rows();
  expect(packed.postings).toBe(16 * 400);
  expect(packed.n).toBeLessThan(16 * 200);

  await retireReference(database.pool, retired.id);
  const later = await add(around(centre, 200, random));
  const after = await found(queries);
  expect(after.some((line) => line.includes(later.id))).toBe(true);
  expect(after.some((line) => line.includes(retired.id))).toBe(false);
  await postYoung(database.pool);
  await packAll();
  expect(await found(queries)).toEqual(after);
  expect((await rows()).postings).toBeLessThan(16 * 600);

  await database.pool.query(`delete from "case"`);
  expect(await found(queries)).toEqual([]);
});

test("packs nothing outside the keys it was asked for", async () => {
  await add(Array.from({ length: 20 }, () => new Uint8Array(32).fill(1)));
  await postYoung(database.pool);
  await packKeys(database.pool, 65_536, KEYS);
  const { rows: counts } = await database.pool.query(
    "select key, count(*)::int as n from reference_posting where key in (257, 65536 + 257) group by key order by key",
  );
  expect(counts).toEqual([
    { key: 257, n: 20 },
    { key: 65_793, n: 1 },
  ]);
});

test("housekeeping leaves nothing without postings", async () => {
  await add(around(randomHash(randomFrom(3)), 50, randomFrom(3)));
  expect(await young()).toBe(50);
  await packSome(database.pool);
  expect(await young()).toBe(0);
  expect((await rows()).postings).toBe(16 * 50);
});

test("writing postings tells how many it wrote, and writes nothing when none is waited for, whatever else is locked", async () => {
  expect(await postYoung(database.pool)).toBe(0);
  await add(around(randomHash(randomFrom(11)), 30, randomFrom(11)));
  expect(await postYoung(database.pool)).toBe(30);
  const blocker = await database.pool.connect();
  await blocker.query("begin");
  await blocker.query("lock table reference_posting in exclusive mode");
  await blocker.query("select from posted_until for update");
  const { rows: before } = await database.pool.query("select pg_current_xact_id_if_assigned() as none, xmax from posted_until");
  expect(await postYoung(database.pool)).toBe(0);
  const { rows: after } = await database.pool.query("select pg_current_xact_id_if_assigned() as none, xmax from posted_until");
  expect(after).toEqual(before);
  await blocker.query("rollback");
  blocker.release();
});

test("whether postings are waited for is seen at the end of an index", async () => {
  const { rows: plan } = await database.pool.query(
    "explain select (select max(id) from reference_fingerprint) > (select fingerprint_id from posted_until)",
  );
  expect(plan.map((row) => row["QUERY PLAN"]).join()).toContain("Index Only Scan Backward using reference_fingerprint_pkey");
});

test("without housekeeping, whoever adds writes the postings when too many wait", async () => {
  const random = randomFrom(5);
  const hashes = () => Array.from({ length: 1_500 }, () => randomHash(random));
  const waiting: number[] = [];
  for (let i = 0; i < 4; i++) {
    await add(hashes());
    waiting.push(await young());
  }
  expect(waiting).toEqual([1_500, 3_000, 0, 1_500]);
});

test("a lookup during which postings are written finds everything once", async () => {
  const random = randomFrom(6);
  const centre = randomHash(random);
  await add(around(centre, 100, random));
  const queries = queriesFor([centre], random);
  const before = await found(queries);
  // Postings are written after the lookup has asked what has postings, and before it asks for them.
  const db = {
    query: async (text: string, values?: unknown[]) => {
      const result = await database.pool.query(text, values);
      await postYoung(database.pool);
      return result;
    },
  } as unknown as Db;
  expect(await found(queries, 31, db)).toEqual(before);
  expect(await young()).toBe(0);
  expect(await found(queries)).toEqual(before);
});

test("a process that dies while it writes postings leaves nothing half done, and the next one does it", async () => {
  const random = randomFrom(7);
  const centre = randomHash(random);
  await add(around(centre, 100, random));
  const queries = queriesFor([centre], random);
  const before = await found(queries);
  const blocker = await database.pool.connect();
  await blocker.query("begin");
  await blocker.query("lock table reference_posting in exclusive mode");
  const dying = postYoung(database.pool).then(
    () => "done",
    () => "died",
  );
  await vi.waitFor(async () => {
    const { rowCount } = await blocker.query(
      `select pg_terminate_backend(pid) from pg_locks where relation = 'reference_posting'::regclass and not granted`,
    );
    expect(rowCount).toBe(1);
  }, PATIENCE);
  expect(await dying).toBe("died");
  await blocker.query("commit");
  blocker.release();
  expect(await young()).toBe(100);
  expect(await found(queries)).toEqual(before);
  await postYoung(database.pool);
  expect(await rows()).toMatchObject({ postings: 16 * 100 });
  expect(await found(queries)).toEqual(before);
});

test("fingerprints that are added by hand wait for whoever adds others, so none can appear below those that have postings", async () => {
  const { id } = await add([randomHash(randomFrom(8))]);
  const [slow, quick] = await Promise.all([database.pool.connect(), database.pool.connect()]);
  const insert = `insert into reference_fingerprint (reference_id, algorithm, variant, at_ms, until_ms, quality, pdq)
    values ($1, '${ALGORITHM}', 'full', 9, 9, 100, repeat('01', 128)::bit(256)) returning id::int`;
  await slow.query("begin");
  const first = await slow.query<{ id: number }>(insert, [id]);
  const second = quick.query<{ id: number }>(insert, [id]);
  await vi.waitFor(async () => {
    const { rowCount } = await database.pool.query("select 1 from pg_locks where locktype = 'advisory' and not granted");
    expect(rowCount).toBe(1);
  }, PATIENCE);
  await postYoung(database.pool);
  await slow.query("commit");
  expect((await second).rows[0].id).toBeGreaterThan(first.rows[0].id);
  for (const client of [slow, quick]) client.release();
  const pdq = new Uint8Array(32).fill(0x55);
  expect(await found(queriesFor([pdq], randomFrom(9)))).toHaveLength(2);
  await postYoung(database.pool);
  expect(await found(queriesFor([pdq], randomFrom(9)))).toHaveLength(2);
});
