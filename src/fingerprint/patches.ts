import type { Frame, Hash, PatchSet } from "../model.js";
import { type Blob, blobsOf } from "./blobs.js";
import { CELLS, cellMeans } from "./cell-means.js";
import { type Integral, integralOf } from "./integral.js";
import { turnedCells, turnOf } from "./turn.js";

/** The pipeline from a frame to its patches, like `ALGORITHM` for whole frames. */
export const PATCH_ALGORITHM = "luma256-blob-brief64/1";

/** Bits of a patch's hash: with 128 little more is recognised (docs/detection-experiments.md). */
const BITS = 64;

export const PATCH_BYTES = BITS / 8;

/** The pipeline before it, whose patches are still kept and submitted: of twice as many bits, of which the first half are ours. */
export const LONG_PATCH_ALGORITHM = "luma256-blob-brief128/1";
export const LONG_PATCH_BYTES = 2 * PATCH_BYTES;

/** Patches of {@link LONG_PATCH_ALGORITHM} as {@link PATCH_ALGORITHM} makes them; others as they are. */
export function shortened(set: PatchSet): PatchSet {
  if (set.algorithm !== LONG_PATCH_ALGORITHM) return set;
  const hashes = set.hashes.filter((_, i) => i % LONG_PATCH_BYTES < PATCH_BYTES);
  return { ...set, algorithm: PATCH_ALGORITHM, hashes };
}

/** Lengths are in such parts of the picture's longer side. */
export const PATCH_UNITS = 4096;

/** How far from where it is looked for a patch of that side may lie and still be in place, in {@link PATCH_UNITS}: a share of its side and of the picture's longer side. */
export const placeTolerance = (side: number): number => 0.2 * side + 0.03 * PATCH_UNITS;

/** The hashed square's side, in sigmas of its blob. */
const SIDE_PER_SIGMA = 10;

/**
 * The strongest patches of a frame, at most `count`, no two nearly on top of each other. The square around a blob is hashed
 * upright: 64 comparisons of cell averages (after BRIEF: Calonder, Lepetit, Strecha, Fua, ECCV 2010).
 *
 * Measured on 18 photographs, 12 patches of the original against 48 of the copy, within 24 of 128 bits and agreeing in place and
 * size: median 11 of 12 agree after a crop of 10 %, 8 after 20 % off-centre, 5 after 30 %, 7 inside another picture at 70 %
 * and 5 at 50 %, 11 after a rotation by 3°; of two different pictures never more than 2.
 */
export const patchesOf = (frame: Frame, count: number): Patches => turnedPatchesOf(frame, count, [0])[0];

type Patches = Pick<PatchSet, "turned" | "width" | "height" | "places" | "hashes">;

/** {@link patchesOf} as they would be were the picture turned clockwise by each of so many degrees: the same blobs, hashed in other directions. */
export function turnedPatchesOf(frame: Frame, count: number, turns: number[]): Patches[] {
  const integral = integralOf(frame);
  const chosen: Blob[] = [];
  for (const blob of spread(blobsOf(integral), frame)) {
    if (chosen.length === count) break;
    if (!isNearAny(chosen, blob)) chosen.push(blob);
  }
  return turns.map((degrees) => hashed(frame, integral, chosen, degrees));
}

function hashed(frame: Frame, integral: Integral, blobs: Blob[], degrees: number): Patches {
  const longer = Math.max(frame.width, frame.height);
  const inUnits = (length: number) => Math.round((length / longer) * PATCH_UNITS);
  const turn = turnOf(frame, degrees);
  const places = new Uint16Array(3 * blobs.length);
  const hashes = new Uint8Array(PATCH_BYTES * blobs.length);
  blobs.forEach(({ x, y, sigma }, i) => {
    const side = SIDE_PER_SIGMA * sigma;
    const at = turn.to(x, y);
    places.set([at.x, at.y, side].map(inUnits), 3 * i);
    if (degrees === 0) cellMeans(integral, x, y, side, cells);
    else turnedCells(frame, x, y, side, degrees, cells);
    hashes.set(hashOf(cells), PATCH_BYTES * i);
  });
  const turned = { degrees, width: inUnits(frame.width), height: inUnits(frame.height) };
  return { ...(degrees !== 0 && { turned }), width: inUnits(turn.width), height: inUnits(turn.height), places, hashes };
}

