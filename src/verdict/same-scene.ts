import { distance } from "../fingerprint/hash.js";
import { isInPlace, KEPT, mostTelling } from "../fingerprint/kept.js";
import { momentOf, PATCH_WITHIN_BITS } from "../fingerprint/patch-hits.js";
import { PATCH_BYTES, PATCH_UNITS } from "../fingerprint/patches.js";
import type { Dihedral, Fingerprint, KnownMaterial, KnownPatch, MediaKind, PatchSet } from "../model.js";
import type { Agreement } from "./agreement.js";
import { momentsOf } from "./align.js";
import { isUnmoved } from "./closer-look.js";
import { bitsBetween, type Picture } from "./compare-pictures.js";
import type { Policy } from "./policy.js";
import { placesOf } from "./second-look.js";
import { degreesOf } from "./turns.js";

/**
 * Whether all that says that a video shows a known one may be that both were filmed in one place: what stands still in it agrees, and what moves
 * does not. Of 12 films of people before one wall, each in signs of his own, nine matched one of two that were known, and a copy of the one matched the
 * other as well; of 218 such false matches 43 are left, of 2,272 true ones 16 are for review (docs/detection-experiments.md).
 *
 * Where whole pictures agree at a third of the moments it is not asked. Nor where nothing moves in the known video: then there is nothing else to agree.
 *
 * @param agreements of one reference, at least one
 * @param moments all patches of the reference's moments
 * @param material all that is known of the reference around what was found; without it the known video is taken to move
 */
export function isAnotherShot(
  referenceId: string,
  agreements: Agreement[],
  sets: PatchSet[],
  moments: Map<string, KnownPatch[]>,
  material: KnownMaterial | undefined,
  { withinBits, sceneCloseness }: Policy,
): boolean {
  const whole = agreements.filter(({ bits }) => bits !== undefined && bits <= withinBits);
  if (3 * momentsOf(whole) >= momentsOf(agreements)) return false;
  if (material && !moves(material.fingerprints)) return false;
  const standing = standingOf(referenceId, agreements, sets, moments);
  if (!standing || !isStill(standing)) return false;
  const { still, moving, missing } = standing;
  if (missing >= LEAST_MISSING && missing >= MISSING_SHARE * (still + moving + missing)) return true;
  return Math.max(...agreements.map((a) => (a.placement ? a.closeness : 0))) < sceneCloseness;
}

/** So few patches that are there may move by chance, or so small a share of those that stand still. */
const LEAST_STILL = 2;
const FEW_MOVING = 2;
const MOVING_SHARE = 0.3;

/** So many patches are missing that it is no chance, and not a logo. */
const LEAST_MISSING = 2;
const MISSING_SHARE = 0.2;

const isStill = ({ still, moving }: Standing): boolean =>
  still >= LEAST_STILL && moving <= Math.max(FEW_MOVING, MOVING_SHARE * still);

/** Pictures of one shot in which something moves differ by more than this somewhere: of flowing water by 14, of a person who gestures by 36 and more. */
const MOVES_BITS = 24;

/** Of a long video the first pictures tell. */
const MOST_COMPARED = 200;

function moves(fingerprints: Fingerprint[]): boolean {
  const full = fingerprints.filter((f) => f.variant === "full").slice(0, MOST_COMPARED);
  return full.some((a, i) => full.slice(i + 1).some((b) => distance(a.pdq, b.pdq) >= MOVES_BITS));
}

/** Of a still and a known one: less of it is there than this, and what is there is less near, on average. An emoji leaves what it does not cover as it was. */
const MUCH_THERE = 0.8;
const NEAR_THERE = 0.65;

/** Of a still and a known video, of which fewer patches are kept: less than this is there, or not nearly all. */
const SHOT_THERE = { least: 0.7, most: 0.9 };

/** Where the known picture lies where it was, whole pictures that differ by no more than this are the same shot, and those that differ by more than that another. */
const WHOLE_BITS = { same: 48, other: 56 };

/**
 * Whether a still that is found by its parts alone, or a video that shows a known still so, may be another picture of the same place. Of 36 pairs of a still of the people
 * before one wall and a known video of another that matched ten are left, and of 59 with a known still 15; of 29 and 592 true copies found by parts one and seven are for review.
 *
 * @param kind of the reference
 * @param known all that is known of the reference around what was found; without it nothing is said
 */
