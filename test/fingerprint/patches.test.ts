import { describe, expect, it, test } from "vitest";
import { cropFrame } from "../../src/fingerprint/borders.js";
import { keptPatchSets, onlyOf } from "../../src/fingerprint/kept.js";
import { packPatchSets, unpackLongPatchSets, unpackPatchSets } from "../../src/fingerprint/pack-patches.js";
import { byMoment, knownPatches, searchPatches } from "../../src/fingerprint/patch-hits.js";
import {
  LONG_PATCH_ALGORITHM,
  mirrorPatchHash,
  PATCH_ALGORITHM,
  PATCH_BYTES,
  PATCH_UNITS,
  patchesOf,
  shortened,
} from "../../src/fingerprint/patches.js";
import type { Frame, PatchSet } from "../../src/model.js";
import { partAgreements } from "../../src/verdict/agreement.js";
import { frameOf, GOLDEN_FOLDER, seenThrough } from "./pictures.js";

const bridge = await frameOf(`${GOLDEN_FOLDER}images/aaa-orig.jpg`);
const bear = await frameOf(new URL("../../fixtures/images/wild-bear.jpg", import.meta.url).pathname);
const teapot = await frameOf(new URL("../../fixtures/images/teapot.jpg", import.meta.url).pathname);

const setOf = (frame: Frame, count: number): PatchSet => ({
  algorithm: PATCH_ALGORITHM,
  atMs: 0,
  untilMs: 0,
  ...patchesOf(frame, count),
});

/** The doubt left between a picture as a reference and a picture as a submission; 1 when nothing agrees. */
async function doubtBetween(reference: Frame, submission: Frame): Promise<{ doubt: number; dihedral?: string }> {
  const sets = [setOf(submission, 96)];
  const known = knownPatches("r", keptPatchSets([setOf(reference, 96)], "image"));
  const hits = await searchPatches(sets, async () => known);
  const [agreement] = (partAgreements(hits, byMoment(known), sets).get("r") ?? []).sort((a, b) => a.doubt - b.doubt);
  return agreement ?? { doubt: 1 };
}

function cropped(frame: Frame, left: number, top: number, share: number): Frame {
  const rect = {
    x: Math.round(left * frame.width),
    y: Math.round(top * frame.height),
    width: Math.round(share * frame.width),
    height: Math.round(share * frame.height),
  };
  return cropFrame(frame, rect);
}

/** The picture at half its size in a corner of another. */
function inset(frame: Frame, into: Frame): Frame {
  const luma = into.luma.slice();
  for (let y = 0; y < Math.floor(frame.height / 2); y++) {
    for (let x = 0; x < Math.floor(frame.width / 2); x++) {
      const at = 2 * y * frame.width + 2 * x;
      const mean = (frame.luma[at] + frame.luma[at + 1] + frame.luma[at + frame.width] + frame.luma[at + frame.width + 1]) / 4;
      if (y + 8 < into.height && x + 8 < into.width) luma[(y + 8) * into.width + x + 8] = mean;
    }
  }
  return { ...into, luma };
}

/** A photograph before a flag: discs that are all alike, and stronger than what is beside them. */
function beforeFlag(frame: Frame): Frame {
  const luma = frame.luma.map((value, at) => {
    const [x, y] = [at % frame.width, Math.floor(at / frame.width)];
    if (x > 0.55 * frame.width) return 100 + value / 2;
    return Math.hypot((x % 32) - 16, (y % 32) - 16) < 10 ? 170 : 90;
  });
  return { ...frame, luma };
}

test("of what repeats all over a picture little is kept, so that it is recognised by the rest when it is cropped", async () => {
  const flag = beforeFlag(bear);
  const [kept] = keptPatchSets([setOf(flag, 48)], "video");
  expect(kept.places.length / 3).toBe(18);
  const across = Array.from({ length: 18 }, (_, i) => kept.places[3 * i]);
  expect(across.filter((x) => x < 0.5 * PATCH_UNITS).length).toBeLessThan(9);
  const sets = [setOf(cropped(flag, 0.05, 0.05, 0.9), 48)];
  const known = knownPatches("r", [kept]);
  const hits = await searchPatches(sets, async () => known);
  const [agreement] = partAgreements(hits, byMoment(known), sets).get("r") ?? [];
  expect(agreement?.doubt).toBeLessThan(1e-4);
});

test("what parts say does not depend on the order in which an index gives them", async () => {
  const sets = [setOf(cropped(bear, 0.15, 0.03, 0.8), 96)];
  const known = knownPatches("r", keptPatchSets([setOf(bear, 96)], "image"));
  const hits = await searchPatches(sets, async () => known);
  const told = (order: number) => {
    const turned = <T>(items: T[]) => [...items.slice(order % items.length), ...items.slice(0, order % items.length)].reverse();
    return partAgreements(turned(hits), byMoment(turned(known)), sets).get("r");
  };
  const first = told(0);
  expect(first).toHaveLength(1);
  for (let order = 1; order < 25; order++) expect(told(order)).toEqual(first);
});

