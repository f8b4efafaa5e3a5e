import { describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config.js";
import { distance, hashFromHex } from "../../src/fingerprint/hash.js";
import { listedQuery } from "../../src/fingerprint/meta-pdq.js";
import { findDecoder } from "../../src/media/find-decoder.js";
import { readStillImage } from "../../src/media/still/image.js";
import { draw, GOLDEN, GOLDEN_FOLDER } from "./pictures.js";

const decoder = await findDecoder(loadConfig({}));
const never = new AbortController().signal;
const LIMITS = { maxPixels: 100_000_000, timeoutMs: 60_000 };

describe("the hash of a still that lists are looked up by", () => {
  it.each(GOLDEN.filter((g) => g.quality >= 50))(
    "lies within 10 bits of what Meta's C++ printed for $file",
    async ({ file, hash, quality }) => {
      const query = listedQuery((await readStillImage(GOLDEN_FOLDER + file, decoder, LIMITS, never)).asMeta!);
      expect(distance(query!.pdq, hashFromHex(hash))).toBeLessThanOrEqual(10);
      expect(Math.abs(query!.quality - quality)).toBeLessThanOrEqual(20);
    },
  );

  it.each(GOLDEN.filter((g) => g.quality < 40))("is not given for $file, which Meta's tools discard", async ({ file }) => {
    expect(listedQuery((await readStillImage(GOLDEN_FOLDER + file, decoder, LIMITS, never)).asMeta!)).toBeUndefined();
  });

  it("is asked for as it is and in inverted colours, and only so", () => {
    const frame = draw(64, 64, (x, y) => 128 + 100 * Math.sin(x / 3) * Math.cos(y / 5));
    expect(listedQuery(frame)?.views.map((v) => v.dihedral)).toEqual(["original", "original"]);
    expect(listedQuery(frame)).toMatchObject({ algorithm: "luma64-pdq/1", variant: "pdq" });
  });
});
