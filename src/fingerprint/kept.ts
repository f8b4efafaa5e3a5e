import type { MediaKind, PatchSet } from "../model.js";
import { distance } from "./hash.js";
import { PATCH_WITHIN_BITS } from "./patch-hits.js";
import { PATCH_BYTES, placeTolerance } from "./patches.js";

/**
 * Of which pictures an index keeps patches: one in 1.9 s, or sooner where the last had few, and none that the last one kept is still seen in. On fast
 * clips of 1 to 14 s 18 patches find crops and insets that 12 miss (of the tuning half 33 of 34 against 28 crops by 30 %); leaving out
 * what is still seen saves an eighth of all bytes and misses nothing more. One in 2.9 s finds 105 of 128 stills of videos on three sets, one in 1.9 s 112 (docs/detection-experiments.md).
 */
export const KEPT = {
  patchStepMs: 1_900,
  patchesPerVideoFrame: 18,
  patchesPerImage: 48,
};

/**
 * At most so many of the patches that are kept are hits of each other, as long as there are others. Flags, bricks and blinds are full of strong patches that all look alike,
 * and say next to nothing of where they are: of a woman before a flag 17 of 18 lay on the flag, and of 19 copies that were missed for it (all crops, tilts, screens) 16 are found with this
 * (docs/detection-experiments.md). With one of a kind, what repeats a little (eyes, windows) is lost as well, and with it copies of drawn films.
 */
const MOST_ALIKE = 2;

/** With such a share of its patches in place, and of those that would be kept now, a picture is still seen; but not for longer than this. */
const STILL_SEEN = 0.6;
const LONGEST_MS = 10_000;

/** The patch sets to keep, with the first patches of each. */
export function keptPatchSets(sets: PatchSet[], kind: MediaKind): PatchSet[] {
  const count = kind === "image" ? KEPT.patchesPerImage : KEPT.patchesPerVideoFrame;
  const kept: PatchSet[] = [];
  for (const set of sets) {
    const last = kept.at(-1);
    if (last && (isTooSoon(set, last, count) || isStillSeen(set, last, count))) continue;
    kept.push(onlyOf(set, mostTelling(hashesOf(set), count)));
  }
  return kept;
}

/** Few patches are followed the sooner, so that no more are kept of a minute for it. */
const isTooSoon = (set: PatchSet, last: PatchSet, count: number): boolean =>
  set.untilMs - last.untilMs <= (KEPT.patchStepMs * sizeOf(last)) / count;

function isStillSeen(set: PatchSet, last: PatchSet, count: number): boolean {
  const fresh = Math.min(sizeOf(set), count);
  return set.untilMs - last.untilMs < LONGEST_MS && seenIn(set, last) >= STILL_SEEN * Math.max(sizeOf(last), fresh);
}

const sizeOf = ({ places }: PatchSet): number => places.length / 3;

const hashesOf = (set: PatchSet): Uint8Array[] =>
  Array.from({ length: sizeOf(set) }, (_, i) => set.hashes.subarray(PATCH_BYTES * i, PATCH_BYTES * (i + 1)));

/** Which `count` of some patches, given strongest first, say most: the strongest, but of those that look alike only {@link MOST_ALIKE} before all others. */
export function mostTelling(hashes: Uint8Array[], count: number): number[] {
  const chosen: number[] = [];
  const alike: number[] = [];
  for (let i = 0; i < hashes.length && chosen.length < count; i++) {
    const others = chosen.filter((j) => distance(hashes[i], hashes[j]) <= PATCH_WITHIN_BITS).length;
    (others < MOST_ALIKE ? chosen : alike).push(i);
  }
  return [...chosen, ...alike].slice(0, count);
}

/** A set with only the patches at these places in it, in that order. */
export function onlyOf(set: PatchSet, indices: number[]): PatchSet {
  const places = Uint16Array.from(indices.flatMap((i) => [...set.places.subarray(3 * i, 3 * i + 3)]));
  const hashes = new Uint8Array(PATCH_BYTES * indices.length);
  for (const [place, i] of indices.entries()) {
    hashes.set(set.hashes.subarray(PATCH_BYTES * i, PATCH_BYTES * (i + 1)), PATCH_BYTES * place);
  }
  return { ...set, places, hashes };
}

/** How many of the patches of `known` are in place in `set`. */
function seenIn(set: PatchSet, known: PatchSet): number {
  let seen = 0;
  for (let i = 0; i < sizeOf(known); i++) {
    const [x, y, side] = known.places.subarray(3 * i, 3 * i + 3);
    if (isInPlace(x, y, placeTolerance(side), known.hashes.subarray(PATCH_BYTES * i, PATCH_BYTES * (i + 1)), set)) seen++;
  }
  return seen;
}

/** Whether a set has a patch that is like this one, within `near` of its place either way. Lengths in 1/4096 of the longer side. */
export function isInPlace(x: number, y: number, near: number, hash: Uint8Array, { places, hashes }: PatchSet): boolean {
  for (let j = 0; 3 * j < places.length; j++) {
    if (Math.abs(places[3 * j] - x) > near || Math.abs(places[3 * j + 1] - y) > near) continue;
    if (distance(hashes.subarray(PATCH_BYTES * j, PATCH_BYTES * (j + 1)), hash) <= PATCH_WITHIN_BITS) return true;
  }
  return false;
}
