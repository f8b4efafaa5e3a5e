import { distance } from "../fingerprint/hash.js";
import { blockhashBetween, INVERSE } from "../fingerprint/hits-against.js";
import type { Dihedral, Fingerprint, View } from "../model.js";

/** A past submission's pictures have no views; then those of a reference that has just been read are used. */
export type Picture = Fingerprint & { views?: View[] };

/** Views of the one, and the other as it is, that show the same way up when the submission was turned by `dihedral`. */
function pairsOf(seen: Picture, known: Picture, dihedral: Dihedral): { view: View; other: Fingerprint }[] {
  if (seen.algorithm !== known.algorithm) return [];
  const views = seen.views?.filter((v) => v.dihedral === dihedral) ?? [];
  if (views.length > 0) return views.map((view) => ({ view, other: known }));
  const inverse = INVERSE[dihedral] ?? dihedral;
  return (known.views ?? []).filter((v) => v.dihedral === inverse).map((view) => ({ view, other: seen }));
}

/** The least distance between the two pictures, if either has views. */
export function bitsBetween(seen: Picture, known: Picture, dihedral: Dihedral): number | undefined {
  const pairs = pairsOf(seen, known, dihedral);
  return pairs.length > 0 ? Math.min(...pairs.map(({ view, other }) => distance(view.pdq, other.pdq))) : undefined;
}

/**
 * Of 23 known stills of the corpus, an emoji over 15 % of the picture moves the hash by 42 to 96 bits (one: 122), captions, logos and watermarks by
 * 4 to 74; other stills lie at 102 and more (92 altered stills, each against the 22 others).
 */
const COVERED_BITS = 96;

/** Blocks that agree by chance: half of the blockhash's 256. */
const CHANCE_BLOCKS = 128;

/**
 * The share of a still that is found block by block, as if the rest agreed by chance. An emoji over 15 % leaves 0.47 to 0.86 (one: 0.39), another
 * still gives 0.45 at most. 0 where whole pictures differ by more than something laid upon one, and of pictures of videos, which keep no blockhash.
 */
export function shareOfBlocks(seen: Picture[], known: Picture, dihedral: Dihedral): number {
  if (known.blockhash.length === 0) return 0;
  const bits = seen
    .flatMap((picture) => pairsOf(picture, known, dihedral))
    .filter(({ view, other }) => distance(view.pdq, other.pdq) <= COVERED_BITS)
    .map(({ view, other }) => blockhashBetween(view.blockhash, other.blockhash))
    .filter((distance) => distance !== undefined);
  return Math.max(0, 1 - Math.min(...bits) / CHANCE_BLOCKS);
}
