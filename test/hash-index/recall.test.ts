import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type App, openApp } from "../../src/app.js";
import { ALGORITHM, withInverted } from "../../src/fingerprint/fingerprint-frame.js";
import { LISTED, type StillReading } from "../../src/fingerprint/meta-pdq.js";
import { PATCH_ALGORITHM, PATCH_BYTES } from "../../src/fingerprint/patches.js";
import { recall } from "../../src/hash-index/recall.js";
import { addReference, retireReference } from "../../src/hash-index/references.js";
import type { MediaKind, PatchSet } from "../../src/model.js";
import { createLog } from "../../src/platform/log.js";
import { readFingerprints } from "../../src/read-fingerprints.js";
import { judge } from "../../src/scan.js";
import { testConfig } from "../support/config.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { queryOf, randomFrom, randomHash, turnBits } from "../support/material.js";

const PIPELINE = { algorithm: ALGORITHM, patchAlgorithm: PATCH_ALGORITHM };

let database: TestDatabase;
let app: App;

beforeAll(async () => {
  database = await testDatabase();
  app = await openApp(testConfig({ DATABASE_URL: database.connectionString }), createLog("silent"));
});
afterAll(async () => {
  await app.close();
  await database.close();
});
beforeEach(() => database.pool.query(`delete from "case"`));

interface Shape {
  kind: MediaKind;
  /** Between one picture and the next. */
  stepsMs: number[];
  /** What the pictures are like: all different, nearly the same, exactly the same, or so now and then. */
  likeness: "different" | "near" | "same" | "mixed";
  /** Whether pictures are also known by what is inside their borders. */
  bordered: boolean;
  patches: number;
  seed: number;
}

const patchSetAt = (atMs: number, count: number, random: () => number): PatchSet => ({
  ...{ algorithm: PATCH_ALGORITHM, atMs, untilMs: atMs, width: 4096, height: 2304 },
  places: Uint16Array.from({ length: 3 * count }, (_, i) => [300 + random() * 3500, 300 + random() * 1700, 600][i % 3]),
  hashes: Uint8Array.from({ length: PATCH_BYTES * count }, () => random() * 256),
});

/** What reading a file of that shape would give. */
function readingOf({ kind, stepsMs, likeness, bordered, patches, seed }: Shape): StillReading {
  const random = randomFrom(seed);
  const first = randomHash(random);
  const hashOf = { different: () => randomHash(random), near: () => turnBits(first, 9, random), same: () => first };
  const next = () =>
    hashOf[likeness === "mixed" ? (["different", "near", "same"] as const)[Math.floor(random() * 3)] : likeness]();
  let atMs = 0;
  const moments = kind === "image" ? [0] : stepsMs.map((step) => (atMs += step));
  const fingerprints = moments.flatMap((ms) => {
    const whole = queryOf(next(), kind === "image" ? randomHash(random) : new Uint8Array(0), ms, random, ALGORITHM);
    return bordered
      ? [whole, { ...whole, ...queryOf(next(), whole.blockhash, ms, random, ALGORITHM), variant: "inside borders" }]
      : [whole];
  });
  const listed = { ...queryOf(next(), new Uint8Array(0), 0, random, ALGORITHM), variant: LISTED };
  return {
    sha256: Buffer.from(randomHash(random)).toString("hex"),
    bytes: 1000,
    kind,
    durationMs: kind === "image" ? 0 : atMs + 250,
    fingerprints,
    patchSets: moments.filter((_, i) => i % 3 === 0).map((ms) => patchSetAt(ms, patches, random)),
    ...(kind === "image" && { listed: { ...listed, views: withInverted([{ dihedral: "original" as const, pdq: listed.pdq }]) } }),
    framesRead: moments.length,
    framesUnusable: 0,
    timingsMs: { fetch: 0, decode: 0, hash: 0 },
  };
}

const still: Shape = { kind: "image", stepsMs: [], likeness: "different", bordered: false, patches: 20, seed: 1 };
const clip: Shape = {
  kind: "video",
  stepsMs: [0, 1000, 1250, 900],
  likeness: "different",
  bordered: false,
  patches: 12,
  seed: 2,
};

const add = (caseId: string, reading: StillReading, provenance = "own") =>
  addReference(database.pool, { caseId, label: "known", provenance }, reading, ALGORITHM);

/** A reading of the same bytes, as a scan gets it: nothing of the file is decoded. */
async function sameBytes({ sha256, bytes }: StillReading): Promise<StillReading> {
  const decoded = (): never => {
    throw new Error("the file was decoded");
  };
  const steps = {
    fetch: async () => ({ path: "/x", sha256, bytes, dispose: async () => {} }),
    probe: decoded,
    frames: decoded,
    recall: (hash: string) => recall(database.pool, hash, PIPELINE),
  };
  return readFingerprints(steps, { path: "/x" }, { thrifty: true });
}

