import { groupBy } from "../fingerprint/group.js";
import { PATCH_UNITS } from "../fingerprint/patches.js";
import type { Dihedral, Fingerprint, KnownMaterial, KnownPatch, PatchSet, View } from "../model.js";
import { type Agreement, chanceOfThere, doubtOfBits, nearOnes, surestOf } from "./agreement.js";
import { offLine, type Span, type Track } from "./align.js";
import { bitsBetween, shareOfBlocks } from "./compare-pictures.js";
import type { Policy } from "./policy.js";
import { lookAgain, type Placement } from "./second-look.js";
import { isTogether } from "./segments.js";
import { momentsShowing, overlayOf, SHOWS_SOMETHING } from "./shown-instead.js";
import { degreesOf, TURNS } from "./turns.js";

/** What a closer look at all that is known of a reference found. */
export interface CloserLook {
  /** Moments at which it agrees that no lookup had found. */
  agreements: Agreement[];
  /** For how many half seconds both could be compared where the time line says they must agree, and for how many they do. */
  tried: number;
  agreed: number;
  /** Whether whole pictures were compared, of which there are many, or only patches. */
  whole: boolean;
  /** Of a still that lies where it was: the share of it that is found block by block. */
  share: number;
  /** Whether the line says that both videos begin and end together, and all of the reference was looked at. */
  together: boolean;
}

/** What is looked at. A past submission's fingerprints have no views; then those of the reference are used. */
interface Seen {
  durationMs: number;
  fingerprints: (Fingerprint & { views?: View[] })[];
  patchSets: PatchSet[];
}

/** A moment of the reference is compared with the moments of the submission that lie this near to where it should be: half a step of a scan, and a bit. */
const NEAR_MS = 200;

/** ... and agrees with any that lie this near: half a step of what a reference keeps. */
const AGREES_WITHIN_MS = 600;

/**
 * Where the time line says so, whole pictures agree up to this distance. Pictures of one shot a quarter of a second apart lie at 2 to 60
 * bits when little moves, and up to 100 when much does; those of different videos around 120.
 */
const NEAR_BITS = 48;

/** Doubt left by that, beyond the index's radius. */
const NEAR_DOUBT = 0.1;

/** Up to this distance they do not speak against each other: a caption or a logo moves a hash so far, another shot further. */
const ALIKE_BITS = 72;

/** Patches agree where the time line and the placement say so when chance would give as many less often than this. */
const CHANCE_PATCHES = 0.005;

/** With fewer visible patches there is nothing to compare. */
const LEAST_VISIBLE = 3;

/**
 * Goes through all moments of a reference that was found at few, and looks whether each is where the time line (and, of parts, the
 * placement) says. Copies agree at most moments that can be compared; a shared second, intro or logo agrees there and nowhere else.
 *
 * @param lines at least one; what counts is the one along which most agrees.
 */
export function lookCloser(
  seen: Seen,
  lines: Track[],
  dihedral: Dihedral,
  known: KnownMaterial,
  referenceMs: number,
  policy: Policy,
): CloserLook {
  const turnedDeg = surestTurn(lines, dihedral);
  const asTurned = { ...seen, patchSets: seen.patchSets.filter((set) => degreesOf(set) === turnedDeg) };
  const looks = lines.map((line) =>
    lookAlong(
      asTurned,
      { ...line, agreements: line.agreements.filter((a) => isTurned(a, turnedDeg)) },
      dihedral,
      known,
      referenceMs,
      policy,
    ),
  );
  const best = looks.reduce((a, b) => (agreedIn(b) > agreedIn(a) ? b : a));
  return looks.find((look) => look.together && look.agreed >= LEAST_TOGETHER * best.agreed) ?? best;
}

/** How the submission was turned where its parts are surest to be those of the reference; if none are, as the view of the whole says. */
function surestTurn(lines: Track[], dihedral: Dihedral): number {
  const placed = lines.flatMap((line) => line.agreements.filter((a) => a.placement !== undefined));
  return placed.length === 0 ? TURNS[dihedral].rotatedDeg : (surestOf(placed).turnedDeg ?? 0);
}

/** Wholes agree however it was turned. */
const isTurned = ({ placement, turnedDeg = 0 }: Agreement, degrees: number): boolean =>
  placement === undefined || turnedDeg === degrees;

/** A line along which both videos begin and end together is taken for the right one if so much of what agrees along the best one does. */
const LEAST_TOGETHER = 0.6;

