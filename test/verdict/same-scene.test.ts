import { expect, test } from "vitest";
import { ourDetector } from "../../src/bench/quality/our-detector.js";
import { cropFrame } from "../../src/fingerprint/borders.js";
import type { Frame } from "../../src/model.js";
import { POLICY } from "../../src/verdict/policy.js";
import { chance } from "../fingerprint/pictures.js";

const WIDTH = 256;
const HEIGHT = 144;

/** Things of all sizes and shades, as rectangles that lie over each other: what is in a room, or on a jacket. */
function things(width: number, height: number, count: number, seed: number): Uint8Array {
  const next = chance(Math.imul(seed, 2654435761) + 12345);
  const luma = new Uint8Array(width * height).fill(120);
  for (let n = 0; n < count; n++) {
    const [w, h] = [0, 0].map(() => Math.round((0.05 + 0.25 * next()) * width));
    const [left, top, shade] = [Math.round(next() * (width - w / 2)), Math.round(next() * (height - h / 2)), 30 + 200 * next()];
    for (let y = top; y < Math.min(top + h, height); y++)
      luma.fill(shade, y * width + left, y * width + Math.min(left + w, width));
  }
  return luma;
}

const ROOM = things(WIDTH, HEIGHT, 60, 1);

/** Who stands in the room: a jacket, and two arms that go up and down in their own way. */
interface Person {
  seed: number;
  x: number;
  swing: number;
}

/** Five seconds of somebody in the room, who does not leave his place. */
function film({ seed, x, swing }: Person): Frame[] {
  const [jacket, arm] = [things(70, 110, 40, seed), things(36, 24, 14, seed + 100)];
  const noise = chance(seed + 7);
  return Array.from({ length: 20 }, (_, n) => {
    const luma = ROOM.slice();
    const lay = (what: Uint8Array, width: number, left: number, top: number) =>
      what.forEach((value, at) => {
        const [px, py] = [left + (at % width), top + Math.floor(at / width)];
        if (px >= 0 && px < WIDTH && py >= 0 && py < HEIGHT) luma[py * WIDTH + px] = value;
      });
    lay(jacket, 70, x, 34);
    lay(arm, 36, x - 24, Math.round(60 + 30 * Math.sin(n * swing)));
    lay(arm, 36, x + 58, Math.round(60 + 30 * Math.cos(1.3 * n * swing)));
    return { atMs: n * 250, width: WIDTH, height: HEIGHT, luma: luma.map((value) => value + 4 * noise() - 2) };
  });
}

const ANA = { seed: 11, x: 60, swing: 0.7 };
const OTHERS = [
  { seed: 12, x: 64, swing: 0.5 },
  { seed: 13, x: 120, swing: 0.9 },
  { seed: 14, x: 90, swing: 0.6 },
];

/** Ten per cent cut off, as by somebody who films a screen. */
const cut = (frame: Frame): Frame => cropFrame(frame, { x: 20, y: 11, width: 216, height: 122 });

const darker = (frame: Frame): Frame => ({ ...frame, luma: frame.luma.map((value) => 0.8 * value) });

test("somebody else before the same wall is for a person to look at; a copy matches", async () => {
  const detector = await ourDetector();
  await detector.registerFrames!("Ana", film(ANA), "video");
  for (const other of OTHERS) {
    for (const frames of [film(other), film(other).map(darker)]) {
      const { flagged, claims, note } = await detector.checkFrames!(frames, "video");
      expect(flagged, note).toBe("review");
      // Where little of it is near enough to count, that is said first.
      expect([POLICY.rightShare.scene, POLICY.rightShare.short]).toContain(claims?.[0].confidence);
      expect(claims?.map((claim) => claim.caseId)).toEqual(["Ana"]);
    }
  }
  const copy = film(ANA);
  for (const frames of [copy.map(darker), copy.map(cut), copy.slice(6).map(cut)]) {
    expect(await detector.checkFrames!(frames, "video")).toMatchObject({ flagged: "match", caseIds: ["Ana"] });
  }
  await detector.close?.();
});

test("nor is a still of somebody else there a still of hers, or of her film", async () => {
  const detector = await ourDetector();
  await detector.registerFrames!("film", film(ANA), "video");
  await detector.registerFrames!("still", [film(ANA)[3]], "image");
  for (const other of OTHERS) {
    const { flagged, note } = await detector.checkFrames!([film(other)[3]], "image");
    expect(flagged, note).toBe("review");
  }
  // Her still with something laid over a part of it, in another light.
  const { luma, ...still } = film(ANA)[3];
  const covered = darker({ ...still, luma: luma.map((v, at) => (at % WIDTH > 215 && at < (WIDTH * HEIGHT) / 2 ? 255 : v)) });
  const verdict = await detector.checkFrames!([covered], "image");
  expect(verdict.flagged, verdict.note).toBe("match");
  expect(verdict.caseIds.toSorted()).toEqual(["film", "still"]);
  await detector.close?.();
});

test("where nothing moves in the known film, what stands still is all there is to agree", async () => {
  const detector = await ourDetector();
  const noise = chance(3);
  const empty = Array.from({ length: 20 }, (_, n) => ({
    ...{ atMs: n * 250, width: WIDTH, height: HEIGHT },
    luma: ROOM.map((value) => value + 4 * noise() - 2),
  }));
  await detector.registerFrames!("room", empty, "video");
  const other = things(WIDTH, HEIGHT, 60, 9);
  // Something else runs along a third of it, so that parts of it are missing.
  const covered = empty.map((frame, n) => ({
    ...frame,
    luma: frame.luma.map((v, at) => (at % WIDTH > 165 ? other[(at + 4 * n * WIDTH) % other.length] : v)),
  }));
  expect(await detector.checkFrames!(covered.map(cut), "video")).toMatchObject({ flagged: "match", caseIds: ["room"] });
  await detector.close?.();
});
