import sharp from "sharp";
import { describe, expect, it, test } from "vitest";
import { cropFrame } from "../../src/fingerprint/borders.js";
import { distance } from "../../src/fingerprint/hash.js";
import { keptPatchSets } from "../../src/fingerprint/kept.js";
import { createPatchReader } from "../../src/fingerprint/patch-reader.js";
import { mirrorPatchHash, PATCH_BYTES, patchesOf, turnedPatchesOf } from "../../src/fingerprint/patches.js";
import { turnOf } from "../../src/fingerprint/turn.js";
import type { Dihedral, Frame, MediaKind, PatchSet, Transform } from "../../src/model.js";
import { dihedralOf, TURNS, tiltOf } from "../../src/verdict/turns.js";
import { verdictByParts } from "../verdict/by-parts.js";
import { frameOf, GOLDEN_FOLDER, seenThrough } from "./pictures.js";

const bridge = await frameOf(`${GOLDEN_FOLDER}images/aaa-orig.jpg`);
const bear = await frameOf(new URL("../../fixtures/images/wild-bear.jpg", import.meta.url).pathname);

/** A frame turned clockwise by sharp, on grey, and what of its middle is left at this share of each side. */
async function turnedAndCropped(original: Frame, degrees: number, share: number): Promise<Frame> {
  const raw = { width: original.width, height: original.height, channels: 1 as const };
  const whole = sharp(original.luma, { raw }).rotate(degrees, { background: "#777" });
  const turned = await whole.toColourspace("b-w").raw().toBuffer({ resolveWithObject: true });
  const [width, height] = [Math.round(turned.info.width * share), Math.round(turned.info.height * share)];
  const [x, y] = [(turned.info.width - width) >> 1, (turned.info.height - height) >> 1];
  const frame = { atMs: 0, width: turned.info.width, height: turned.info.height, luma: turned.data };
  return cropFrame(frame, { x, y, width, height });
}

const setsOf = (frame: Frame, kind: MediaKind, turning: boolean): PatchSet[] => {
  const reader = createPatchReader(kind, { withinBits: 8 }, turning);
  reader.push(frame, new Uint8Array(32));
  return reader.sets;
};

/** The verdict on a still, looked up as a scan does or as it is. */
const verdictOn = (still: Frame, known: Frame, turning: boolean) =>
  verdictByParts(setsOf(still, "image", turning), setsOf(known, "image", false));

describe("a still that was turned and cropped is recognised, and is told how it was turned", () => {
  test.each<[number, Partial<Transform>]>([
    [17, { mirrored: false, rotatedDeg: 0, tiltedDeg: -15 }],
    [330, { mirrored: false, rotatedDeg: 0, tiltedDeg: 30 }],
    [90, { mirrored: false, rotatedDeg: 270 }],
    [180, { mirrored: false, rotatedDeg: 180 }],
  ])("by %i degrees", async (degrees, transform) => {
    for (const known of [bridge, bear]) {
      const verdict = await verdictOn(await turnedAndCropped(known, degrees, 0.75), known, true);
      expect(verdict).toMatchObject({ kind: "match", matches: [{ caseId: "C-1", transform }] });
      if (transform.tiltedDeg) expect(verdict.reasons[0]).toContain(`tilted by about ${Math.abs(transform.tiltedDeg)}°`);
    }
  });

  it("which it is not when it is looked up only as it is", async () => {
    expect((await verdictOn(await turnedAndCropped(bear, 330, 0.75), bear, false)).kind).toBe("clear");
  });

  it("also when it is mirrored", async () => {
    const still = await turnedAndCropped(seenThrough(bridge, "flipy"), 90, 0.85);
    expect(await verdictOn(still, bridge, true)).toMatchObject({ kind: "match", matches: [{ transform: { mirrored: true } }] });
  });

  it("but another picture is not", async () => {
    for (const degrees of [0, 20, 90]) {
      const verdict = await verdictOn(await turnedAndCropped(bear, degrees, 0.9), bridge, true);
      expect(verdict.kind).toBe("clear");
    }
  });
});

describe("patches of a turned picture", () => {
  test.each([90, 180, 270])("are those of the picture that is turned by %i degrees", async (degrees) => {
    const turned = turnedPatchesOf(bridge, 40, [degrees])[0];
    const really = patchesOf(await turnedAndCropped(bridge, degrees, 1), 40);
    expect([turned.width, turned.height]).toEqual([really.width, really.height]);
    const hashAt = ({ hashes }: typeof turned, i: number) => hashes.subarray(PATCH_BYTES * i, PATCH_BYTES * (i + 1));
    let found = 0;
    for (let i = 0; i < 40; i++) {
      for (let j = 0; j < 40; j++) {
        const apart = [0, 1, 2].map((k) => Math.abs(turned.places[3 * i + k] - really.places[3 * j + k]));
        if (Math.max(...apart) < 80 && distance(hashAt(turned, i), hashAt(really, j)) <= 8) {
          found++;
          break;
        }
      }
    }
    expect(found).toBeGreaterThanOrEqual(20);
  });

  it("are taken of stills of a scan alone, and nobody keeps them", () => {
    expect(setsOf(bridge, "video", true)).toHaveLength(1);
    expect(setsOf(bridge, "image", false)).toHaveLength(1);
    const sets = setsOf(bridge, "image", true);
    expect(sets.map((set) => set.turned?.degrees ?? 0)).toEqual([0, 15, 30, 45, 90, 180, 270, 315, 330, 345]);
    expect(keptPatchSets(sets, "image").map((set) => set.turned)).toEqual([undefined]);
  });

  it("mirror as others do", () => {
    const { hashes } = turnedPatchesOf(bear, 1, [30])[0];
    expect(mirrorPatchHash(mirrorPatchHash(hashes))).toEqual(hashes);
    const otherWay = turnedPatchesOf(seenThrough(bear, "flipy"), 1, [330])[0];
    expect(distance(mirrorPatchHash(otherWay.hashes), hashes)).toBeLessThanOrEqual(8);
    expect(distance(otherWay.hashes, hashes)).toBeGreaterThan(16);
  });
});

describe("turns", () => {
  it("bring a point to where it is seen", () => {
    const turn = turnOf({ width: 200, height: 100 }, 90);
    expect([turn.width, turn.height].map(Math.round)).toEqual([100, 200]);
    const { x, y } = turn.to(200, 0);
    expect([x, y].map(Math.round)).toEqual([100, 200]);
  });

  it("of whole quarters have a view of their own, others are a tilt", () => {
    for (const dihedral of Object.keys(TURNS) as Dihedral[]) {
      expect(dihedralOf(TURNS[dihedral].mirrored, TURNS[dihedral].rotatedDeg)).toBe(dihedral);
    }
    expect([0, 15, 90, 270, 315, 345].map(tiltOf)).toEqual([0, 15, 0, 0, -45, -15]);
  });
});
