import { groupBy } from "../fingerprint/group.js";
import { LISTED } from "../fingerprint/meta-pdq.js";
import type {
  Dihedral,
  Fingerprint,
  Found,
  Hit,
  KnownMaterial,
  Match,
  MediaKind,
  PatchSet,
  ReferenceSummary,
  Transform,
  Unread,
  Verdict,
  View,
} from "../model.js";
import { type Agreement, nearOnes, partAgreements, surestOf, whereNearest, wholeAgreements } from "./agreement.js";
import { align, linesToTry, momentAt, type Track } from "./align.js";
import { AROUND_MS, lookCloser } from "./closer-look.js";
import { coverages, spanMs } from "./coverage.js";
import { mayBeSurer } from "./denser.js";
import { doubtOf, isPoorStill } from "./doubt.js";
import { reasonsFor } from "./explain.js";
import type { Doubt, Policy } from "./policy.js";
import { isAnotherPicture, isAnotherShot } from "./same-scene.js";
import { isAtOneEnd, segmentsOf, tracksToTell } from "./segments.js";
import { TURNS, tiltOf } from "./turns.js";

/** What a verdict needs to know of the submission. */
export interface Judged {
  kind: MediaKind;
  durationMs: number;
  fingerprints: (Fingerprint & { views?: View[] })[];
  /** Of a still: its hash by Meta's pipeline. Hits name it by the place behind the last of `fingerprints`. */
  listed?: Fingerprint;
  patchSets: PatchSet[];
  framesRead: number;
  framesUnusable: number;
  /** What was not read, because nothing in the rest may be known. */
  unread?: Unread;
}

/** Half the time between sampled frames: by so much a span is known to be longer than its frames. */
const HALF_STEP_MS = 250;

/**
 * The verdict on a submission: `match` or `review` when known material was found in it, `unscannable` when not one
 * frame could be compared, otherwise `clear`. Pure: the same hits and policy give the same verdict.
 */
export function decide(judged: Judged, found: Evidence, policy: Policy): Verdict {
  const candidates = candidatesOf(judged, found, policy);
  const shown = candidates.filter((c) => c.evidence >= policy.reviewConfidence);
  const told = withoutTemplates(shown, policy)
    .filter((c) => c.doubt !== "weak" || c.closeness >= policy.weakCloseness)
    .sort((a, b) => b.evidence - a.evidence || b.framesAgreeing - a.framesAgreeing);
  const matches = told.map((c) => asMatch(c, policy));
  const usable = judged.fingerprints.length > 0 || judged.patchSets.some((set) => set.hashes.length > 0);
  const kind = matches.some((m) => m.verdict === "match")
    ? "match"
    : matches.length > 0
      ? "review"
      : usable
        ? "clear"
        : "unscannable";
  const nearestMiss = matches.length === 0 ? missOf(candidates, policy) : undefined;
  const reasons = reasonsFor(kind, told, judged);
  const denserMayTell = judged.kind === "video" && kind === "review" && mayBeSurer(told, policy);
  return { kind, matches, reasons, nearestMiss, ...(denserMayTell && { denserMayTell }), policyVersion: policy.version };
}

type Evidence = Pick<Found, "hits" | "patchHits" | "moments" | "references" | "material">;

const candidatesOf = (judged: Judged, found: Evidence, policy: Policy): Candidate[] =>
  [...agreementsByReference(judged, found)]
    .map(([id, agreements]) =>
      matchOf(found.references.get(id), agreements, judged, policy, found.moments, found.material?.get(id)),
    )
    .filter((m) => m !== undefined);

/** At most so many references are looked at more closely. */
const CLOSER_LOOKS = 16;

/** A match with a video that rests on fewer moments than this is looked at too: it may be no more than a quoted second; and so is what was found by its parts alone. */
const SURE_MOMENTS = 4;

/** Which part of a reference deserves a closer look, in ms of its time line. */
export interface Region {
  referenceId: string;
  fromMs: number;
  toMs: number;
}

/**
 * The references that something speaks for, but not enough: a second tier, for which all that is known of them is fetched, decides. In most
 * submissions there are none.
 */
export function worthACloserLook(judged: Judged, found: Evidence, policy: Policy): Region[] {
  return candidatesOf(judged, found, policy)
    .filter((c) => c.doubt || c.medianDistanceBits === null || (c.framesAgreeing < SURE_MOMENTS && c.reference.kind === "video"))
    .sort((a, b) => b.evidence - a.evidence)
    .slice(0, CLOSER_LOOKS)
    .map(({ reference, segments }) => ({
      referenceId: reference.id,
      fromMs: Math.min(...segments.map((s) => s.referenceFromMs)) - AROUND_MS,
      toMs: Math.max(...segments.map((s) => s.referenceToMs)) + AROUND_MS,
    }));
}