async function casesOf(reading: StillReading): Promise<string[]> {
  const { verdict } = await judge(app.scanSteps, reading);
  expect(verdict.matches.map((m) => [m.caseId, m.verdict])).toEqual(verdict.matches.map((m) => [m.caseId, "match"]));
  return verdict.matches.map((m) => m.caseId).sort();
}

describe("the same bytes again", () => {
  test("are a match with every case that knows them, whatever they show", { timeout: 240_000 }, async () => {
    const shape: fc.Arbitrary<Shape> = fc.record({
      kind: fc.constantFrom<MediaKind>("image", "video"),
      stepsMs: fc.array(fc.constantFrom(0, 250, 900, 1000, 4000, 60_000), { minLength: 1, maxLength: 9 }),
      likeness: fc.constantFrom("different", "near", "same", "mixed"),
      bordered: fc.boolean(),
      patches: fc.integer({ min: 1, max: 18 }),
      seed: fc.integer(),
    });
    await fc.assert(
      fc.asyncProperty(shape, fc.integer({ min: 1, max: 4 }), async (given, cases) => {
        await database.pool.query(`delete from "case"`);
        const known = readingOf(given);
        const names = Array.from({ length: cases }, (_, i) => `C-${i}`);
        for (const name of names) await add(name, known);
        expect(await casesOf(await sameBytes(known))).toEqual(names);
      }),
      { numRuns: 60 },
    );
  });

  test("give all that the reference keeps: kind, length, hashes, and of a still what lists are asked with", async () => {
    for (const shape of [still, clip, { ...clip, bordered: true }]) {
      const known = readingOf(shape);
      await add("C-1", known);
      const again = await sameBytes(known);
      const plain = (r: StillReading) =>
        r.fingerprints.map(({ views: _, ...f }) => ({ ...f, pdq: [...f.pdq], blockhash: [...f.blockhash] }));
      expect(plain(again)).toEqual(plain(known));
      expect(again).toMatchObject({ kind: known.kind, durationMs: known.durationMs, sha256: known.sha256, bytes: 1000 });
      expect(again.listed && [...again.listed.pdq]).toEqual(known.listed && [...known.listed.pdq]);
      expect(again.patchSets[0]).toMatchObject({ atMs: known.patchSets[0].atMs, width: 4096 });
      expect([...again.patchSets[0].hashes]).toEqual([...known.patchSets[0].hashes]);
      expect([...again.patchSets[0].places]).toEqual([...known.patchSets[0].places]);
    }
  });

  test("are a match with other cases too that know what they show from other files", async () => {
    const known = readingOf(clip);
    const random = randomFrom(7);
    const copy = {
      ...readingOf({ ...clip, seed: 8 }),
      fingerprints: known.fingerprints.map((f) => queryOf(turnBits(f.pdq, 12, random), f.blockhash, f.atMs, random, ALGORITHM)),
    };
    await add("C-file", known);
    await add("C-copy", copy);
    expect(await casesOf(await sameBytes(known))).toEqual(["C-copy", "C-file"]);
  });
});

describe("a file is decoded", () => {
  const isDecoded = (reading: StillReading) => expect(sameBytes(reading)).rejects.toThrow("the file was decoded");

  test("when no reference has its bytes, or the one that had is retired; another case's still counts", async () => {
    const known = readingOf(clip);
    await isDecoded(known);
    const first = await add("C-1", known);
    const second = await add("C-2", known);
    await retireReference(database.pool, first.id);
    expect(await casesOf(await sameBytes(known))).toEqual(["C-2"]);
    await retireReference(database.pool, second.id);
    await isDecoded(known);
  });

  test.each([
    ["comes from a hash list", "update reference set list_entry = '1'"],
    ["was learned from a part of an upload", "update reference set learned_from = 's-1'"],
    ["was read by another pipeline", "update reference set algorithm = 'other/1'"],
    ["keeps no patches", "delete from reference_patch"],
    ["has none of Meta's hash, as an old still", "delete from reference_fingerprint where algorithm = 'pdq'"],
  ])("when the reference %s", async (_, sql) => {
    await database.pool.query(
      "insert into submission (id, content_sha256, content) values ('s-1', '', '{}') on conflict do nothing",
    );
    const known = readingOf(still);
    await add("C-1", known);
    await sameBytes(known);
    await database.pool.query(sql);
    await isDecoded(known);
  });
});
