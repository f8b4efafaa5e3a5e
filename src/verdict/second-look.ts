import { distance } from "../fingerprint/hash.js";
import { mirrorPatchHash, PATCH_BYTES, PATCH_UNITS, placeTolerance } from "../fingerprint/patches.js";
import { cosAndSin } from "../fingerprint/turn.js";
import type { Hash, KnownPatch, PatchSet } from "../model.js";
import { degreesOf } from "./turns.js";

/** Where a known picture lies in a submission's: `seen = offset + size * known`, lengths in 1/4096 of the longer sides. */
export interface Placement {
  x: number;
  y: number;
  size: number;
  mirrored: boolean;
}

/** What a second look found at the places where the known picture's patches should be. */
export interface SecondLook {
  /** Known patches that were looked for: those whose place lies inside the submission's picture. */
  looked: number;
  /** Of those the ones that must be seen if it is the known picture, or are; and how many are there. */
  visible: number;
  there: number;
  /** How many different things those are: bars and weaves repeat one patch all over. */
  kinds: number;
  /** Of sixteen parts of the known picture, those with visible patches, and those of which a patch is there. */
  parts: number;
  partsThere: number;
  /** The share of the known picture that is there: of patches that must be seen, or of all where those are few. */
  share: number;
  /** How near those are, over all of them: 1 were all there bit for bit, 0 when none is nearer than {@link FAR_BITS}. */
  closeness: number;
}

/** A patch in its predicted place need not be as near as one found anywhere: of 3,716,532 pairs of patches of different files 220,991 are this near. */
export const THERE_BITS = 18;

/**
 * In place, but no nearer than this, says nothing: patches of true copies lie at 4 bits (median), those of another face, which has its eyes and its outline
 * where the known one has them, at 10 or 11 (measured with 128 bits: 8 and 21).
 */
const FAR_BITS = 12;

/** How different in size from what a placement predicts. */
const SIZE_RATIO = 1.35;

/** Parts a side that the known picture is divided into. */
const GRID = 4;

/** With fewer patches that must be seen, the share is that of all. */
const FEW = 4;

/**
 * Goes through all patches of a known picture and looks whether each is where a placement says it must be. A few patches agree by
 * chance, or because two pictures share a caption or a logo; then most others are missing.
 *
 * Four in ten patches are of the smallest or the largest size there is. In another framing they may be of none, so that one that is missing says
 * little, but one that is there says as much as any: not counting them at all, as before, left 1 of 18 patches of a turning weave, of which ten agreed.
 */
export function lookAgain(placement: Placement, known: KnownPatch[], set: PatchSet): SecondLook {
  const parts = new Map<number, boolean>();
  const seen: Hash[] = [];
  const [all, sure] = [newCount(), newCount()];
  for (const { patch, mustBeSeen, there } of placesOf(placement, known, set)) {
    for (const count of mustBeSeen ? [all, sure] : [all]) {
      count.visible++;
      if (!there) continue;
      count.there++;
      count.nearness += Math.max(0, 1 - there.bits / FAR_BITS);
    }
    if (there) seen.push(there.hash);
    const part = partOf(patch);
    if (there || mustBeSeen) parts.set(part, (parts.get(part) ?? false) || there !== undefined);
  }
  const { visible, there, nearness } = sure.visible >= FEW ? sure : all;
  return {
    looked: all.visible,
    visible: sure.visible + (all.there - sure.there),
    there: all.there,
    kinds: kindsOf(seen),
    parts: parts.size,
    partsThere: [...parts.values()].filter(Boolean).length,
    share: visible > 0 ? there / visible : 0,
    closeness: visible > 0 ? nearness / visible : 0,
  };
}

/** A known patch whose place lies inside the submission's picture, whether it must be seen there if it is the known picture, and what is there. */
export interface PlaceOfPatch {
  patch: KnownPatch;
  mustBeSeen: boolean;
  there?: PatchThere;
}