/** What a part of a video shows: whether its verdict would be `clear`, and when something in it may be known all the same, however little speaks for it: there more has to be read. */
export interface FirstLook {
  isClear: boolean;
  momentsMs: number[];
}

/** Of what was read first: most of it has no agreement at all, and needs no verdict to be known as clear. */
export function firstLook(judged: Judged, found: Evidence, policy: Policy): FirstLook {
  const agreements = [...agreementsByReference(judged, found).values()].flat();
  const moments = new Set(agreements.filter(({ doubt }) => doubt <= policy.firstLookDoubt).map(({ atMs }) => atMs));
  return { isClear: moments.size === 0 || decide(judged, found, policy).kind === "clear", momentsMs: [...moments] };
}

function missOf(candidates: Candidate[], policy: Policy): string | undefined {
  const [nearest] = [...candidates].sort((a, b) => b.evidence - a.evidence);
  if (!nearest) return undefined;
  const { evidence, reference, caseId } = nearest;
  const why =
    evidence < policy.reviewConfidence ? `a person is asked from ${policy.reviewConfidence} on` : "it only resembles it";
  return `nearest: known material "${reference.label}" of case ${caseId}, evidence ${evidence}; ${why}`;
}

interface Candidate extends Omit<Match, "verdict" | "confidence"> {
  /** 0-1: 1 less what chance leaves. The same for all that is next to certain to be the known picture, be it a quoted second. */
  evidence: number;
  /** How much of the known picture was found at its surest moment. */
  share: number;
  /** How near it is at its nearest moment, 0-1. */
  closeness: number;
  /** Why a person should look; a match has none. */
  doubt?: Doubt;
}

/**
 * What several cases have in common is a template (of a meme, a slide, an intro), not the material: then a match on part of a
 * picture is for a person. The same material registered in several cases is not concerned: it is found whole.
 */
function withoutTemplates(candidates: Candidate[], policy: Policy): Candidate[] {
  const partial = candidates.filter((c) => c.share < policy.wholeShare);
  const common = new Set(partial.map((c) => c.caseId)).size >= policy.templateCases;
  return candidates.map((c): Candidate => (common && c.share < 1 ? { ...c, doubt: "template" } : c));
}

/** What is told of a candidate: how often what looked like it was right when that was measured. */
function asMatch(
  { evidence: _evidence, share: _share, closeness: _closeness, doubt, ...match }: Candidate,
  { rightShare }: Policy,
): Match {
  return { ...match, verdict: doubt ? "review" : "match", confidence: rightShare[doubt ?? "none"] };
}

/** The verdict on media that could not be read at all. */
export function unscannable(reason: string, policy: Policy): Verdict {
  return { kind: "unscannable", matches: [], reasons: [reason], policyVersion: policy.version };
}

/** Ties are broken by the first, so the order must not depend on who found the hits. */
const byValue = (a: Hit, b: Hit): number =>
  a.query - b.query ||
  a.referenceAtMs - b.referenceAtMs ||
  a.pdqDistance - b.pdqDistance ||
  a.dihedral.localeCompare(b.dihedral) ||
  a.referenceVariant.localeCompare(b.referenceVariant);

function agreementsByReference(judged: Judged, found: Evidence): Map<string, Agreement[]> {
  const agreements = new Map<string, Agreement[]>();
  const add = (id: string, more: Agreement[]) => {
    if (more.length > 0) agreements.set(id, [...(agreements.get(id) ?? []), ...more]);
  };
  const seen = judged.listed ? [...judged.fingerprints, judged.listed] : judged.fingerprints;
  // Meta's hash is for lists: our own material is found by our own.
  const hits = found.hits.filter((h) => seen[h.query].variant !== LISTED || h.referenceVariant === LISTED).sort(byValue);
  for (const [id, some] of groupBy(hits, (h) => h.referenceId)) add(id, wholeAgreements(some, seen));
  for (const [id, parts] of partAgreements(found.patchHits, found.moments, judged.patchSets)) add(id, parts);
  return agreements;
}

