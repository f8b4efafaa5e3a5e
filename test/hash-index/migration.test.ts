import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hashToHex } from "../../src/fingerprint/hash.js";
import { lookup } from "../../src/hash-index/lookup.js";
import { createLog } from "../../src/platform/log.js";
import { migrate } from "../../src/platform/migrate.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { queryOf, randomFrom, randomHash, turnBits } from "../support/material.js";
import { temporaryDir } from "../support/temporary-dir.js";

const FIRST = fileURLToPath(new URL("../../src/platform/migrations/001_first.sql", import.meta.url));
const log = createLog("silent");

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase({ empty: true });
});
afterAll(() => database.close());

test("references from before postings were packed are still found", async () => {
  const folder = join(temporaryDir().path, "migrations");
  mkdirSync(folder);
  copyFileSync(FIRST, join(folder, "001_first.sql"));
  await migrate(database.pool, log, folder);
  const random = randomFrom(8);
  const centre = randomHash(random);
  const hashes = Array.from({ length: 500 }, (_, i) => turnBits(centre, i % 33, random));
  await database.pool.query(`insert into "case" (id) values ('C')`);
  await database.pool.query(
    `with r as (
       insert into reference (id, case_id, label, kind, sha256, duration_ms, algorithm, fingerprint_count, provenance)
       values (gen_random_uuid(), 'C', 'old', 'video', decode(repeat('00', 32), 'hex'), 0, 'old/1', 500, 'own') returning id
     ), f as (
       insert into reference_fingerprint (reference_id, algorithm, variant, at_ms, until_ms, quality, pdq)
       select r.id, 'old/1', 'full', n, n, 100, ('x' || hex)::bit(256) from r, unnest($1::text[]) with ordinality as t (hex, n)
       returning id, pdq
     )
     insert into reference_band (key, neighbours, fingerprint_id)
     select b * 65536 + substring(pdq from 1 + 16 * b for 16)::int, substring(pdq || pdq from 17 + 16 * b for 32)::bit(32), id
     from f, generate_series(0, 15) as b`,
    [hashes.map(hashToHex)],
  );
  expect(await migrate(database.pool, log)).toContain("002_hash_index.sql");
  const { hits } = await lookup(database.pool, [queryOf(centre, centre, 0, random, "old/1")], "old/1", 31);
  const expected = hashes.flatMap((_, i) => (i % 33 <= 31 ? [i + 1] : []));
  expect(hits.map((h) => h.referenceAtMs).sort((a, b) => a - b)).toEqual(expected);
});