/** Half seconds that agree, fewer the smaller their share of those compared. */
const agreedIn = ({ agreed, tried }: CloserLook): number => agreed ** 2 / Math.max(tried, 1);

function lookAlong(
  seen: Seen,
  track: Track,
  dihedral: Dihedral,
  known: KnownMaterial,
  referenceMs: number,
  policy: Policy,
): CloserLook {
  const placed = track.agreements.filter((a) => a.placement !== undefined);
  const whole = track.agreements.some((a) => a.bits !== undefined || isUnmoved(a.placement));
  const moments = groupBy(known.patches, (p) => p.atMs);
  const looks = [
    ...(whole ? known.fingerprints.map((f) => lookAtPicture(seen, track, dihedral, f)) : []),
    ...[...moments.values()].map((patches) => lookAtPatches(seen, track, placed, whole, dihedral, patches, policy)),
  ];
  // What was found already is not found again: its patches agree because the placement was made from them.
  const before = new Set(track.agreements.map((a) => a.referenceAtMs));
  const tests = looks.reduce((sum, l) => sum + l.tried.length, 0);
  const agreements = looks
    .filter((l) => !before.has(l.referenceAtMs))
    .flatMap((l) => l.agreements.map((a) => ({ ...a, doubt: Math.min(1, a.doubt * (a.bits === undefined ? tests : 1)) })));
  const slots = (spans: Span[]) => new Set(spans.flatMap((span) => slotsOf(span, track)));
  const agreed = slots(looks.flatMap((l) => l.agreed));
  const tried = slots(looks.flatMap((l) => [...l.tried, ...l.agreed]));
  for (const slot of slots(shownInstead(seen, track, dihedral, placed, known, referenceMs))) tried.add(slot);
  for (const slot of notShown(seen, track, known, whole)) tried.add(slot);
  const share = whole ? Math.max(0, ...known.fingerprints.map((f) => shareOfBlocks(seen.fingerprints, f, dihedral))) : 0;
  const together = referenceMs <= AROUND_MS && isTogether(track, { submissionMs: seen.durationMs, referenceMs });
  return { agreements, tried: tried.size, agreed: agreed.size, whole, share, together };
}

/** The share of agreement is counted in slots of this length, on the reference's time line. */
const SLOT_MS = 500;

