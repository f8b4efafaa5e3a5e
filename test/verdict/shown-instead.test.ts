import { expect, test } from "vitest";
import { PATCH_BYTES } from "../../src/fingerprint/patches.js";
import type { KnownPatch, PatchSet } from "../../src/model.js";
import type { Agreement } from "../../src/verdict/agreement.js";
import { momentsShowing, overlayOf } from "../../src/verdict/shown-instead.js";
import { randomFrom } from "../support/material.js";

const random = randomFrom(11);
const hash = () => Uint8Array.from({ length: PATCH_BYTES }, () => Math.floor(random() * 256));

type Placed = { x: number; y: number; hash: Uint8Array };

/** A picture, 4096 by 2304, with patches of side 400. */
const pictureOf = (atMs: number, patches: Placed[]): PatchSet => ({
  ...{ algorithm: "test/1", atMs, untilMs: atMs, width: 4096, height: 2304 },
  places: Uint16Array.from(patches.flatMap(({ x, y }) => [x, y, 400])),
  hashes: Uint8Array.from(patches.flatMap((p) => [...p.hash])),
});

/** Five patches in a row, the first at (x, y). */
const row = (x: number, y: number): Placed[] => Array.from({ length: 5 }, (_, i) => ({ x: x + 450 * i, y, hash: hash() }));

// The known picture is an inset at half size, whose upper left corner is at (1000, 1000), with a caption across it.
const placement = { x: 1000, y: 1000, size: 0.5, mirrored: false };
const thing = row(600, 600);
const known: KnownPatch[] = thing.map((p, i) => ({ ...p, id: String(i), referenceId: "r", atMs: 0, untilMs: 0, side: 800 }));
const shown = thing.map((p) => ({ ...p, x: 1000 + 0.5 * p.x, y: 1000 + 0.5 * p.y }));
const caption = row(1000, 2000);
const found = pictureOf(0, [...shown, ...caption]);
const placed: Agreement[] = [
  {
    ...{ atMs: 0, untilMs: 0, referenceAtMs: 0, referenceUntilMs: 0, dihedral: "original" },
    ...{ doubt: 1e-9, part: true, share: 1, closeness: 1, placement },
  },
];

const momentsOf = (...patchSets: PatchSet[]): number[] =>
  momentsShowing(
    { fingerprints: [], patchSets },
    { overlay: overlayOf([found], placed, known), placementAt: () => placement },
  ).map(({ atMs }) => atMs);

test("what lies over the known picture all the time is not what is shown in its place, other things are", () => {
  expect(momentsOf(pictureOf(1_000, caption), pictureOf(2_000, [...caption, ...row(1200, 1500)]))).toEqual([2_000]);
});

test("what is shown beside the place of the known picture does not count", () => {
  expect(momentsOf(pictureOf(1_000, row(1200, 400)))).toEqual([]);
});

test("the known picture's own things are no overlay: seen where nothing is known, they are something else", () => {
  expect(momentsOf(pictureOf(1_000, shown))).toEqual([1_000]);
});

test("where whole pictures told the place, those with detail count", () => {
  const fingerprint = { algorithm: "test/1", variant: "full", untilMs: 0, pdq: new Uint8Array(32), blockhash: new Uint8Array(0) };
  const fingerprints = [40, 69, 70, 100].map((quality, atMs) => ({ ...fingerprint, atMs, quality }));
  expect(momentsShowing({ fingerprints, patchSets: [] }, undefined).map(({ atMs }) => atMs)).toEqual([2, 3]);
});
