import { viewsFromHashes } from "../fingerprint/approximate-views.js";
import { distance } from "../fingerprint/hash.js";
import { onlyOf } from "../fingerprint/kept.js";
import { patchHits, patchTable } from "../fingerprint/patch-hits.js";
import { placeTolerance } from "../fingerprint/patches.js";
import { thin } from "../fingerprint/thin.js";
import type {
  Fingerprint,
  KnownMaterial,
  KnownPatch,
  PastSubmission,
  PatchSet,
  Query,
  Reading,
  Segment,
  Transform,
} from "../model.js";
import { dihedralOf } from "../verdict/turns.js";

/** One match of a confirmed re-upload, with what is known of its reference. */
export interface LessonMatch {
  segments: Segment[];
  transform: Transform;
  medianDistanceBits: number | null;
  coverageOfSubmission: number;
  known: KnownMaterial;
}

/** Less than this share of a video in its matched spans is a video about something else. */
const LEAST_COVERAGE = 0.5;

/**
 * A whole picture as far as this from the known one at the same moment is a variant of it; farther off, it shows other things as well.
 * Measured on five clips and six stills: of copies with a caption over 15 % of the picture, a logo, a filter, noise or a mirrored picture
 * seven in ten moments are within it; of the known picture set into another at 50, 70 and 85 % of its width none of 594 (least 64), and of
 * unrelated pictures none of 251 (least 106).
 */
const VARIANT_WITHIN_BITS = 56;

/** By so much the same moment may be off on the two time lines: a reference keeps about one picture a second. */
const SAME_MOMENT_MS = 1_500;

/** As densely as a registration keeps pictures (see DENSITY.full in read-fingerprints.ts): a scan's are four times as many. */
const DENSITY = { withinBits: 14, shortestMs: 900 };

/**
 * What may be learned of a confirmed re-upload: its pictures inside the matched spans that are, each for itself, a variant of the known
 * picture at that moment, and of their parts those that are known ones in their place. An intro, what stands around an inset, a caption or
 * a channel's logo must never become known material: then innocent videos with the same would be found. `why` says, for a person, that
 * nothing can be learned.
 */
export function lessonFrom(past: PastSubmission, matches: LessonMatch[]): { reading: Reading } | { why: string } {
  if (past.sha256 === undefined) return { why: "its file has no SHA-256 on record" };
  const whole = matches.filter((m) => m.medianDistanceBits !== null);
  if (whole.length === 0)
    return { why: "only parts of its pictures agree with known material: what stands around them may be innocent" };
  const covered = Math.max(...whole.map((m) => m.coverageOfSubmission));
  if (past.kind === "video" && covered < LEAST_COVERAGE)
    return { why: `only ${Math.round(100 * covered)} % of it is known material: it is mostly something else` };
  const usable = past.fingerprints.map((f) => ({ ...f, views: viewsFromHashes(f.pdq, f.blockhash) }));
  const variants = usable.filter((f) => whole.some((m) => isVariant(f, m)));
  const fingerprints = thin(variants, DENSITY);
  if (fingerprints.length === 0)
    return { why: "none of its pictures is, as a whole, a variant of the known one at the same moment" };
  const patchSets = past.patchSets.flatMap((set) => knownParts(set, fingerprints, whole));
  return { reading: readingOf(past, fingerprints, patchSets) };
}

const readingOf = (past: PastSubmission, fingerprints: Query[], patchSets: PatchSet[]): Reading => ({
  sha256: past.sha256!,
  bytes: 0,
  kind: past.kind,
  durationMs: past.durationMs,
  fingerprints,
  patchSets,
  framesRead: past.fingerprints.length,
  framesUnusable: 0,
  timingsMs: { fetch: 0, decode: 0, hash: 0 },
});

function isVariant(fingerprint: Query, { segments, transform, known }: LessonMatch): boolean {
  const dihedral = dihedralOf(transform.mirrored, transform.rotatedDeg);
  const seen = fingerprint.views.filter((view) => view.dihedral === dihedral);
  return spansAround(fingerprint, segments).some((segment) =>
    known.fingerprints.some(
      (k) =>
        k.algorithm === fingerprint.algorithm &&
        isSameMoment(fingerprint, k, segment, transform.speed) &&
        seen.some((view) => distance(view.pdq, k.pdq) <= VARIANT_WITHIN_BITS),
    ),
  );
}

type Moment = Pick<Fingerprint, "atMs" | "untilMs">;

const spansAround = ({ atMs, untilMs }: Moment, segments: Segment[]): Segment[] =>
  segments.filter((s) => atMs >= s.submissionFromMs && untilMs <= s.submissionToMs);

/** Whether the submission's moment, laid along the segment, falls on the reference's. */
function isSameMoment(seen: Moment, known: Moment, segment: Segment, speed: number): boolean {
  const lengthMs = segment.submissionToMs - segment.submissionFromMs;
  const scale = lengthMs > 0 ? (segment.referenceToMs - segment.referenceFromMs) / lengthMs : 0;
  const along = (ms: number) =>
    speed < 0
      ? segment.referenceToMs - scale * (ms - segment.submissionFromMs)
      : segment.referenceFromMs + scale * (ms - segment.submissionFromMs);
  const [from, to] = [along(seen.atMs), along(seen.untilMs)].sort((a, b) => a - b);
  return from <= known.untilMs + SAME_MOMENT_MS && to >= known.atMs - SAME_MOMENT_MS;
}

/** The patches of a picture that were learned as a whole, and of them those that a known picture of that moment has in the same place. */
function knownParts(set: PatchSet, learned: Query[], matches: LessonMatch[]): PatchSet[] {
  if (!learned.some((f) => f.atMs <= set.atMs && set.atMs <= Math.max(f.untilMs, f.atMs + DENSITY.shortestMs))) return [];
  const inPlace = new Set(matches.flatMap((match) => patchesInPlace(set, match)));
  const kept = [...inPlace].sort((a, b) => a - b);
  if (kept.length === 0) return [];
  return [onlyOf(set, kept)];
}

function patchesInPlace(set: PatchSet, { segments, transform, known }: LessonMatch): number[] {
  if (transform.rotatedDeg !== 0 || transform.tiltedDeg) return [];
  const spans = spansAround(set, segments);
  const candidates = known.patches.filter((k) => spans.some((span) => isSameMoment(set, k, span, transform.speed)));
  return patchHits(patchTable([set]), candidates)
    .filter((hit) => hit.mirrored === transform.mirrored && isInPlace(set, hit.patch, hit.known, hit.mirrored))
    .map((hit) => hit.patch);
}

function isInPlace(set: PatchSet, patch: number, known: Pick<KnownPatch, "x" | "y" | "side">, mirrored: boolean): boolean {
  const [x, y] = set.places.subarray(3 * patch, 3 * patch + 2);
  const near = placeTolerance(known.side);
  return Math.abs((mirrored ? set.width - x : x) - known.x) <= near && Math.abs(y - known.y) <= near;
}
