import { groupBy } from "../fingerprint/group.js";
import { distance } from "../fingerprint/hash.js";
import { LISTED } from "../fingerprint/meta-pdq.js";
import { momentOf } from "../fingerprint/patch-hits.js";
import { PATCH_BYTES, PATCH_UNITS } from "../fingerprint/patches.js";
import type { Dihedral, Hash, Hit, KnownPatch, PatchHit, PatchSet } from "../model.js";
import type { Policy } from "./policy.js";
import { lookAgain, type Placement, SAME_KIND_BITS, type SecondLook } from "./second-look.js";
import { degreesOf, dihedralOf } from "./turns.js";

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
  /** Share of the known picture's patches that were found where they should be; 1 for whole pictures. */
  share: number;
  /** How near those are ({@link SecondLook}); 1 for whole pictures. */
  closeness: number;
  /** Where the known picture lies in the submission's, if parts say so, and how that was turned for it ({@link degreesOf}). */
  placement?: Placement;
  turnedDeg?: number;
}

/** Those that were seen: not only in place, as parts of another picture of the same kind of thing are. */
export const nearOnes = (agreements: Agreement[], { weakCloseness, nearDoubt, farDoubt }: Policy): Agreement[] =>
  agreements.filter(
    ({ bits, closeness, doubt }) => bits !== undefined || doubt <= farDoubt || (closeness >= weakCloseness && doubt <= nearDoubt),
  );

/** Tells, of some agreements of a reference of which `all` are all, those that show the known picture where the nearest does, as far as parts say where it is. */
export function whereNearest(all: Agreement[], { elsewhere, elsewhereCloseness }: Policy): (some: Agreement[]) => Agreement[] {
  const placed = all.filter((a) => a.placement !== undefined);
  if (placed.length === 0) return (some) => some;
  const where = middleOf(placed.reduce((a, b) => (b.closeness > a.closeness ? b : a)).placement!);
  return (some) =>
    some.filter(
      ({ placement, closeness }) =>
        placement === undefined || closeness >= elsewhereCloseness || isAlike(middleOf(placement), where, elsewhere),
    );
}

/** Where a placement has the known picture's point (0.5, 0.5), and how large it is. */
const middleOf = ({ x, y, size }: Placement): Middle => ({
  x: x + (size * PATCH_UNITS) / 2,
  y: y + (size * PATCH_UNITS) / 2,
  size,
});

/** The one that leaves least doubt; of several that leave next to none, the nearest. */
export const surestOf = (agreements: Agreement[]): Agreement =>
  agreements.reduce((a, b) => (b.doubt < a.doubt || (b.doubt === a.doubt && b.closeness > a.closeness) ? b : a));

/** Patches agree on where the known picture lies when their estimates of its middle differ by less, in longer sides, and those of its size by less than this factor. */
const SAME = { middle: 0.1, size: 1.27 };

/** A pair of pictures with fewer hits than this says nothing. */
export const LEAST_PATCHES = 3;

/** ... and so do fewer hits that agree, whatever a second look finds. */
const LEAST_AGREEING = 2;

/** Share of all placements that agree with a given one: a disc of radius 0.1 among 2 x 1 longer sides, and one step in six of size: 0.003. Texture repeats, so four times that. */
const CHANCE_AGREEMENT = 0.012;

/** Patches nearer to each other than this share of the larger one's side show the same thing, and count once. */
const OWN_PLACE = 0.5;

/**
 * Doubt left by a whole picture at this distance: a millionth at 0 bits, 1 in 8,000 at 24, 1 in 300 at 31, where PDQ's
 * authors set their threshold. On the scale of {@link alarmsOfPatches}; bench quality measures what comes of it.
 */
export const doubtOfBits = (bits: number): number => 10 ** (3.5 * (bits / 31) ** 2 - 6);

/**
 * Share of chance hits that are at most so many bits apart, 0 to 12; true ones lie at 4 or 5 (median; at 9 of 128). Of 3,716,532 pairs of kept patches of different files
 * 31,869 are within 12 bits, 7,725 within 9 and 1,028 within 6; each counts as often as an equal band would find it were its differences anywhere. No share is less than 0.005.
 */
const CHANCE_OF_BITS = [0.005, 0.005, 0.005, 0.01, 0.03, 0.07, 0.13, 0.22, 0.35, 0.5, 0.66, 0.83, 1];

/** So many hits are added to those of a pair when the chance of a distance is counted among them: a few say little. */
const HITS_TO_COUNT = 20;

