import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nearTable } from "../../src/exchange/near.js";
import { distance } from "../../src/fingerprint/hash.js";
import { randomFrom, randomHash, turnBits } from "../support/material.js";

describe("a table of hashes", () => {
  it("finds exactly what comparing with every hash finds, each once", () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 0, max: 31 }), (seed, withinBits) => {
        const random = randomFrom(seed);
        const centres = Array.from({ length: 4 }, () => randomHash(random));
        const hashes = centres.flatMap((c) => Array.from({ length: 40 }, (_, i) => turnBits(c, i, random)));
        const table = nearTable(Buffer.concat(hashes));
        for (const query of [...centres, randomHash(random)]) {
          const found: [number, number][] = [];
          // As the database gives them: somewhere inside a larger buffer.
          const asBuffer = Buffer.concat([Buffer.from([1]), query]).subarray(1);
          table(asBuffer, withinBits, (number, bits) => found.push([number, bits]));
          const expected = hashes
            .map((h, i) => [i, distance(h, query)] as [number, number])
            .filter(([, bits]) => bits <= withinBits);
          expect(found.sort((a, b) => a[0] - b[0])).toEqual(expected);
        }
      }),
      { numRuns: 20 },
    );
  });

  it("is empty or refuses a radius for which it is not exact", () => {
    const hash = randomHash(randomFrom(1));
    nearTable(new Uint8Array(0))(hash, 31, () => expect.unreachable());
    expect(() => nearTable(hash)(hash, 32, () => {})).toThrow("exact up to 31 bits");
  });
});