/** A patch of the submission, by its number in its set, and how many bits it differs by. */
interface PatchThere {
  index: number;
  hash: Hash;
  bits: number;
}

/** Where the known picture's patches should be, and whether they are. */
export function placesOf(placement: Placement, known: KnownPatch[], set: PatchSet): PlaceOfPatch[] {
  const isInside = insideOf(set, placement.mirrored);
  return known.flatMap((patch) => {
    const x = placement.x + placement.size * patch.x;
    const y = placement.y + placement.size * patch.y;
    const side = placement.size * patch.side;
    if (!isOfSize(side, FOUND_SIDES) || !isInside(x, y, side)) return [];
    const there = whatIsThere(patch, x, y, side, placement.mirrored, set);
    return [{ patch, mustBeSeen: isOfSize(side, SURE_SIDES), ...(there && { there }) }];
  });
}

const newCount = () => ({ visible: 0, there: 0, nearness: 0 });

/** Patches of one picture that differ by fewer bits show the same thing. Of 1,128 pairs of patches of a photograph one in a hundred does (measured with 128 bits: by fewer than 30). */
export const SAME_KIND_BITS = 15;

function kindsOf(hashes: Hash[]): number {
  const kinds: Hash[] = [];
  for (const hash of hashes) if (kinds.every((kind) => distance(kind, hash) >= SAME_KIND_BITS)) kinds.push(hash);
  return kinds.length;
}

/** Sides of patches, in longer sides: a blob's filter is 15 to 99 of at most 256 pixels (see `blobs.ts`), which gives 0.08 to 0.52; and those that are found wherever they are. */
const FOUND_SIDES = { least: 0.07, most: 0.54 };
const SURE_SIDES = { least: 0.09, most: 0.5 };

const isOfSize = (side: number, { least, most }: { least: number; most: number }): boolean =>
  side > least * PATCH_UNITS && side < most * PATCH_UNITS;

/** Blobs nearer to the edge than this share of their patch's side are not looked for (4.5 of 10 sigmas, see `blobs.ts`). */
const MARGIN = 0.46;

/** Tells whether a place lies inside the submission's picture; where that was turned, inside the picture as it is. */
function insideOf(set: PatchSet, mirrored: boolean): (x: number, y: number, side: number) => boolean {
  const { width, height } = set;
  const picture = set.turned ?? { width, height };
  const [cos, sin] = cosAndSin(degreesOf(set));
  return (x, y, side) => {
    const [across, down] = [mirrored ? width / 2 - x : x - width / 2, y - height / 2];
    return (
      Math.abs(cos * across + sin * down) < picture.width / 2 - MARGIN * side &&
      Math.abs(cos * down - sin * across) < picture.height / 2 - MARGIN * side
    );
  };
}

const partOf = ({ x, y }: KnownPatch): number =>
  Math.floor((GRID * x) / PATCH_UNITS) + GRID * Math.floor((GRID * y) / PATCH_UNITS);

/** The first patch that is where `patch` should be, and how many bits it differs by. */
function whatIsThere(
  patch: KnownPatch,
  x: number,
  y: number,
  side: number,
  mirrored: boolean,
  { width, places, hashes }: PatchSet,
): PatchThere | undefined {
  const near = placeTolerance(side);
  for (let i = 0; 3 * i < places.length; i++) {
    const seenX = mirrored ? width - places[3 * i] : places[3 * i];
    if (Math.abs(seenX - x) > near || Math.abs(places[3 * i + 1] - y) > near) continue;
    const ratio = places[3 * i + 2] / side;
    if (ratio > SIZE_RATIO || ratio < 1 / SIZE_RATIO) continue;
    const hash = hashes.subarray(i * PATCH_BYTES, (i + 1) * PATCH_BYTES);
    const bits = distance(mirrored ? mirrorPatchHash(hash) : hash, patch.hash);
    if (bits <= THERE_BITS) return { index: i, hash, bits };
  }
  return undefined;
}
