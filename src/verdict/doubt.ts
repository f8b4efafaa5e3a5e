import type { Match } from "../model.js";
import type { Agreement } from "./agreement.js";
import { momentsOf } from "./align.js";
import type { CloserLook } from "./closer-look.js";
import type { Judged } from "./decide.js";
import type { Doubt, Policy } from "./policy.js";

/** What is judged: how much of either video agrees, how much of the picture, and for how long. */
export interface Shared extends Pick<Match, "coverageOfReference" | "coverageOfSubmission" | "reference"> {
  evidence: number;
  /** How much of the known picture was found, counting only what is near enough to be it. */
  nearShare: number;
  sharedMs: number;
  /** Share of the one video or of the other, whichever is more, that is told to be shared. */
  toldShare: number;
  /** Whether what agrees is where both videos begin, or where both end. */
  atOneEnd: boolean;
}

/**
 * What speaks against calling it a match; undefined when nothing does. Whether several cases share it is seen by comparing them, whether it is another shot of the scene by what moves.
 *
 * @param seen of every moment the surest agreement, without those that are not near
 */
export function doubtOf(
  found: Shared,
  seen: Agreement[],
  judged: Judged,
  policy: Policy,
  closer: CloserLook | undefined,
): Exclude<Doubt, "template" | "scene"> | undefined {
  if (found.evidence < policy.matchConfidence) return "weak";
  const { reference } = found;
  const isStill = judged.kind === "image" || reference.kind === "image";
  if (isStill && reference.list !== undefined) return isNear(seen, policy) ? undefined : "listed";
  if (isStill) return found.nearShare >= policy.stillShare ? undefined : "part";
  if (seen.length === 0) return "weak";
  const shortest = Math.min(reference.durationMs, judged.durationMs);
  const least = shortest < policy.minSpanMs ? policy.minCoverageOfShort : policy.minCoverage;
  const intro = mayBeIntro(found, policy, closer);
  const covered = Math.max(found.coverageOfReference, found.coverageOfSubmission);
  const claimed = intro ? covered : Math.max(covered, shareOfMoments(seen, judged));
  const most =
    agreedShare(closer, found, policy) >= (intro ? INTRO.share : least) || (claimed >= least && !isQuotation(seen, closer));
  const long = seen.length >= policy.minFrames && found.sharedMs >= policy.minSpanMs && !intro;
  return most || long ? undefined : "short";
}

/**
 * Whether all that was seen of a video is one moment, by parts that would not be enough of a still: a dark film of one face has no more, and another face may be in its
 * place.
 */
export const isPoorStill = (seen: Agreement[], { minFrames, stillShare, stillCloseness }: Policy): boolean =>
  seen.length < minFrames && seen.every((a) => a.bits === undefined && (a.share < stillShare || a.closeness < stillCloseness));

/** One hash of others, without parts or a second hash that could confirm it, must be nearer than one of ours. */
const isNear = (surest: Agreement[], { listedBits }: Policy): boolean =>
  surest.some(({ bits }) => bits !== undefined && bits <= listedBits);

/**
 * Half seconds that must agree before their share counts. A piece that is told to be less than `pieceShare` of either video may be a second that was only quoted: of films of 3.3 and
 * 3.4 s two of four that could be compared agreed, in the news. Patches are few, so with them it takes more still. Two are enough where both videos begin and end
 * together: a second on an otherwise plain wall is all that there is to agree.
 */
const LEAST_AGREED = { most: 2, piece: 3, parts: 4 };

function leastAgreed({ whole, together }: CloserLook, { toldShare }: Shared, { pieceShare }: Policy): number {
  if (together) return LEAST_AGREED.most;
  if (!whole) return LEAST_AGREED.parts;
  return toldShare >= pieceShare ? LEAST_AGREED.most : LEAST_AGREED.piece;
}

/** Share of the half seconds of the reference that could be compared and agree. */
const agreedShare = (closer: CloserLook | undefined, found: Shared, policy: Policy): number =>
  closer && closer.agreed >= leastAgreed(closer, found, policy) ? closer.agreed / closer.tried : 0;

/**
 * All that agrees lies within this on both time lines, and of so many half seconds compared only a smaller share agrees: then the rest is
 * something else, whatever the span seems to cover.
 */
const QUOTED = { withinMs: 1_500, leastTried: 4, share: 0.4 };

function isQuotation(surest: Agreement[], closer: CloserLook | undefined): boolean {
  if (!closer || closer.tried < QUOTED.leastTried || closer.agreed >= QUOTED.share * closer.tried) return false;
  const spread = (of: (a: Agreement) => number) => Math.max(...surest.map(of)) - Math.min(...surest.map(of));
  return spread((a) => a.atMs) < QUOTED.withinMs && spread((a) => a.referenceAtMs) < QUOTED.withinMs;
}

/**
 * A piece where both videos begin, or where both end, may be an intro when at least so many half seconds could be compared and do not agree: both go on, and with
 * something else. Then it is a match only when it is most of either video, or this share of all half seconds agrees. Of 28 films that share an intro of 4 s with known ones
 * all matched, and two since; of 4,779 altered copies three are for review for it (docs/detection-experiments.md).
 */
const INTRO = { leastOther: 4, share: 0.6 };

const mayBeIntro = ({ atOneEnd, sharedMs }: Shared, { introMs }: Policy, closer: CloserLook | undefined): boolean =>
  atOneEnd && sharedMs < introMs && (!closer || closer.tried - closer.agreed >= INTRO.leastOther);

/** Share of the submission's moments that agree: a dark or flat video has few that could. */
function shareOfMoments(surest: Agreement[], { fingerprints, patchSets }: Judged): number {
  const parts = surest.filter((a) => a.bits === undefined).length;
  return Math.max(surest.length / Math.max(momentsOf(fingerprints), 1), parts / Math.max(momentsOf(patchSets), 1));
}
