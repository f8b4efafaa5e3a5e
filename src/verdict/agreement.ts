import type { Dihedral, Hit, PatchHit, PatchSet } from "../model.js";
import { groupBy } from "./group.js";

/** One moment of the submission that looks like one moment of a reference, however that was seen. */
export interface Agreement {
  atMs: number;
  untilMs: number;
  referenceAtMs: number;
  referenceUntilMs: number;
  dihedral: Dihedral;
  /** Of 256 bits for whole pictures; undefined when only parts agree. */
  bits?: number;
  /** The chance, as far as this moment alone tells, that it is a coincidence: 0-1. */
  doubt: number;
  /** Whether only a part of either picture was compared. */
  part: boolean;
}

/** Patches agree on where the known picture lies when their estimates of its middle differ by less, in longer sides. */
const SAME_PLACE = 0.1;

/** ... and their estimates of its size by less than this factor. */
const SAME_SIZE = 1.27;

/** Fewer agreeing patches than this happen between different pictures (never more than 2 of 12 among 306 pairs). */
const LEAST_PATCHES = 3;

/** Doubt left by a whole picture at this distance; measured in bench quality. */
export const doubtOfBits = (bits: number): number => 0.01 + 0.5 * (bits / 31) ** 3;

/** Doubt left by so many patches that agree: a quarter for each beyond the second. */
export const doubtOfPatches = (count: number): number => Math.max(0.005, 0.25 ** (count - 2));

/** Whole-picture hits as agreements. */
export function wholeAgreements(hits: Hit[], moments: { atMs: number; untilMs: number; variant: string }[]): Agreement[] {
  return hits.map((hit) => {
    const { atMs, untilMs, variant } = moments[hit.query];
    return {
      atMs,
      untilMs,
      referenceAtMs: hit.referenceAtMs,
      referenceUntilMs: hit.referenceUntilMs,
      dihedral: hit.dihedral,
      bits: hit.pdqDistance,
      doubt: doubtOfBits(hit.pdqDistance),
      part: variant !== "full" || hit.referenceVariant !== "full",
    };
  });
}

/**
 * Pairs of pictures in which enough patches agree on one similarity (shift and size) between them. The hits are of one
 * reference.
 */
export function partAgreements(hits: PatchHit[], sets: PatchSet[]): Agreement[] {
  const pairs = groupBy(hits, (h) => `${h.query} ${h.referenceAtMs} ${h.mirrored}`);
  const agreements: Agreement[] = [];
  for (const pair of pairs.values()) {
    if (pair.length < LEAST_PATCHES) continue;
    const count = largestConsensus(pair.map((hit) => placementOf(hit, sets[hit.query])));
    if (count < LEAST_PATCHES) continue;
    const [{ query, mirrored, referenceAtMs, referenceUntilMs }] = pair;
    const { atMs, untilMs } = sets[query];
    agreements.push({
      atMs,
      untilMs,
      referenceAtMs,
      referenceUntilMs,
      dihedral: mirrored ? "flipy" : "original",
      doubt: doubtOfPatches(count),
      part: true,
    });
  }
  return agreements;
}

/** Where a hit says that the known picture lies in the submission's: the place of its point (0.5, 0.5), and its size. */
interface Placement {
  known: string;
  patch: number;
  x: number;
  y: number;
  size: number;
}

function placementOf(hit: PatchHit, set: PatchSet): Placement {
  const { x, y, side } = set.patches[hit.patch];
  const size = side / hit.known.side;
  const seenX = hit.mirrored ? set.width - x : x;
  return {
    known: hit.known.id,
    patch: hit.patch,
    x: seenX + (0.5 - hit.known.x) * size,
    y: y + (0.5 - hit.known.y) * size,
    size,
  };
}

/** How many different known patches, on different patches of the submission, agree with the best-supported placement. */
function largestConsensus(placements: Placement[]): number {
  let best = 0;
  for (const centre of placements) {
    const near = placements.filter((p) => agrees(p, centre));
    best = Math.max(best, Math.min(new Set(near.map((p) => p.known)).size, new Set(near.map((p) => p.patch)).size));
  }
  return best;
}

function agrees(a: Placement, b: Placement): boolean {
  const ratio = a.size > b.size ? a.size / b.size : b.size / a.size;
  return ratio < SAME_SIZE && Math.hypot(a.x - b.x, a.y - b.y) < SAME_PLACE * Math.max(1, b.size);
}
