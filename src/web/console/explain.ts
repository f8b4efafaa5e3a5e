import type { AlertDetail } from "../../casework/alerts.js";
import type { Match, Transform } from "../../model.js";
import type { Reader } from "./page.js";

/** Slower or faster by no more than this is not worth a word; as in verdict/explain.ts. */
const SAME_SPEED = 0.03;

/** How sure, in a word. The bounds are ours, for reading only: what follows from a match is the policy's. */
export function sureness(confidence: number): "certain" | "likely" | "possible" | "weak" {
  if (confidence >= 0.95) return "certain";
  if (confidence >= 0.8) return "likely";
  return confidence >= 0.3 ? "possible" : "weak";
}

/** Of a match, recorded or just made. */
type Agreement = Pick<Match, "medianDistanceBits" | "framesAgreeing" | "coverageOfReference" | "coverageOfSubmission"> & {
  reference: Pick<Match["reference"], "kind">;
};

/** Why the match is thought to be one, as sentences in the reader's language, made from its numbers. */
export function reasonsOf(match: Agreement, { t, f }: Reader): string[] {
  const { because } = t.alert;
  const distance = match.medianDistanceBits === null ? "" : because.distance(f.number(match.medianDistanceBits));
  const pictures = (match.medianDistanceBits === null ? because.part : because.whole)(match.framesAgreeing);
  const shares = match.reference.kind === "video" || match.coverageOfSubmission < 1 ? sharesOf(match, { t, f }) : [];
  return [distance ? `${pictures}; ${distance}.` : `${pictures}.`, ...shares];
}

function sharesOf(match: Agreement, { t, f }: Pick<Reader, "t" | "f">): string[] {
  const { because } = t.alert;
  return [
    `${because.ofReference(f.percent(Math.min(1, match.coverageOfReference)))}.`,
    `${because.ofSubmission(f.percent(Math.min(1, match.coverageOfSubmission)))}.`,
  ];
}

/** What was done to the material, in words; "as the original" when nothing was. */
export function changesOf(transform: Transform, { t, f }: Pick<Reader, "t" | "f">): string[] {
  const words = t.alert.transform;
  const times = Math.abs(transform.speed);
  const found = [
    transform.mirrored ? words.mirrored : "",
    transform.rotatedDeg === 0 ? "" : words.rotated(String(transform.rotatedDeg)),
    transform.tiltedDeg ? words.tilted(String(Math.abs(transform.tiltedDeg))) : "",
    transform.speed < 0 ? words.reversed : "",
    Math.abs(times - 1) > SAME_SPEED ? words.speed(f.number(times)) : "",
    transform.cropped ? words.cropped : "",
  ].filter(Boolean);
  return found.length > 0 ? found : [words.unchanged];
}

/** The alert's headline: what it is, of which case. */
export function headlineOf(alert: Pick<AlertDetail, "kind" | "caseId">, { t }: Pick<Reader, "t">): string {
  if (alert.caseId === null && alert.kind !== "unscannable") return t.alerts.gone;
  return (t.alerts.headline[alert.kind] ?? t.alerts.headline.match)(alert.caseId ?? "");
}

/** "person:ana" as a reader sees it: the name of a person, or which service. */
export function actorName(actor: string, { t }: Pick<Reader, "t">): string {
  const at = actor.indexOf(":");
  if (at < 0) return t.theSystem;
  const name = actor.slice(at + 1);
  return actor.startsWith("token:") ? t.token(name) : t.person(name);
}
