import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { distance, hashToHex } from "../../src/fingerprint/hash.js";
import { dihedralHashes, pdqOf } from "../../src/fingerprint/pdq.js";
import { DIHEDRALS } from "../../src/model.js";
import { chance, draw, frameOf, GOLDEN, GOLDEN_FOLDER, referenceLuma, seenThrough } from "./pictures.js";

/** Printed by Meta's C++ from `chance(width * 1000 + height)` times 255; 8 columns leave half the transform to rounding. */
const FROM_NOISE: [width: number, height: number, hash: string][] = [
  [64, 64, "5fa1e935125e37e8fbc32db94e9ae25450808b1e34fb9c9bf7ac3ed341101815"],
  [256, 144, "a1234714645cfbe7d1fc2200371bfeaad0373b5a75c5587b7f0f82d13128a992"],
  [129, 97, "f3de8dd324119c962ec14af60b5cb92563f4d16ac444acad8c37716eee46c2e2"],
  [300, 8, "345874d0818807151c65fd5ca0b2de0af8d321f55f4d02a3e39af8ea7e778b2f"],
  [8, 300, "34e9bf01513a75a8cad636499873113b08f701bfd932c07e11bb31b9cb162b95"],
  [5, 5, "ce7364d9398c9b2664d994a5c4f16b5a3b0e64d9c67364d9398c9b26c4f194a5"],
  [640, 360, "40a17a7db79b02363fb750d3f1ba7d9c10f822097e07e361c42bcbf6237c1a41"],
];

const pictures = fc
  .record({ width: fc.integer({ min: 5, max: 256 }), height: fc.integer({ min: 5, max: 256 }), seed: fc.integer() })
  .map(({ width, height, seed }) => draw(width, height, noise(seed)));

function noise(seed: number): () => number {
  const next = chance(seed);
  return () => next() * 255;
}

describe("PDQ", () => {
  it.each(GOLDEN)("equals Meta's C++ for $file: hash, quality and all eight symmetries", async (golden) => {
    const { luma, width, height } = await referenceLuma(GOLDEN_FOLDER + golden.file);
    const { hash, quality, dct } = pdqOf(luma, width, height);
    expect({ hash: hashToHex(hash), quality }).toEqual({ hash: golden.hash, quality: golden.quality });
    const hashes = dihedralHashes(dct);
    expect(Object.fromEntries(DIHEDRALS.map((d) => [d, hashToHex(hashes[d])]))).toEqual(golden.dihedral);
  });

  it.each(FROM_NOISE)("equals Meta's C++ for noise of %ix%i", (width, height, expected) => {
    const luma = Float32Array.from({ length: width * height }, noise(width * 1000 + height));
    expect(hashToHex(pdqOf(luma, width, height).hash)).toBe(expected);
  });

  it("is the same for 8-bit luma and for the same luma as floats", () => {
    fc.assert(
      fc.property(pictures, ({ luma, width, height }) => {
        expect(pdqOf(luma, width, height)).toEqual(pdqOf(Float32Array.from(luma), width, height));
      }),
      { numRuns: 30 },
    );
  });

  it("does not depend on what was hashed before", () => {
    const [small, large] = [draw(20, 300, noise(1)), draw(300, 200, noise(2))];
    const before = pdqOf(small.luma, 20, 300);
    pdqOf(large.luma, 300, 200);
    expect(pdqOf(small.luma, 20, 300)).toEqual(before);
  });

  it("gives pictures under 5 pixels a side the zero hash and quality 0", () => {
    expect(pdqOf(new Uint8Array(400).fill(9), 100, 4)).toMatchObject({ hash: new Uint8Array(32), quality: 0 });
  });

  it("refuses luma that is shorter than the picture", () => {
    expect(() => pdqOf(new Uint8Array(99), 10, 10)).toThrow("luma holds 99 values, and 10x10 needs more");
  });
});

describe("a turned or mirrored picture", () => {
  it.each(DIHEDRALS)("of 64x64 has the hash that %s predicts", (dihedral) => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const picture = draw(64, 64, noise(seed));
        const predicted = dihedralHashes(pdqOf(picture.luma, 64, 64).dct)[dihedral];
        const seen = seenThrough(picture, dihedral);
        // Sums run in another order: only values that tie with the median may fall on its other side.
        expect(distance(pdqOf(seen.luma, 64, 64).hash, predicted)).toBeLessThanOrEqual(2);
      }),
      { numRuns: 20 },
    );
  });
});

describe("the scan's pipeline", () => {
  it.each(GOLDEN.filter((golden) => golden.quality >= 50))("stays within 16 bits of Meta's tool for $file", async (golden) => {
    const { luma, width, height } = await frameOf(GOLDEN_FOLDER + golden.file);
    expect(distance(pdqOf(luma, width, height).hash, Buffer.from(golden.hash, "hex"))).toBeLessThanOrEqual(16);
  });
});
