import { afterAll, beforeAll, expect, test } from "vitest";
import { openApp } from "../../src/app.js";
import { packPatchSets, unpackPatchSets } from "../../src/fingerprint/pack-patches.js";
import { LONG_PATCH_ALGORITHM, PATCH_BYTES } from "../../src/fingerprint/patches.js";
import { hashesOf } from "../../src/intake/hash-only.js";
import { parseJob } from "../../src/intake/job.js";
import { createLog } from "../../src/platform/log.js";
import { register } from "../../src/register.js";
import { scan } from "../../src/scan.js";
import { dir, make, video } from "../media/support.js";
import { testConfig } from "../support/config.js";
import { type TestDatabase, testDatabase } from "../support/database.js";

/**
 * Patches had 128 bits once, of which today's are the first half. Installations keep some, and agents that were built then submit some: here today's
 * with noise after them.
 */
const KNOWN = video("friday.mp4");
const CROP = make("-i", KNOWN, "-an", "-vf", "crop=iw*0.7:ih*0.7", "crop.mp4");
const { signal } = new AbortController();

let database: TestDatabase;
const open = () => openApp(testConfig({ DATABASE_URL: database.connectionString, MEDIA_ROOTS: dir }), createLog("silent"));

beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.close());

const longer = (hashes: Uint8Array): Buffer =>
  Buffer.concat(
    Array.from({ length: hashes.length / PATCH_BYTES }, (_, i) =>
      Buffer.concat([hashes.subarray(PATCH_BYTES * i, PATCH_BYTES * (i + 1)), Buffer.alloc(PATCH_BYTES, 37 * i)]),
    ),
  );

async function withApp<T>(use: (app: Awaited<ReturnType<typeof open>>) => Promise<T>): Promise<T> {
  const app = await open();
  try {
    return await use(app);
  } finally {
    await app.close();
  }
}

const registerKnown = () =>
  withApp((app) => register(app.registerSteps, { path: KNOWN }, { caseId: "C-1", label: "friday", provenance: "own" }, signal));

const submissionOf = (id: string, media: Parameters<typeof parseJob>[0]) =>
  parseJob({ version: 1, submissionId: id, media, platform: "videosite" });

const scanned = (id: string, media: unknown) =>
  withApp(async (app) => (await scan(app.scanSteps, submissionOf(id, media), signal)).outcome.verdict);

test("a past upload with longer patches is found by look-back", async () => {
  expect(await scanned("past", { path: CROP })).toBe("clear");
  const { rows } = await database.pool.query<{ patch_sets: Buffer }>("select patch_sets from submission_fingerprint");
  const sets = unpackPatchSets(rows[0].patch_sets).map((set) => ({ ...set, hashes: longer(set.hashes) }));
  expect(sets.length).toBeGreaterThan(1);
  await database.pool.query("update submission_fingerprint set patches = $1, patch_sets = ''", [
    Buffer.from(packPatchSets(sets)),
  ]);
  expect(await registerKnown()).toMatchObject({ earlierUploads: 1 });
});

test("known material with longer patches is recognised in a crop, by hashes of either kind as well", async () => {
  const { rowCount } = await database.pool.query(
    "update reference_patch set algorithm = $1, hash = hash || decode(repeat('a7', 8), 'hex')",
    [LONG_PATCH_ALGORITHM],
  );
  expect(rowCount).toBeGreaterThan(20);
  const reading = await withApp((app) => app.scanSteps.read({ path: CROP }, signal));
  const today = hashesOf(reading) as Extract<ReturnType<typeof hashesOf>, { fingerprints?: unknown }>;
  const before = {
    ...today,
    patchSets: today.patchSets?.map((set) => ({
      ...set,
      algorithm: LONG_PATCH_ALGORITHM,
      hashes: longer(Buffer.from(set.hashes, "hex")).toString("hex"),
    })),
  };
  expect(await scanned("file", { path: CROP })).toBe("match");
  expect(await scanned("hashes", today)).toBe("match");
  expect(await scanned("hashes-before", before)).toBe("match");
  expect(await scanned("parts-missing", { ...today, patchSets: [] })).not.toBe("match");
});