/** Cells a side in which blobs compete with each other. */
const GRID = 4;

/** By this factor each blob of a cell counts less than the one before it. At 0.7 insets lose more than borders win; without, two borders more are missed. */
const DECAY = 0.85;

/** Blobs of one cell, strongest first, with their places among all, and how many of them have been taken. */
interface Queue {
  blobs: Blob[];
  orders: number[];
  taken: number;
  /** Of the next: its strength as it counts. Minus infinity when there is none. */
  worth: number;
}

/**
 * Blobs, given strongest first, in a new order, so that a bright caption or a busy background does not take all places (after the adaptive non-maximal suppression
 * of Brown, Szeliski, Winder, CVPR 2005): the second of a cell counts 0.85 of its strength, the third 0.72, and so on.
 */
function* spread(blobs: Blob[], frame: Frame): Generator<Blob> {
  const queues = queuesOf(blobs, frame);
  for (let left = blobs.length; left > 0; left--) {
    // Within a cell worth only falls, so the next of all is the next of one of the cells.
    const queue = queues.reduce((best, other) => (isBefore(other, best) ? other : best));
    yield queue.blobs[queue.taken++];
    const next = queue.blobs[queue.taken];
    queue.worth = next ? next.strength * DECAY ** queue.taken : Number.NEGATIVE_INFINITY;
  }
}

const isBefore = (a: Queue, b: Queue): boolean =>
  a.worth > b.worth || (a.worth === b.worth && a.orders[a.taken] < b.orders[b.taken]);

function queuesOf(blobs: Blob[], { width, height }: Frame): Queue[] {
  const queues = new Map<number, Queue>();
  blobs.forEach((blob, order) => {
    const cell = Math.floor((GRID * blob.x) / width) + GRID * Math.floor((GRID * blob.y) / height);
    const queue = queues.get(cell) ?? { blobs: [], orders: [], taken: 0, worth: blob.strength };
    queue.blobs.push(blob);
    queue.orders.push(order);
    queues.set(cell, queue);
  });
  return [...queues.values()];
}

function isNearAny(chosen: Blob[], blob: Blob): boolean {
  for (let i = 0; i < chosen.length; i++) if (isNear(chosen[i], blob)) return true;
  return false;
}

function isNear(a: Blob, b: Blob): boolean {
  const least = Math.min(a.sigma, b.sigma);
  const [across, down] = [Math.abs(a.x - b.x), Math.abs(a.y - b.y)];
  // Either alone is cheaper than `hypot`, and decides nearly always.
  if (across >= 2 * least || down >= 2 * least) return false;
  return Math.max(a.sigma, b.sigma) / least < 1.5 && Math.hypot(across, down) < 2 * least;
}

/** Which cells each bit compares. Bits 2i and 2i+1 are mirror images of each other, so a mirrored patch has them swapped. */
const PAIRS = pairs();

function pairs(): Int32Array {
  const chosen: number[] = [];
  let state = 1;
  const below = (n: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
  const mirrored = (cell: number) => cell - (cell % CELLS) + (CELLS - 1 - (cell % CELLS));
  while (chosen.length < 2 * BITS) {
    const [a, b] = [below(CELLS * CELLS), below(CELLS * CELLS)];
    const apart = Math.hypot((a % CELLS) - (b % CELLS), Math.floor(a / CELLS) - Math.floor(b / CELLS));
    if (apart < 2.5 || apart > 6.5 || mirrored(a) === b) continue;
    chosen.push(a, b, mirrored(a), mirrored(b));
  }
  return Int32Array.from(chosen);
}

const cells = new Float64Array(CELLS * CELLS);

function hashOf(cells: Float64Array): Hash {
  const hash = new Uint8Array(BITS / 8);
  for (let bit = 0; bit < BITS; bit++) {
    if (cells[PAIRS[2 * bit]] > cells[PAIRS[2 * bit + 1]]) hash[bit >> 3] |= 0x80 >> (bit & 7);
  }
  return hash;
}

/** The hash of the same patch in a mirrored picture. */
export function mirrorPatchHash(hash: Hash): Hash {
  return hash.map((byte) => ((byte & 0xaa) >> 1) | ((byte & 0x55) << 1));
}
