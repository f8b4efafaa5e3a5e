import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { distance } from "../../../src/fingerprint/hash.js";
import { PATCH_BANDS } from "../../../src/fingerprint/patch-hits.js";
import { PATCH_BYTES } from "../../../src/fingerprint/patches.js";
import {
  allocateSegment,
  bytesOf,
  emptyHits,
  fillPostings,
  HIT_NUMBERS,
  hashesOf,
  mergeSegments,
  type Segment,
  search,
  searcherOf,
  segmentLimit,
} from "../../../src/hash-index/in-process/segment.js";
import type { ShapeName } from "../../../src/hash-index/in-process/shape.js";
import type { Hash } from "../../../src/model.js";
import { assemble } from "../../../src/webassembly/assemble.js";
import { randomFrom, randomHash, turnBits } from "../../support/material.js";

const BYTES = { fingerprints: 32, patches: PATCH_BYTES };
const BANDS = { fingerprints: 16, patches: PATCH_BANDS };

function segmentOf(id: number, shape: ShapeName, hashes: Hash[], indexed: boolean, reference = 0): Segment {
  const segment = allocateSegment(id, shape, hashes.length, indexed);
  hashes.forEach((hash, i) => {
    hashesOf(segment).set(hash.subarray(0, BYTES[shape]), i * BYTES[shape]);
    segment.columns[0][i] = reference + i;
  });
  segment.count = hashes.length;
  if (indexed) fillPostings(segment);
  return segment;
}

function find(segment: Segment, queries: Hash[], withinBits: number, slot = 0): string[] {
  const hits = emptyHits();
  const bytes = BYTES[segment.shape];
  const ends = Uint8Array.from(queries.flatMap((q) => [...q.subarray(0, bytes)]));
  search(searcherOf(segment, slot), ends, segment.count, withinBits, hits);
  return Array.from({ length: hits.length }, (_, i) => {
    const [query, , place, bits] = hits.numbers.subarray(HIT_NUMBERS * i, HIT_NUMBERS * (i + 1));
    return `${query} ${place} ${bits}`;
  }).sort();
}

function bruteForce(shape: ShapeName, hashes: Hash[], queries: Hash[], withinBits: number): string[] {
  const cut = (hash: Hash) => hash.subarray(0, BYTES[shape]);
  const shareBand = (a: Hash, b: Hash) =>
    shape === "fingerprints" ||
    Array.from({ length: BANDS[shape] }).some((_, band) => a[2 * band] === b[2 * band] && a[2 * band + 1] === b[2 * band + 1]);
  return queries
    .flatMap((query, q) =>
      hashes.flatMap((hash, place) => {
        const bits = distance(cut(query), cut(hash));
        return bits <= withinBits && shareBand(query, hash) ? [`${q} ${place} ${bits}`] : [];
      }),
    )
    .sort();
}

/** Bits turned where it is hardest for bands: as many as allowed in each, or all in few. */
function turnEvenly(hash: Hash, bits: number, random: () => number): Hash {
  const turned = hash.slice();
  const first = Math.floor(random() * 16);
  for (let i = 0; i < bits; i++) turned[2 * ((first + i) % 16) + (random() < 0.5 ? 0 : 1)] ^= 1 << Math.floor(random() * 8);
  return turned;
}

describe.each(["fingerprints", "patches"] as const)("%s", (shape) => {
  test.each([true, false])("are found as by brute force, each once (postings: %s)", (indexed) => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 0, max: 31 }), fc.integer({ min: 0, max: 250 }), (seed, withinBits, count) => {
        const random = randomFrom(seed);
        const centre = randomHash(random);
        const hashes = Array.from({ length: count }, (_, i) => (i % 3 ? turnBits(centre, i % 60, random) : randomHash(random)));
        const queries = [
          centre,
          ...Array.from({ length: 12 }, (_, i) => turnEvenly(hashes[i * 7] ?? centre, 24 + (i % 9), random)),
        ];
        const segment = segmentOf(1, shape, hashes, indexed);
        expect(find(segment, queries, withinBits)).toEqual(bruteForce(shape, hashes, queries, withinBits));
      }),
      { numRuns: 60 },
    );
  });

  test("of one value by the thousand are all found, however often the room for them runs out", () => {
    const random = randomFrom(3);
    const centre = randomHash(random);
    const hashes = Array.from({ length: 9_000 }, (_, i) => turnBits(centre, i % 12, random));
    for (const indexed of [true, false]) {
      const found = find(segmentOf(1, shape, hashes, indexed), [centre], 31);
      expect(found).toEqual(bruteForce(shape, hashes, [centre], 31));
      expect(found.length).toBeGreaterThan(8_000);
    }
  });

  test("are merged without those of references that are gone", () => {
    const random = randomFrom(4);
    const hashes = Array.from({ length: 300 }, () => randomHash(random));
    const parts = [segmentOf(1, shape, hashes.slice(0, 100), true, 0), segmentOf(2, shape, hashes.slice(100), false, 100)];
    const isGone = Uint8Array.from({ length: 300 }, (_, i) => (i % 3 === 0 ? 1 : 0));
    const merged = mergeSegments(3, parts, isGone);
    const kept = hashes.filter((_, i) => i % 3 !== 0);
    expect(merged).toMatchObject({ id: 3, count: 200, indexed: true });
    expect([...merged.columns[0]]).toEqual(hashes.flatMap((_, i) => (i % 3 === 0 ? [] : [i])));
    expect(find(merged, hashes, 20)).toEqual(bruteForce(shape, kept, hashes, 20));
  });
});

test("every thread has a place of its own to work in", () => {
  const random = randomFrom(6);
  const hashes = Array.from({ length: 50 }, () => randomHash(random));
  const segment = segmentOf(1, "fingerprints", hashes, true);
  const expected = bruteForce("fingerprints", hashes, hashes, 31);
  for (const slot of [0, 7, 15]) expect(find(segment, hashes, 31, slot)).toEqual(expected);
});

test("10 million fingerprints fit one segment, at less than 200 bytes each, and the limit keeps to what can be addressed", () => {
  expect(segmentLimit("fingerprints")).toBeGreaterThan(30_000_000);
  expect(segmentLimit("fingerprints")).toBeLessThanOrEqual(2 ** 25);
  const segment = allocateSegment(1, "fingerprints", 1_000_000, true);
  expect(bytesOf(segment) / 1_000_000).toBeLessThan(200);
});

test("the assembler names the line that it does not understand", () => {
  const body = (text: string) => [{ name: "f", params: ["a"], i32: [], v128: [], body: text }];
  expect(() => assemble(body("i32.nonsense"), 1)).toThrow('assemble: unknown instruction in "i32.nonsense"');
  expect(() => assemble(body("local.get $b"), 1)).toThrow('assemble: unknown name in "local.get $b"');
  expect(() => assemble(body("br $nowhere"), 1)).toThrow('assemble: unknown name in "br $nowhere"');
});