export function isAnotherPicture(
  kind: MediaKind,
  agreements: Agreement[],
  seen: Picture[],
  known: Fingerprint[] | undefined,
  dihedral: Dihedral,
): boolean {
  const placed = agreements.filter((a) => a.placement !== undefined);
  if (!known || placed.length === 0 || agreements.some((a) => a.bits !== undefined)) return false;
  const { share, closeness, placement } = placed.reduce((a, b) =>
    b.share > a.share || (b.share === a.share && b.closeness > a.closeness) ? b : a,
  );
  const unmoved = isUnmoved(placement);
  if (kind === "image") return unmoved && share < MUCH_THERE && closeness < NEAR_THERE * share;
  const bits = unmoved ? leastBits(seen, known, dihedral) : undefined;
  if (share < SHOT_THERE.least) return bits === undefined || bits > WHOLE_BITS.same;
  return bits !== undefined && bits > WHOLE_BITS.other && share < SHOT_THERE.most;
}

/** Between the whole pictures that are most alike, seen as the reference is. */
const leastBits = (seen: Picture[], known: Fingerprint[], dihedral: Dihedral): number =>
  seen.reduce(
    (least, picture) => known.reduce((l, other) => Math.min(l, bitsBetween(picture, other, dihedral) ?? l), least),
    Number.POSITIVE_INFINITY,
  );

/** Of a known picture's patches at one moment of the submission: those there that stand still in it, those there that do not, and those that are not there. */
interface Standing {
  still: number;
  moving: number;
  missing: number;
}

/** What stands still does so for longer than this; pictures nearer than that are one moment. */
const APART_MS = 400;

/** ... and is looked for within this time: longer ago it may have been another shot. */
const AROUND_MS = 5_000;

/** In place: within this of where it was, in 1/4096 of the longer side. */
const IN_PLACE = 0.05 * PATCH_UNITS;

/** Of a long video, so many moments are looked at, the nearest first. */
const MOST_LOOKED_AT = 48;

/**
 * What of the known picture stands still in the submission, at the moment at which most of it is there: undefined when no part of it was placed, or
 * nothing tells what stands still.
 */
function standingOf(
  referenceId: string,
  agreements: Agreement[],
  sets: PatchSet[],
  moments: Map<string, KnownPatch[]>,
): Standing | undefined {
  const placed = agreements.filter((a) => a.placement !== undefined);
  const found = new Set(placed.map((a) => a.atMs));
  let best: Standing | undefined;
  const there = ({ still, moving, missing }: Standing) => still + moving - missing;
  for (const a of [...placed].sort((b, c) => c.closeness - b.closeness).slice(0, MOST_LOOKED_AT)) {
    const set = sets.find((s) => s.atMs === a.atMs && degreesOf(s) === (a.turnedDeg ?? 0));
    const known = moments.get(momentOf(referenceId, a.referenceAtMs));
    if (!set || !known || !a.placement) continue;
    const around = sets.filter((s) => isAround(s, set));
    const where = around.filter((s) => found.has(s.atMs));
    const others = where.length > 0 ? where : around;
    if (others.length === 0) continue;
    const standing = { still: 0, moving: 0, missing: 0 };
    for (const { mustBeSeen, there: seen } of placesOf(a.placement, mostTellingOf(known), set)) {
      if (seen && seen.bits <= PATCH_WITHIN_BITS) standing[standsStill(seen.index, set, others) ? "still" : "moving"]++;
      else if (mustBeSeen) standing.missing++;
    }
    if (!best || there(standing) > there(best)) best = standing;
  }
  return best;
}

/** Of a past submission only the most telling patches are kept, so no others of a reference that has just been read can be missing. */
function mostTellingOf(known: KnownPatch[]): KnownPatch[] {
  const hashes = known.map((k) => k.hash);
  return mostTelling(hashes, KEPT.patchesPerVideoFrame).map((i) => known[i]);
}

const isAround = (other: PatchSet, set: PatchSet): boolean => {
  const apartMs = Math.abs(other.atMs - set.atMs);
  return apartMs > APART_MS && apartMs < AROUND_MS && degreesOf(other) === degreesOf(set);
};

/** Whether a patch is where it is at half of the other moments, or more. */
function standsStill(index: number, { places, hashes }: PatchSet, others: PatchSet[]): boolean {
  const [x, y] = places.subarray(3 * index, 3 * index + 2);
  const hash = hashes.subarray(PATCH_BYTES * index, PATCH_BYTES * (index + 1));
  return 2 * others.filter((other) => isInPlace(x, y, IN_PLACE, hash, other)).length >= others.length;
}