function matchOf(
  reference: ReferenceSummary | undefined,
  all: Agreement[],
  judged: Judged,
  policy: Policy,
  moments: Found["moments"],
  material: KnownMaterial | undefined,
): Candidate | undefined {
  if (!reference) return undefined;
  const [dihedral, first] = strongestView(all);
  const closer =
    material &&
    lookCloser(judged, linesToTry(align(first, reference.durationMs)[0]), dihedral, material, reference.durationMs, policy);
  const agreements = closer ? [...first, ...closer.agreements] : first;
  const tracks = align(agreements, reference.durationMs);
  const durations = { submissionMs: judged.durationMs, referenceMs: reference.durationMs };
  const told = tracksToTell(tracks, policy.minFrames);
  const segments = told
    .flatMap((t) => segmentsOf(t, durations, HALF_STEP_MS))
    .sort((a, b) => a.submissionFromMs - b.submissionFromMs || a.submissionToMs - b.submissionToMs);
  const inPlace = whereNearest(agreements, policy);
  const seenOf = (some: Agreement[]) => inPlace(nearOnes(some, policy));
  const seen = tracksOf(told, seenOf).flatMap((t) => segmentsOf(t, durations, HALF_STEP_MS, true));
  const surest = surestPerMoment(agreements);
  // Also where parts of the picture are surer than the whole of it.
  const bits = surestPerMoment(agreements.filter((a) => a.bits !== undefined)).map((a) => a.bits!);
  const match = {
    caseId: reference.caseId,
    algorithm: [...judged.fingerprints, ...judged.patchSets][0].algorithm,
    reference,
    evidence: evidenceOf(surest),
    transform: transformOf(dihedral, tracks[0], agreements),
    segments,
    framesAgreeing: surest.length,
    medianDistanceBits: bits.length > 0 ? median(bits) : null,
    ...coverages(segments, durations),
  };
  const shareOf = (some: Agreement[]) => Math.max(closer?.share ?? 0, ...some.map((a) => a.share));
  const share = shareOf(agreements);
  const nearShare = shareOf(agreements.filter((a) => a.closeness >= policy.stillCloseness));
  const near = seenOf(surest);
  const toldShare = Math.max(match.coverageOfReference, match.coverageOfSubmission);
  const [sharedMs, atOneEnd] = [spanMs(seen), isAtOneEnd(seen, durations)];
  const shared = { ...match, ...coverages(seen, durations), toldShare, nearShare, sharedMs, atOneEnd };
  const doubt = doubtOf(shared, near, judged, policy, closer);
  const closeness = Math.max(...agreements.map((a) => a.closeness));
  const areVideos = judged.kind === "video" && reference.kind === "video";
  const isScene = () =>
    areVideos
      ? isAnotherShot(reference.id, agreements, judged.patchSets, moments, material, policy)
      : isAnotherPicture(reference.kind, agreements, judged.fingerprints, material?.fingerprints, dihedral);
  const why = doubt ?? (isScene() ? "scene" : areVideos && isPoorStill(near, policy) ? "short" : undefined);
  return { ...match, share, closeness, ...(why && { doubt: why }) };
}

/** Tracks of what was seen. */
const tracksOf = (tracks: Track[], seenOf: (some: Agreement[]) => Agreement[]): Track[] =>
  tracks
    .map((t) => ({ ...t, agreements: seenOf(t.agreements), around: seenOf(t.around) }))
    .filter((t) => t.agreements.length > 0);

/** The dihedral under which most moments agree, surer ones counting more. */
function strongestView(all: Agreement[]): [Dihedral, Agreement[]] {
  const weight = (group: Agreement[]) => surestPerMoment(group).reduce((sum, a) => sum + 1 - a.doubt, 0);
  return [...groupBy(all, (a) => a.dihedral)].reduce((a, b) => (weight(b[1]) > weight(a[1]) ? b : a));
}

/** The surest agreement of every moment of the submission. */
function surestPerMoment(agreements: Agreement[]): Agreement[] {
  return [...groupBy(agreements, (a) => momentAt(a.atMs)).values()].map((group) =>
    group.reduce((a, b) => (b.doubt < a.doubt ? b : a)),
  );
}

/**
 * How sure we are that the moments show the same, from 0 to 1. Doubts would multiply if moments were independent; the
 * pictures of a video resemble each other, so the second surest counts half, the third a third, and so on. However
 * often a moment of the reference is seen, it counts once.
 */
function evidenceOf(surest: Agreement[]): number {
  const doubts = [...groupBy(surest, (a) => a.referenceAtMs).values()].map((group) => Math.min(...group.map((a) => a.doubt)));
  const evidence = doubts.sort((a, b) => a - b).reduce((sum, doubt, i) => sum - Math.log(doubt) / (i + 1), 0);
  return Math.round((1 - Math.exp(-evidence)) * 1e6) / 1e6;
}

function transformOf(dihedral: Dihedral, track: Track, agreements: Agreement[]): Transform {
  const parts = agreements.filter((a) => a.part).length;
  const tiltedDeg = tiltOf(surestOf(agreements).turnedDeg ?? 0);
  return {
    ...TURNS[dihedral],
    ...(tiltedDeg !== 0 && { tiltedDeg }),
    speed: Math.round(track.speed * 100) / 100,
    cropped: 2 * parts > agreements.length,
  };
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const mid = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[mid] : (sorted[mid - 1] + sorted[mid]) / 2;
}
