import { expect, it } from "vitest";
import { ALGORITHM, fingerprintFrame } from "../../src/fingerprint/fingerprint-frame.js";
import { distance } from "../../src/fingerprint/hash.js";
import { DIHEDRALS } from "../../src/model.js";
import { frameOf, GOLDEN_FOLDER, seenThrough } from "./pictures.js";

const photograph = await frameOf(`${GOLDEN_FOLDER}images/aaa-orig.jpg`);

it("a fingerprint names its algorithm, its variant and its moment", () => {
  const { fingerprint } = fingerprintFrame({ ...photograph, atMs: 1500 });
  expect(fingerprint).toMatchObject({ algorithm: ALGORITHM, variant: "full", atMs: 1500, untilMs: 1500, quality: 100 });
  expect(fingerprintFrame(photograph, "inner").fingerprint.variant).toBe("inner");
});

it("the first of a frame's views is the fingerprint itself, the last its negative", () => {
  const { fingerprint, views } = fingerprintFrame(photograph);
  expect(views().map((view) => view.dihedral)).toEqual([...DIHEDRALS, "original"]);
  expect(views()[0]).toEqual({ dihedral: "original", pdq: fingerprint.pdq, blockhash: fingerprint.blockhash });
  const negative = fingerprintFrame({ ...photograph, luma: photograph.luma.map((value) => 255 - value) }).fingerprint;
  expect(distance(views()[8].pdq, negative.pdq)).toBeLessThanOrEqual(2);
});

it.each(DIHEDRALS)("the view %s is the fingerprint of the frame turned that way, in both hashes", (dihedral) => {
  const view = fingerprintFrame(photograph)
    .views()
    .find((v) => v.dihedral === dihedral)!;
  const turned = fingerprintFrame(seenThrough(photograph, dihedral)).fingerprint;
  expect(distance(view.pdq, turned.pdq)).toBeLessThanOrEqual(2);
  expect(distance(view.blockhash!, turned.blockhash)).toBeLessThanOrEqual(2);
});

it("the frames of a video have no blockhash views: they confirm each other", () => {
  expect(
    fingerprintFrame(photograph, "full", "video")
      .views()
      .every((view) => view.blockhash === undefined),
  ).toBe(true);
});
