import { expect, test } from "vitest";
import { insideBorders } from "../../src/fingerprint/borders.js";
import { chance, draw } from "./pictures.js";

const random = chance(3);

/** Stripes of the given contrast with a little noise, in bars of `bar` with noise too, 40 pixels high above and below. */
const letterboxed = (bar: number, contrast: number, noise: number) =>
  draw(200, 160, (x, y) => {
    const shown = y >= 40 && y < 120 ? bar + contrast * (0.5 + 0.5 * Math.sin(x / 5 + y / 9)) : bar;
    return shown + noise * (random() - 0.5);
  });

test.each([
  ["black", 4, 180, 8],
  ["grey", 120, 100, 8],
  ["black, around a dark film,", 3, 40, 3],
])("bars that are %s are found", (_, bar, contrast, noise) => {
  expect(insideBorders(letterboxed(bar, contrast, noise))).toEqual({ x: 0, y: 40, width: 200, height: 80 });
});

test("the dim edges of a dark film are not bars", () => {
  const dark = draw(
    200,
    160,
    (x, y) => 8 + 5 * Math.sin(x / 7) + 5 * Math.sin(y / 6) + (Math.hypot(x - 100, y - 80) < 30 ? 24 : 0),
  );
  expect(insideBorders(dark)).toBeUndefined();
});
