import { describe, expect, test } from "vitest";
import { breakThings, checksumOf, createLines, drawFaults } from "../../scripts/drill/support/break-things.js";
import type { Fault } from "../../scripts/drill/support/fault.js";

const going = new AbortController().signal;
const faults = ["often", "seldom", "never"].map((name, i) => ({
  ...{ name, target: name === "never" ? "b" : "a", weight: [9, 1, 0][i], happen: async () => {} },
}));

describe("drawn faults", () => {
  test("follow from the seed alone: the same for a longer run as far as it goes, others for another seed", () => {
    const names = (count: number, seed: number) => drawFaults(faults, count, seed).map(({ name }) => name);
    expect(names(200, 5)).toEqual(names(200, 5));
    expect(names(300, 5).slice(0, 200)).toEqual(names(200, 5));
    expect(names(200, 6)).not.toEqual(names(200, 5));
  });

  test("come as often as they weigh", () => {
    const drawn = drawFaults(faults, 1_000, 1).filter(({ name }) => name === "seldom").length;
    expect(drawn).toBeGreaterThan(60);
    expect(drawn).toBeLessThan(150);
    expect(drawFaults(faults, 1_000, 1).some(({ name }) => name === "never")).toBe(false);
  });

  test("have a checksum, another one in another order", () => {
    expect(checksumOf(drawFaults(faults, 50, 1))).toMatch(/^[0-9a-f]{8}$/);
    expect(checksumOf(faults)).not.toBe(checksumOf([...faults].reverse()));
  });
});

describe("breaking things", () => {
  test("what is of one line waits for what came before it, also when that fails; other lines do not", async () => {
    const lines = createLines();
    const log: string[] = [];
    let mended = () => {};
    const broken = new Promise<void>((resolve) => {
      mended = resolve;
    });
    lines.add("a", async () => {
      await broken;
      log.push("a 1");
      throw new Error("as it should");
    });
    lines.add("a", async () => void log.push("a 2"));
    lines.add("b", async () => {
      log.push("b 1");
      mended();
    });
    await lines.done();
    expect(log).toEqual(["b 1", "a 1", "a 2"]);
  });

  test("drawn faults happen in their order, each with a chance of its own that the seed decides", async () => {
    const run = async (seed: number) => {
      const chances: number[] = [];
      const drawn: Fault[] = ["1", "2", "3"].map((name) => ({
        ...{ name, target: "one", weight: 1 },
        happen: async (random) => void chances.push(random()),
      }));
      const happened = await breakThings(drawn, 2_000, seed, going);
      return { chances, names: happened.map(({ name }) => name) };
    };
    const [first, again, other] = await Promise.all([run(1), run(1), run(2)]);
    expect(first.names).toEqual(["1", "2", "3"]);
    expect(new Set(first.chances).size).toBe(3);
    expect(again).toEqual(first);
    expect(other.chances).not.toEqual(first.chances);
  });

  test("nothing begins any more once it is interrupted", async () => {
    const interrupted = new AbortController();
    let begun = 0;
    const stops = { name: "stops", target: "one", weight: 1, happen: async () => interrupted.abort(new Error("interrupted")) };
    const next = { name: "next", target: "one", weight: 1, happen: async () => void begun++ };
    await expect(breakThings([stops, next, next], 60_000, 1, interrupted.signal)).rejects.toThrow("interrupted");
    expect(begun).toBe(0);
  });
});