describe("a picture is recognised by its parts", () => {
  test.each([
    ["cropped by a fifth, off-centre", (f: Frame) => cropped(f, 0.15, 0.03, 0.8)],
    ["cropped to seven tenths", (f: Frame) => cropped(f, 0.1, 0.2, 0.7)],
  ])("when it is %s", async (_, alter) => {
    expect((await doubtBetween(bridge, alter(bridge))).doubt).toBeLessThan(1e-4);
    expect((await doubtBetween(bear, alter(bear))).doubt).toBeLessThan(1e-4);
  });

  it("at half size inside another, at least so far that a person looks", async () => {
    expect((await doubtBetween(bridge, inset(bridge, teapot))).doubt).toBeLessThan(2e-3);
    expect((await doubtBetween(bear, inset(bear, teapot))).doubt).toBeLessThan(2e-3);
  });

  it("mirrored and cropped, and says that it is mirrored", async () => {
    const { doubt, dihedral } = await doubtBetween(bridge, cropped(seenThrough(bridge, "flipy"), 0.1, 0.1, 0.85));
    expect(doubt).toBeLessThan(1e-4);
    expect(dihedral).toBe("flipy");
  });

  it("but another picture is not", async () => {
    const pictures = [bridge, bear, teapot];
    for (const a of pictures)
      for (const b of pictures) if (a !== b) expect((await doubtBetween(a, b)).doubt).toBeGreaterThan(1e-2);
  });
});

describe("patches", () => {
  it("are no more than asked for, strongest first, and inside the picture", () => {
    const few = patchesOf(bridge, 5);
    const many = patchesOf(bridge, 40);
    expect(few.hashes).toHaveLength(5 * PATCH_BYTES);
    expect([...few.places]).toEqual([...many.places.slice(0, 15)]);
    for (let i = 0; i < many.places.length; i += 3) expect(many.places[i]).toBeLessThanOrEqual(many.width);
  });

  it("of a flat picture are none", () => {
    expect(patchesOf({ atMs: 0, width: 256, height: 144, luma: new Uint8Array(256 * 144).fill(90) }, 48).hashes).toHaveLength(0);
  });

  it("have hashes that a second mirroring brings back", () => {
    const { hashes } = patchesOf(bridge, 8);
    for (let i = 0; i < 8; i++) {
      const hash = hashes.subarray(PATCH_BYTES * i, PATCH_BYTES * (i + 1));
      expect(mirrorPatchHash(mirrorPatchHash(hash))).toEqual(hash);
    }
  });

  it("come back from storage as they were", () => {
    const sets = [
      setOf(bridge, 12),
      { ...setOf(bear, 3), atMs: 3_000_000, untilMs: 3_000_500 },
      { ...setOf(teapot, 0), atMs: 7 },
    ];
    const again = unpackPatchSets(Buffer.concat([Buffer.from("x"), packPatchSets(sets)]).subarray(1));
    expect(again.map((s) => [s.atMs, s.untilMs, s.width, s.height, [...s.places], [...s.hashes]])).toEqual(
      sets.map((s) => [s.atMs, s.untilMs, s.width, s.height, [...s.places], [...s.hashes]]),
    );
  });

  it("of twice as many bits are taken for their first half, submitted or kept; others stay as they are", () => {
    const set = setOf(bridge, 3);
    const halves = [0, 1, 2].map((i) => set.hashes.subarray(PATCH_BYTES * i, PATCH_BYTES * (i + 1)));
    const hashes = Uint8Array.from(halves.flatMap((half, i) => [...half, ...new Uint8Array(PATCH_BYTES).fill(200 + i)]));
    const long = { ...set, algorithm: LONG_PATCH_ALGORITHM, hashes };
    expect(shortened(long)).toEqual(set);
    expect(shortened(set)).toBe(set);
    expect(unpackLongPatchSets(packPatchSets([long, { ...long, atMs: 9 }]))).toEqual([set, { ...set, atMs: 9 }]);
  });

  const everyHalfSecond = (pictureAt: (i: number) => Parameters<typeof setOf>[0]) =>
    Array.from({ length: 24 }, (_, i) => ({ ...setOf(pictureAt(i), 20), atMs: i * 500, untilMs: i * 500 }));

  const timesOf = (sets: PatchSet[]) => sets.map((s) => s.atMs);

  it("are kept of a picture every two seconds while it changes, eighteen of each", () => {
    const kept = keptPatchSets(
      everyHalfSecond((i) => [bridge, bear, teapot][i % 3]),
      "video",
    );
    expect(timesOf(kept)).toEqual([0, 2000, 4000, 6000, 8000, 10_000]);
    expect(kept[0].hashes).toHaveLength(18 * PATCH_BYTES);
  });

  it("are kept again at once when the last picture had few of them, though those are still seen", () => {
    const sets = everyHalfSecond(() => bridge);
    const nearlyGone = sets.slice(4, 6).map((set) => onlyOf(set, [0]));
    expect(timesOf(keptPatchSets([...sets.slice(0, 4), ...nearlyGone, ...sets.slice(6)], "video"))).toEqual([0, 2000, 3000]);
  });

  it("are kept of a picture every ten seconds while it stays", () => {
    expect(
      timesOf(
        keptPatchSets(
          everyHalfSecond(() => bridge),
          "video",
        ),
      ),
    ).toEqual([0, 10_000]);
  });
});
