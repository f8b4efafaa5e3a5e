import { distance } from "../fingerprint/hash.js";
import type { Dihedral, Fingerprint, View } from "../model.js";

/**
 * Of 23 known stills of the corpus, an emoji over 15 % of the picture moves the hash by 42 to 96 bits (one: 122), captions, logos and watermarks by
 * 4 to 74; other stills lie at 102 and more (92 altered stills, each against the 22 others).
 */
const COVERED_BITS = 96;

/** Blocks that agree by chance: half of the blockhash's 256. */
const CHANCE_BLOCKS = 128;

/**
 * The share of a still that is found block by block, as if the rest agreed by chance. An emoji over 15 % leaves 0.47 to 0.86 (one: 0.39), another
 * still gives 0.45 at most. 0 where whole pictures differ by more than something laid upon one.
 */
export function shareOfBlocks(
  fingerprints: (Fingerprint & { views?: View[] })[],
  dihedral: Dihedral,
  known: Fingerprint,
): number {
  const views = fingerprints
    .filter((f) => f.algorithm === known.algorithm)
    .flatMap((f): View[] => f.views ?? [{ ...f, dihedral: "original" }])
    .filter((v) => v.dihedral === dihedral && distance(v.pdq, known.pdq) <= COVERED_BITS);
  const bits = views.flatMap(({ blockhash }) =>
    blockhash && known.blockhash.length > 0 ? [distance(blockhash, known.blockhash)] : [],
  );
  return Math.max(0, 1 - Math.min(...bits) / CHANCE_BLOCKS);
}