/**
 * Of patches that agree, given their distances, among `hits` patch hits between two pictures, the best of `pairs`
 * pairs of pictures that were compared: how many agreements as good chance alone would give (an a-contrario number of
 * false alarms: Desolneux, Moisan, Morel, "From Gestalt Theory to Image Analysis", 2008). The larger the index, the more
 * it takes.
 *
 * @param elsewhere the distances of hits that do not agree, which are chance: between plain walls, skies and weaves, whose patches are all alike, nine
 * of a hundred pairs of patches are hits instead of one of two hundred, and near ones. Then nearness says less. Of 445 files made of five
 * such videos 14 matched a wrong one before that was counted, and since then one, which does show the same wall.
 */
export function alarmsOfPatches(distances: number[], hits: number, pairs: number, elsewhere: number[] = []): number {
  const chanceHere = (bits: number) => elsewhere.filter((other) => other <= bits).length / (hits + HITS_TO_COUNT);
  let alarms = pairs * hits;
  let best = Number.POSITIVE_INFINITY;
  [...distances]
    .sort((a, b) => a - b)
    .forEach((bits, i) => {
      alarms *= Math.max(CHANCE_OF_BITS[bits], chanceHere(bits)) * (i === 0 ? 1 : ((hits - i) / i) * CHANCE_AGREEMENT);
      if (i + 1 >= LEAST_AGREEING) best = Math.min(best, alarms);
    });
  return best;
}

/**
 * Chance that a patch of another picture is where a placement says. Among 2,260 pairs of different pictures of the tuning half, 2.6 % were
 * there, at the same place and at any; this is three times that, for pictures with much texture.
 */
const CHANCE_THERE = 0.08;

/** The chance that of `visible` patches of another picture so many or more are where they should be: a binomial tail. */
export function chanceOfThere(there: number, visible: number): number {
  let term = (1 - CHANCE_THERE) ** visible;
  let below = 0;
  for (let k = 0; k < there; k++) {
    below += term;
    term *= ((visible - k) / (k + 1)) * (CHANCE_THERE / (1 - CHANCE_THERE));
  }
  return there <= 0 ? 1 : Math.max(1e-12, 1 - below);
}

/**
 * Whether a second look confirms patches that agree. Of 872 true pairs three in four have two thirds of their patches there; of
 * twelve false ones eleven have at most a third, so less is only enough when the patches that agree leave next to no doubt.
 */
function isConfirmedBy({ visible, there, parts, partsThere }: SecondLook, doubt: number): boolean {
  const least = doubt < 1e-5 ? { there: 0.25, parts: 0.35 } : { there: 0.37, parts: 0.45 };
  return there >= LEAST_PATCHES && there >= least.there * visible && partsThere >= least.parts * parts;
}

/** A blockhash this near confirms a still; those of different pictures lie around 128, and seldom under 80. */
const CONFIRMING_BITS = 56;
const CONFIRMED = 0.02;

const isConfirmed = ({ blockhashDistance }: Hit): boolean =>
  blockhashDistance !== undefined && blockhashDistance <= CONFIRMING_BITS;

const isPart = (variant: string): boolean => variant !== "full" && variant !== LISTED;

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
      doubt: doubtOfBits(hit.pdqDistance) * (isConfirmed(hit) ? CONFIRMED : 1),
      part: isPart(variant) || isPart(hit.referenceVariant),
      share: 1,
      closeness: 1,
    };
  });
}

/**
 * Pairs of pictures in which enough patches agree on one similarity (shift and size) between them, and which a second look
 * at all patches of the known picture confirms; by reference.
 *
 * @param hits on all references
 * @param moments all patches of the moments that the hits are about
 */
export function partAgreements(hits: PatchHit[], moments: Map<string, KnownPatch[]>, sets: PatchSet[]): Map<string, Agreement[]> {
  const groups = groupBy([...hits].sort(byValue), (h) => `${h.query} ${h.mirrored} ${momentOf(h.referenceId, h.referenceAtMs)}`);
  const pairs = [...groups.values()].filter((pair) => pair.length >= LEAST_PATCHES);
  const agreements = new Map<string, Agreement[]>();
  const turnedPairs = pairs.filter(([{ query }]) => sets[query].turned !== undefined).length;
  for (const pair of pairs) {
    const [{ query, mirrored, referenceId, referenceAtMs, referenceUntilMs }] = pair;
    const set = sets[query];
    const guesses = pair.map((hit) => guessOf(hit, set));
    const agreeing = largestConsensus(guesses);
    if (agreeing.length < LEAST_AGREEING) continue;
    const alarms = alarmsOfPatches(
      agreeing.map((a) => a.distance),
      pair.length,
      set.turned ? turnedPairs : pairs.length - turnedPairs,
      guesses.filter((guess) => !agreeing.some((a) => agrees(guess, a))).map((guess) => guess.distance),
    );
    const placement = placementOf(agreeing, mirrored);
    const look = lookAgain(placement, [...(moments.get(momentOf(referenceId, referenceAtMs)) ?? [])].sort(byPlace), set);
    // Those that agree are there because they agree; the others are there, or not, by themselves.
    const others = chanceOfThere(look.kinds - agreeing.length, look.looked - agreeing.length);
    const doubt = Math.max(1e-12, alarms * others);
    if (doubt >= 1 || !isConfirmedBy(look, doubt)) continue;
    const { atMs, untilMs } = set;
    const { share, closeness } = look;
    const turnedDeg = degreesOf(set);
    const dihedral = dihedralOf(mirrored, turnedDeg);
    const agreement: Agreement = {
      ...{ atMs, untilMs, referenceAtMs, referenceUntilMs, dihedral },
      ...{ doubt, part: true, share, closeness, placement, turnedDeg },
    };
    agreements.set(referenceId, [...(agreements.get(referenceId) ?? []), agreement]);
  }
  return agreements;
}

