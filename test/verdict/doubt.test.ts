import { expect, test } from "vitest";
import type { Agreement } from "../../src/verdict/agreement.js";
import { isPoorStill } from "../../src/verdict/doubt.js";
import { POLICY } from "../../src/verdict/policy.js";

const moment = (over: Partial<Agreement> = {}): Agreement => ({
  ...{
    atMs: 4_500,
    untilMs: 4_500,
    referenceAtMs: 6_000,
    referenceUntilMs: 6_000,
    dihedral: "original",
    doubt: 1e-9,
    part: true,
  },
  ...{ share: 0.55, closeness: 0.16, placement: { x: 0, y: 0, size: 1, mirrored: false } },
  ...over,
});

test.each([
  ["parts that are in place but not near, as another face's are", [moment()], true],
  ["little of the picture", [moment({ closeness: 0.6, share: 0.4 })], true],
  ["near parts", [moment({ closeness: 0.19 })], false],
  ["the whole picture", [moment({ bits: 20, closeness: 1, share: 1 })], false],
  ["two moments", [moment(), moment({ atMs: 5_000 })], false],
])("one moment of a film is no more than a still that is found by its parts: %s", (_, seen, isPoor) => {
  expect(isPoorStill(seen, POLICY)).toBe(isPoor);
});
