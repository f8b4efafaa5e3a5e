import { describe, expect, it } from "vitest";
import { BASELINES } from "../../src/bench/quality/baselines.js";
import { clipFrames, pairFrame } from "../../src/bench/quality/mass-innocents.js";
import { phashOf } from "../../src/bench/quality/phash.js";
import { distance } from "../../src/fingerprint/hash.js";

const clip = clipFrames(1, []);
const other = clipFrames(2, []);
const create = (name: string) => BASELINES.map((make) => make()).find((detector) => detector.name === name)!;

describe("the baselines", () => {
  it.each(["vpdq-documented", "vpdq-coded", "phash", "blockhash"])(
    "%s finds a clip in itself and not in another",
    async (name) => {
      const detector = create(name);
      await detector.registerFrames!("a", clip, "video");
      expect(await detector.checkFrames!(clip, "video")).toMatchObject({ flagged: "match", caseIds: ["a"] });
      expect(await detector.checkFrames!(other, "video")).toMatchObject({ flagged: "clear", caseIds: [] });
    },
  );

  it("vPDQ as documented asks 80 % of the known, as coded 80 % of the query", async () => {
    const part = clip.slice(0, 20);
    const longer = [...clip, ...other];
    for (const [name, query, flagged] of [
      ["vpdq-documented", part, "clear"],
      ["vpdq-documented", longer, "match"],
      ["vpdq-coded", part, "match"],
      ["vpdq-coded", longer, "clear"],
    ] as const) {
      const detector = create(name);
      await detector.registerFrames!("a", clip, "video");
      expect([name, (await detector.checkFrames!(query, "video")).flagged]).toEqual([name, flagged]);
    }
  });
});

describe("phashOf", () => {
  it("ignores brightness and tells pictures apart", () => {
    const { luma, width, height } = pairFrame(1, 0, []);
    const darker = luma.map((value) => value * 0.8);
    expect(distance(phashOf(luma, width, height), phashOf(darker, width, height))).toBeLessThanOrEqual(4);
    const another = pairFrame(1, 1, []);
    expect(distance(phashOf(luma, width, height), phashOf(another.luma, width, height))).toBeGreaterThan(10);
  });
});

describe("innocent frames", () => {
  it("are the same on every run and differ between clips", () => {
    expect(clipFrames(1, [])).toEqual(clip);
    expect(clip).toHaveLength(60);
    expect(other[30].luma).not.toEqual(clip[30].luma);
  });
});
