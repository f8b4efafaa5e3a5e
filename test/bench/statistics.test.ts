import { describe, expect, it } from "vitest";
import { clopperPearson, median, upperBound } from "../../src/bench/quality/statistics.js";

describe("clopperPearson", () => {
  // R: binom.test(k, n)$conf.int
  it.each([
    [0, 10, 0, 0.3084971],
    [10, 10, 0.6915029, 1],
    [5, 10, 0.187086, 0.812914],
    [1, 20, 0.001265089, 0.2487328],
    [81, 263, 0.2527034, 0.367624],
  ])("gives the published interval for %d of %d", (seen, of, low, high) => {
    const interval = clopperPearson(seen, of);
    expect(interval.low).toBeCloseTo(low, 3);
    expect(interval.high).toBeCloseTo(high, 3);
  });
});

describe("upperBound", () => {
  it("is 1 - 0.05^(1/n) when nothing was seen, the rule of three", () => {
    expect(upperBound(0, 2000)).toBeCloseTo(1 - 0.05 ** (1 / 2000), 9);
    expect(upperBound(0, 2000)).toBeCloseTo(3 / 2000, 5);
  });

  it("says nothing about no trials", () => {
    expect(upperBound(0, 0)).toBe(1);
  });
});

describe("median", () => {
  it("is the middle, or the mean of the two in the middle", () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(median([])).toBeNaN();
  });
});
