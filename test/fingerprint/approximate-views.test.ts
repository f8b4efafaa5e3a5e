import { expect, test } from "vitest";
import { viewsFromHashes } from "../../src/fingerprint/approximate-views.js";
import { fingerprintFrame } from "../../src/fingerprint/fingerprint-frame.js";
import { distance } from "../../src/fingerprint/hash.js";
import { frameOf, GOLDEN_FOLDER } from "./pictures.js";

const frames = await Promise.all(
  ["aaa-orig.jpg", "q1050.jpg", "q2821.jpg"].map((name) => frameOf(`${GOLDEN_FOLDER}images/${name}`)),
);

test("the views estimated from hashes alone lie near the true ones, and the first is exact", () => {
  for (const frame of frames) {
    const { fingerprint, views } = fingerprintFrame(frame);
    const estimated = viewsFromHashes(fingerprint.pdq, fingerprint.blockhash);
    const distances = views().map((view, i) => distance(view.pdq, estimated[i].pdq));
    expect(estimated.map((v) => v.dihedral)).toEqual(views().map((v) => v.dihedral));
    expect(distances[0]).toBe(0);
    expect(Math.max(...distances)).toBeLessThanOrEqual(20);
  }
});

test("blockhash views are turned the same way", () => {
  for (const frame of frames) {
    const { fingerprint, views } = fingerprintFrame(frame);
    const estimated = viewsFromHashes(fingerprint.pdq, fingerprint.blockhash);
    views().forEach((view, i) => {
      const bits = distance(view.blockhash!, estimated[i].blockhash!);
      // Medians are taken in bands of rows, which a turn by 90° makes columns of; far from the 128 of unrelated pictures all the same.
      expect(bits).toBeLessThan(90);
    });
  }
});
