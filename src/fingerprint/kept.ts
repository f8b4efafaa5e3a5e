import type { Fingerprint, MediaKind, PatchSet } from "../model.js";

/**
 * What is kept of a reading in an index. A query uses twice as many moments as are kept, so that each kept moment has one
 * of the query's within a quarter of a second.
 */
export const KEPT = {
  /** Least time between two kept fingerprints of one variant. */
  fingerprintStepMs: 900,
  patchStepMs: 1_900,
  patchesPerVideoFrame: 12,
  patchesPerImage: 48,
};

/** The fingerprints to keep: about one a second; one that stands for long is kept whole. */
export function keptFingerprints<T extends Fingerprint>(fingerprints: T[]): T[] {
  return spaced(fingerprints, KEPT.fingerprintStepMs, (f) => f.variant);
}

/** The patch sets to keep: about one every two seconds, with the strongest patches of each. */
export function keptPatchSets(sets: PatchSet[], kind: MediaKind): PatchSet[] {
  const count = kind === "image" ? KEPT.patchesPerImage : KEPT.patchesPerVideoFrame;
  return spaced(sets, KEPT.patchStepMs, () => "").map((set) => ({ ...set, patches: set.patches.slice(0, count) }));
}

function spaced<T extends { atMs: number; untilMs: number }>(items: T[], stepMs: number, kindOf: (item: T) => string): T[] {
  const last = new Map<string, number>();
  return items.filter((item) => {
    const kind = kindOf(item);
    const before = last.get(kind) ?? Number.NEGATIVE_INFINITY;
    if (item.untilMs - before < stepMs) return false;
    last.set(kind, item.untilMs);
    return true;
  });
}