/** Ties are broken by the first, so the order must not depend on who found the hits. */
const byValue = (a: PatchHit, b: PatchHit): number =>
  a.query - b.query ||
  a.referenceAtMs - b.referenceAtMs ||
  Number(a.mirrored) - Number(b.mirrored) ||
  a.distance - b.distance ||
  a.patch - b.patch ||
  byPlace(a.known, b.known) ||
  (a.referenceId < b.referenceId ? -1 : 1);

type Place = { x: number; y: number; side: number };
const byPlace = (a: Place, b: Place): number => a.x - b.x || a.y - b.y || a.side - b.side;

/** What one hit says of where the known picture lies in the submission's: the place of its point (0.5, 0.5), and its size. */
interface Guess {
  known: PatchHit["known"];
  patch: number;
  distance: number;
  seen: { x: number; y: number };
  hash: Hash;
  x: number;
  y: number;
  size: number;
}

function guessOf(hit: PatchHit, { width, places, hashes }: PatchSet): Guess {
  const [x, y, side] = places.subarray(3 * hit.patch, 3 * hit.patch + 3);
  const size = side / hit.known.side;
  const seen = { x: hit.mirrored ? width - x : x, y };
  const middle = PATCH_UNITS / 2;
  const at = { x: seen.x + (middle - hit.known.x) * size, y: seen.y + (middle - hit.known.y) * size };
  const hash = hashes.subarray(PATCH_BYTES * hit.patch, PATCH_BYTES * (hit.patch + 1));
  return { known: hit.known, patch: hit.patch, distance: hit.distance, seen, hash, ...at, size };
}

/** The similarity that fits best (least squares) where agreeing patches are known and seen. */
function placementOf(guesses: Guess[], mirrored: boolean): Placement {
  const mean = (of: (g: Guess) => number) => guesses.reduce((sum, g) => sum + of(g), 0) / guesses.length;
  const [kx, ky, sx, sy] = [mean((g) => g.known.x), mean((g) => g.known.y), mean((g) => g.seen.x), mean((g) => g.seen.y)];
  const spread = mean((g) => (g.known.x - kx) ** 2 + (g.known.y - ky) ** 2);
  const common = mean((g) => (g.known.x - kx) * (g.seen.x - sx) + (g.known.y - ky) * (g.seen.y - sy));
  const size = spread > 0 ? common / spread : guesses[0].size;
  return { x: sx - size * kx, y: sy - size * ky, size, mirrored };
}

/** The patches, each in its own place and on another thing in the submission, that agree with the best-supported guess. */
function largestConsensus(guesses: Guess[]): Guess[] {
  let best: Guess[] = [];
  for (const centre of guesses) {
    const near = guesses.filter((p) => agrees(p, centre));
    if (near.length <= best.length) continue;
    const counted = inOwnPlaces(near);
    if (counted.length > best.length) best = counted;
  }
  return best;
}

function inOwnPlaces(guesses: Guess[]): Guess[] {
  const counted: Guess[] = [];
  for (const p of [...guesses].sort((a, b) => a.distance - b.distance)) {
    const alone = counted.every(
      (c) =>
        distance(c.hash, p.hash) >= SAME_KIND_BITS &&
        Math.hypot(c.known.x - p.known.x, c.known.y - p.known.y) > OWN_PLACE * Math.max(c.known.side, p.known.side),
    );
    if (alone) counted.push(p);
  }
  return counted;
}

const agrees = (a: Guess, b: Guess): boolean => isAlike(a, b, SAME);

type Middle = Pick<Guess, "x" | "y" | "size">;

function isAlike(a: Middle, b: Middle, within: Policy["elsewhere"]): boolean {
  const ratio = a.size > b.size ? a.size / b.size : b.size / a.size;
  return ratio < within.size && Math.hypot(a.x - b.x, a.y - b.y) < within.middle * PATCH_UNITS * Math.max(1, b.size);
}