/** The slots in which the reference should be where the submission is in `span`. */
function slotsOf({ atMs, untilMs }: Span, { speed, offsetMs }: Track): number[] {
  const [from, to] = [atMs, untilMs].map((ms) => Math.floor((speed * ms + offsetMs) / SLOT_MS)).sort((a, b) => a - b);
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

/** How far around what was found the reference is looked at. */
export const AROUND_MS = 60_000;

/** A reference keeps a moment a second, wherever it has something to compare. */
const KEPT_EVERY_MS = 1_000;

/** Moments of the submission that show something while the reference, where it should be, is too dark or flat to compare. */
function shownInstead(
  seen: Seen,
  track: Track,
  dihedral: Dihedral,
  placed: Agreement[],
  known: KnownMaterial,
  referenceMs: number,
): Span[] {
  const found = track.agreements.map((a) => a.referenceAtMs);
  const [first, last] = [Math.max(0, Math.min(...found) - AROUND_MS), Math.min(referenceMs, Math.max(...found) + AROUND_MS)];
  const unmoved = { x: 0, y: 0, size: 1, mirrored: TURNS[dihedral].mirrored };
  const kept = [...known.fingerprints, ...known.patches];
  const isInstead = (span: Span): boolean => {
    const atMs = (track.speed * (span.atMs + span.untilMs)) / 2 + track.offsetMs;
    return atMs >= first && atMs <= last && kept.every((k) => offLine(span, k, track) > 1.5 * KEPT_EVERY_MS);
  };
  const moments = { fingerprints: seen.fingerprints.filter(isInstead), patchSets: seen.patchSets.filter(isInstead) };
  if (placed.length === 0) return momentsShowing(moments, undefined);
  const overlay = overlayOf(seen.patchSets, placed, known.patches);
  return momentsShowing(moments, { overlay, placementAt: (set) => nearestPlacement(placed, set) ?? unmoved });
}

/**
 * The slots in which the reference shows something while the submission, where it should be, is too dark or flat to compare: a known film behind a shared intro
 * is not found in a game of three strokes behind the same one. Of parts, moments that have any.
 */
function notShown(seen: Seen, track: Track, known: KnownMaterial, whole: boolean): Set<number> {
  const shown: Span[] = whole ? known.fingerprints.filter((f) => f.quality >= SHOWS_SOMETHING) : known.patches;
  const comparable: Span[] = whole ? seen.fingerprints : seen.patchSets;
  const isMissing = (span: Span): boolean => {
    const atMs = (span.atMs - track.offsetMs) / track.speed;
    return atMs >= 0 && atMs <= seen.durationMs && comparable.every((s) => offLine(s, span, track) > AGREES_WITHIN_MS);
  };
  const moments = new Map(shown.map((span) => [span.atMs, span]));
  return new Set([...moments.values()].filter(isMissing).map(({ atMs }) => Math.floor(atMs / SLOT_MS)));
}

/** One moment of the reference, compared. */
interface Look {
  referenceAtMs: number;
  /** Moments of the submission that it was compared with. */
  tried: Span[];
  /** ... and those that are like it. */
  agreed: Span[];
  agreements: Agreement[];
}

function lookAtPicture(seen: Seen, track: Track, dihedral: Dihedral, known: KnownMaterial["fingerprints"][number]): Look {
  const near = seen.fingerprints.filter((f) => offLine(f, known, track) <= AGREES_WITHIN_MS);
  const agreed: Span[] = [];
  const agreements: Agreement[] = [];
  for (const f of near) {
    const bits = bitsBetween(f, known, dihedral);
    if (bits === undefined || bits > ALIKE_BITS) continue;
    agreed.push(f);
    if (bits > NEAR_BITS) continue;
    agreements.push({
      ...{ atMs: f.atMs, untilMs: f.untilMs, referenceAtMs: known.atMs, referenceUntilMs: known.untilMs, dihedral, bits },
      doubt: Math.min(NEAR_DOUBT, doubtOfBits(bits)),
      part: f.variant !== "full" || known.variant !== "full",
      share: 1,
      closeness: 1,
    });
  }
  const tried = near.filter((f) => offLine(f, known, track) <= NEAR_MS);
  return { referenceAtMs: known.atMs, tried, agreed, agreements };
}

function lookAtPatches(
  seen: Seen,
  track: Track,
  placed: Agreement[],
  whole: boolean,
  dihedral: Dihedral,
  patches: KnownPatch[],
  policy: Policy,
): Look {
  const { mirrored } = TURNS[dihedral];
  const [{ atMs: referenceAtMs, untilMs: referenceUntilMs }] = patches;
  const near = seen.patchSets.filter((set) => offLine(set, patches[0], track) <= AGREES_WITHIN_MS);
  const agreements: Agreement[] = [];
  const tried: Span[] = [];
  for (const set of near) {
    const placement = nearestPlacement(placed, set) ?? (whole ? { x: 0, y: 0, size: 1, mirrored } : undefined);
    if (!placement) continue;
    const look = lookAgain(placement, patches, set);
    if (look.visible < LEAST_VISIBLE) continue;
    if (offLine(set, patches[0], track) <= NEAR_MS) tried.push(set);
    const chance = chanceOfThere(look.kinds, look.looked);
    if (chance > CHANCE_PATCHES) continue;
    agreements.push({
      ...{ atMs: set.atMs, untilMs: set.untilMs, referenceAtMs, referenceUntilMs, dihedral, placement },
      ...{ doubt: chance, part: true, share: look.share, closeness: look.closeness, turnedDeg: degreesOf(set) },
    });
  }
  return { referenceAtMs, tried, agreed: nearOnes(agreements, policy), agreements };
}

/** Whether a placement says that the known picture is where it was, as large as it was. */
export const isUnmoved = (placement: Placement | undefined): boolean =>
  placement !== undefined &&
  Math.abs(placement.size - 1) < 0.05 &&
  Math.max(Math.abs(placement.x), Math.abs(placement.y)) < 0.04 * PATCH_UNITS;

/** The placement found at the moment nearest to the set's: an inset may move. */
function nearestPlacement(placed: Agreement[], { atMs }: PatchSet): Placement | undefined {
  let best: Agreement | undefined;
  for (const a of placed) if (!best || Math.abs(a.atMs - atMs) < Math.abs(best.atMs - atMs)) best = a;
  return best?.placement;
}
