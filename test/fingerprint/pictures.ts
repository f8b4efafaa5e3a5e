import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import type { Dihedral, Frame } from "../../src/model.js";

export const GOLDEN_FOLDER = fileURLToPath(new URL("../../fixtures/pdq/", import.meta.url));

export interface Golden {
  file: string;
  hash: string;
  quality: number;
  dihedral: Record<Dihedral, string>;
}

export const GOLDEN: Golden[] = JSON.parse(readFileSync(`${GOLDEN_FOLDER}golden.json`, "utf8")).images;

/** The reference's `DOWNSAMPLE_DIMS`: a picture with a longer side is first made 512x512. */
const REFERENCE_SIDE = 512;

/** Luma as Meta's `pdq-photo-hasher` makes it from a file: CImg's nearest-neighbour resize, then 32-bit float weights. */
export async function referenceLuma(file: string): Promise<{ luma: Float32Array; width: number; height: number }> {
  const { data, info } = await sharp(file, { ignoreIcc: true }).raw().toBuffer({ resolveWithObject: true });
  const large = info.width > REFERENCE_SIDE || info.height > REFERENCE_SIDE;
  const [width, height] = large ? [REFERENCE_SIDE, REFERENCE_SIDE] : [info.width, info.height];
  const luma = new Float32Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = Math.floor((y * info.height) / height) * info.width + Math.floor((x * info.width) / width);
      luma[y * width + x] = lumaAt(data, from * info.channels, info.channels);
    }
  }
  return { luma, width, height };
}

const { fround } = Math;
const [RED, GREEN, BLUE] = [fround(0.299), fround(0.587), fround(0.114)];

function lumaAt(data: Buffer, at: number, channels: number): number {
  if (channels < 3) return data[at];
  return fround(fround(fround(RED * data[at]) + fround(GREEN * data[at + 1])) + fround(BLUE * data[at + 2]));
}

/** A file as the scan sees it: 8-bit luma, longest side at most 256. `dimmed` scales its light. */
export async function frameOf(file: string, dimmed = 1): Promise<Frame> {
  const image = sharp(file).greyscale().resize(256, 256, { fit: "inside", withoutEnlargement: true });
  const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
  return { atMs: 0, width: info.width, height: info.height, luma: Uint8Array.from(data, (v) => Math.round(v * dimmed)) };
}

/** Draws a frame; `valueAt` is rounded and held to 0-255. */
export function draw(width: number, height: number, valueAt: (x: number, y: number) => number): Frame {
  const luma = new Uint8Array(width * height);
  for (let at = 0; at < luma.length; at++) {
    luma[at] = Math.min(255, Math.max(0, Math.round(valueAt(at % width, Math.floor(at / width)))));
  }
  return { atMs: 0, width, height, luma };
}

/** Numbers in [0, 1), the same ones every time: a linear congruential generator in exact 32-bit arithmetic. */
export function chance(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** The frame as seen through a symmetry, pixel by pixel: rotations are counterclockwise, flipx turns it upside down. */
export function seenThrough(frame: Frame, dihedral: Dihedral): Frame {
  const { width: w, height: h, luma } = frame;
  const at = (x: number, y: number) => luma[y * w + x];
  const views: Record<Dihedral, () => Frame> = {
    original: () => draw(w, h, at),
    rotate90: () => draw(h, w, (x, y) => at(w - 1 - y, x)),
    rotate180: () => draw(w, h, (x, y) => at(w - 1 - x, h - 1 - y)),
    rotate270: () => draw(h, w, (x, y) => at(y, h - 1 - x)),
    flipx: () => draw(w, h, (x, y) => at(x, h - 1 - y)),
    flipy: () => draw(w, h, (x, y) => at(w - 1 - x, y)),
    flipplus1: () => draw(h, w, (x, y) => at(y, x)),
    flipminus1: () => draw(h, w, (x, y) => at(w - 1 - y, h - 1 - x)),
  };
  return views[dihedral]();
}
