import { expect, test } from "vitest";
import type { Rect } from "../../src/fingerprint/borders.js";
import { createBoxReader } from "../../src/fingerprint/box-reader.js";
import { boxesOf, edgesOf } from "../../src/fingerprint/inner-boxes.js";
import type { Frame } from "../../src/model.js";
import { chance, draw } from "./pictures.js";

type Scene = (x: number, y: number) => number;

/** Soft blobs of light around a mean, other ones for every seed. */
function scene(seed: number, mean = 90): Scene {
  const random = chance(seed);
  const [a, b, c, d] = Array.from({ length: 4 }, () => random() * 6);
  return (x, y) => mean + 40 * Math.sin(x / (14 + 3 * a) + b) + 35 * Math.cos(y / (11 + 2 * c) + d + x / 60);
}

/** Scenes put into one another: inside the box it is `inner`, around it `outer`. */
const inset =
  ({ x, y, width, height }: Rect, inner: Scene, outer: Scene): Scene =>
  (px, py) =>
    px >= x && px < x + width && py >= y && py < y + height ? inner(px - x, py - y) : outer(px, py);

/** Boxes of pictures of these scenes, with a little noise. */
function boxesIn(scenes: Scene[], { across = false } = {}): Rect[] {
  const [width, height] = [256, 144];
  const random = chance(99);
  const frames = scenes.map((valueAt) => draw(width, height, (x, y) => valueAt(x, y) + 6 * (random() - 0.5)));
  return boxesOf(edgesOf(frames), across);
}

/** Eight pictures of a scene that moves. */
function moving(seed: number, mean?: number): Scene[] {
  const still = scene(seed, mean);
  return Array.from({ length: 8 }, (_, i) => (x, y) => still(x + 5 * i, y + 2 * i));
}

const BOXES: [string, Rect][] = [
  ["an inset at half size", { x: 108, y: 58, width: 128, height: 72 }],
  ["a picture between bars that are not plain", { x: 0, y: 24, width: 256, height: 96 }],
  ["what is below a caption", { x: 0, y: 30, width: 256, height: 114 }],
  ["the left of two pictures side by side", { x: 0, y: 0, width: 128, height: 144 }],
];

test.each(BOXES)("%s is found to the pixel, on a moving background and in a single picture", (_, box) => {
  const outer = moving(2);
  const pictures = moving(1, 165).map((inner, i) => inset(box, inner, outer[i]));
  expect(boxesIn(pictures)).toContainEqual(box);
  expect(boxesIn(pictures.slice(0, 1))).toContainEqual(box);
});

test("of two pictures side by side both are boxes", () => {
  const right = moving(4);
  const pictures = moving(3, 165).map((left, i) => inset({ x: 0, y: 0, width: 128, height: 144 }, left, right[i]));
  const halves = boxesIn(pictures).sort((a, b) => a.x - b.x);
  expect(halves).toEqual([
    { x: 0, y: 0, width: 128, height: 144 },
    { x: 128, y: 0, width: 128, height: 144 },
  ]);
});

test("a picture that nothing was put into has no boxes, with noise or without", () => {
  const random = chance(5);
  expect(boxesIn(moving(6))).toEqual([]);
  expect(boxesIn([scene(7)])).toEqual([]);
  const soft = scene(8);
  expect(boxesIn([(x, y) => soft(x, y) + 60 * (random() - 0.5)])).toEqual([]);
});

test("a wall of bricks between blurred ones is found from edge to edge in a still, though rows of bricks make better boxes", () => {
  const bricks: Scene = (x, y) =>
    y % 18 < 3 || (x + 20 * (Math.floor(y / 18) % 2)) % 40 < 3 ? 60 : 150 + 20 * Math.sin(x / 3 + y);
  const box = { x: 56, y: 0, width: 144, height: 144 };
  const still = [inset(box, bricks, scene(13, 100))];
  const isIt = ({ x, y, width, height }: Rect): boolean =>
    y === 0 && height === box.height && Math.abs(x - box.x) <= 1 && Math.abs(width - box.width) <= 1;
  expect(boxesIn(still, { across: true }).filter(isIt)).toHaveLength(1);
  expect(boxesIn(still).filter(isIt)).toHaveLength(0);
});

test("an inset smaller than three tenths of a side is none", () => {
  const box = { x: 100, y: 50, width: 60, height: 34 };
  const outer = moving(10);
  expect(boxesIn(moving(9, 165).map((inner, i) => inset(box, inner, outer[i])))).toEqual([]);
});

test("a reader gives what pictures hold inside of a box, also of the last ones, and keeps looking as the box moves", () => {
  const given: { picture: Frame; variant: string }[] = [];
  const reader = createBoxReader("video", (picture, variant) => given.push({ picture, variant }));
  const [left, right] = [20, 100].map((x) => ({ x, y: 40, width: 128, height: 72 }));
  const sceneAt = (i: number) => inset(i < 16 ? left : right, scene(11, 165), scene(12));
  for (let i = 0; i < 20; i++) reader.push({ ...draw(256, 144, sceneAt(i)), atMs: i * 250 });
  const inside = () => given.filter(({ variant }) => variant === "inside box");
  expect(inside().map(({ picture }) => picture.atMs)).toEqual(Array.from({ length: 16 }, (_, i) => i * 250));
  reader.flush();
  expect(inside().map(({ picture }) => picture.atMs)).toEqual(Array.from({ length: 20 }, (_, i) => i * 250));
  const asItWas = draw(128, 72, scene(11, 165));
  expect(inside().every(({ picture }) => Buffer.from(picture.luma).equals(asItWas.luma))).toBe(true);
});
