import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { distance, distanceWithin, hashFromHex, hashToHex } from "../../src/fingerprint/hash.js";

const hashes = fc.uint8Array({ minLength: 32, maxLength: 32 });

describe("a hash in hexadecimal", () => {
  it("comes back as it went", () => {
    fc.assert(
      fc.property(hashes, (hash) => {
        expect(hashFromHex(hashToHex(hash))).toEqual(hash);
        expect(hashFromHex(hashToHex(hash).toUpperCase())).toEqual(hash);
      }),
    );
  });

  it.each(["", "ab", "g".repeat(64), "0".repeat(63), "0".repeat(65), ` ${"0".repeat(63)}`])("is refused when it is %j", (hex) => {
    expect(() => hashFromHex(hex)).toThrow("a hash is 64 hexadecimal digits");
  });
});

describe("distance", () => {
  it("counts differing bits", () => {
    expect(distance(hashFromHex("0".repeat(64)), hashFromHex("f".repeat(64)))).toBe(256);
    expect(distance(hashFromHex(`8${"0".repeat(63)}`), hashFromHex(`${"0".repeat(63)}1`))).toBe(2);
  });

  it("is a metric", () => {
    fc.assert(
      fc.property(hashes, hashes, hashes, (a, b, c) => {
        expect(distance(a, a)).toBe(0);
        expect(distance(a, b)).toBe(distance(b, a));
        expect(distance(a, b) === 0).toBe(hashToHex(a) === hashToHex(b));
        expect(distance(a, c)).toBeLessThanOrEqual(distance(a, b) + distance(b, c));
      }),
    );
  });

  it("within a limit is the distance, or nothing", () => {
    fc.assert(
      fc.property(hashes, hashes, fc.integer({ min: 0, max: 256 }), (a, b, most) => {
        expect(distanceWithin(a, b, most)).toBe(distance(a, b) <= most ? distance(a, b) : undefined);
      }),
    );
  });

  it("does not mind where in a buffer the bytes are", () => {
    const bytes = Uint8Array.from({ length: 40 }, (_, i) => 37 * i);
    expect(distance(bytes.subarray(3, 35), bytes.slice(3, 35))).toBe(0);
  });
});
