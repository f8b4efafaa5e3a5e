import type { Dihedral, Fingerprint, Hash, Hit, Query } from "../model.js";
import { distance, distanceWithin } from "./hash.js";

/** Turning one way undoes turning the other; the remaining symmetries undo themselves. */
export const INVERSE: Partial<Record<Dihedral, Dihedral>> = { rotate90: "rotate270", rotate270: "rotate90" };

/**
 * The hits of a submission's fingerprints on one reference, found from the reference's side: every view of the
 * reference is compared with every fingerprint. Exact, and the same hits a lookup would give: when a submission looks
 * like a view of the reference, the reference looks like the inverse view of the submission.
 */
export function hitsAgainst(fingerprints: Fingerprint[], referenceId: string, reference: Query[], withinBits: number): Hit[] {
  const hits: Hit[] = [];
  fingerprints.forEach((fingerprint, query) => {
    for (const known of reference) {
      if (known.algorithm !== fingerprint.algorithm) continue;
      for (const view of known.views) {
        const pdqDistance = distanceWithin(view.pdq, fingerprint.pdq, withinBits);
        if (pdqDistance === undefined) continue;
        hits.push({
          query,
          dihedral: INVERSE[view.dihedral] ?? view.dihedral,
          referenceId,
          referenceVariant: known.variant,
          referenceAtMs: known.atMs,
          referenceUntilMs: known.untilMs,
          pdqDistance,
          blockhashDistance: blockhashBetween(view.blockhash, fingerprint.blockhash),
        });
      }
    }
  });
  return hits;
}

/** A video's pictures have no blockhashes: their views none, and they themselves empty ones. */
export const blockhashBetween = (known: Hash | undefined, seen: Hash): number | undefined =>
  known && seen.length > 0 ? distance(known, seen) : undefined;
