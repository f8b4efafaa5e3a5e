import type { Match, Segment, Unread, VerdictKind } from "../model.js";
import type { Doubt } from "./policy.js";

type Told = Omit<Match, "verdict" | "confidence"> & { doubt?: Doubt };

/** Why a person should look, as the end of a sentence. */
const BECAUSE: Record<Doubt, string> = {
  weak: "it may be chance",
  part: "less than half of the known picture was found, or it only resembles it",
  listed: "only one hash of a list agrees, and not closely",
  short: "it is a short piece of longer videos",
  scene: "it may be the same place or person, taken another time: what stands still agrees, the rest does not",
  template: "several cases have it in common",
};

/** What was not read of a video that shows nothing known, as the end of a sentence. */
const REST: Record<Unread, string> = {
  "between keyframes": "; of the rest no more than six seconds were read, and what is near to what may resemble some",
  "before keyframes": "; up to two seconds before keyframes were not read",
};

/** The reasons of a verdict, as sentences a caseworker can read without knowing what a hash is. */
export function reasonsFor(
  kind: VerdictKind,
  matches: Told[],
  judged: { framesRead: number; framesUnusable: number; fingerprints: unknown[]; unread?: Unread },
): string[] {
  if (matches.length > 0) return matches.map(reasonOf);
  if (kind === "unscannable") {
    return [`none of the ${judged.framesRead} pictures read has enough detail to compare: they are black, flat or nearly so`];
  }
  const unusable =
    judged.framesUnusable > 0
      ? `; ${judged.framesUnusable} of ${judged.framesRead} pictures had too little detail to compare`
      : "";
  const rest = judged.unread ? REST[judged.unread] : "";
  const where = judged.unread === "between keyframes" ? "its keyframes" : "it";
  return [`nothing in ${where} resembles known material (${judged.fingerprints.length} pictures compared${unusable}${rest})`];
}

function reasonOf(match: Told): string {
  const { reference, framesAgreeing, medianDistanceBits } = match;
  const which = medianDistanceBits === null ? "part of " : "";
  const frames = framesAgreeing === 1 ? `${which}one picture agrees` : `${which}${framesAgreeing} pictures agree`;
  const distance = medianDistanceBits === null ? "" : `, median distance ${medianDistanceBits} of 256 bits`;
  const spans = reference.kind === "video" ? ` at ${spansOf(match.segments)}` : "";
  return `known material "${reference.label}" of case ${match.caseId}${spans}: ${frames}${distance}${changes(match)}${match.doubt ? `; for a person, because ${BECAUSE[match.doubt]}` : ""}`;
}

function changes({ transform }: Told): string {
  const found = [
    transform.mirrored ? "mirrored" : "",
    transform.rotatedDeg !== 0 ? `rotated by ${transform.rotatedDeg}°` : "",
    transform.tiltedDeg ? `tilted by about ${Math.abs(transform.tiltedDeg)}°` : "",
    transform.speed < 0 ? "reversed" : "",
    Math.abs(Math.abs(transform.speed) - 1) > 0.03 ? `at ${Math.abs(transform.speed)} times the speed` : "",
    transform.cropped ? "framed differently" : "",
  ].filter(Boolean);
  return found.length > 0 ? `; ${found.join(", ")}` : "";
}

/** More spans than this are counted, not listed. */
const LISTED = 4;

function spansOf(segments: Segment[]): string {
  const more = segments.length - LISTED;
  return segments.slice(0, LISTED).map(spanOf).join(", ") + (more > 0 ? ` and ${more} more places` : "");
}

const spanOf = (s: Segment): string => `${clock(s.referenceFromMs)}-${clock(s.referenceToMs)}`;

/** Milliseconds as m:ss, or h:mm:ss from an hour on. */
export function clock(ms: number): string {
  const total = Math.round(ms / 1000);
  const [h, m, s] = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60];
  const two = (n: number) => String(n).padStart(2, "0");
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}
