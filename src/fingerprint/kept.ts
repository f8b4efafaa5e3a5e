import type { MediaKind, PatchSet } from "../model.js";
import { PATCH_BYTES } from "./patches.js";

/**
 * What an index keeps of a reading. Every sampled picture that thinning left has its fingerprint kept, so that a still taken
 * from a moving video lies within a quarter of a second of one. Patches, which are larger, are kept of a picture every
 * three seconds; a query has some every second.
 */
export const KEPT = {
  patchStepMs: 2_900,
  patchesPerVideoFrame: 12,
  patchesPerImage: 48,
};

/** The patch sets to keep: about one every three seconds, with the strongest patches of each. */
export function keptPatchSets(sets: PatchSet[], kind: MediaKind): PatchSet[] {
  const count = kind === "image" ? KEPT.patchesPerImage : KEPT.patchesPerVideoFrame;
  let before = Number.NEGATIVE_INFINITY;
  const kept = sets.filter((set) => {
    if (set.untilMs - before < KEPT.patchStepMs) return false;
    before = set.untilMs;
    return true;
  });
  return kept.map((set) => ({
    ...set,
    places: set.places.subarray(0, 3 * count),
    hashes: set.hashes.subarray(0, PATCH_BYTES * count),
  }));
}
