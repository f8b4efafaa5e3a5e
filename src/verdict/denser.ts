import type { Verdict } from "../model.js";
import type { Doubt, Policy } from "./policy.js";

/** What more pictures cannot tell: several cases have it in common, or the place is the same and who is in it may be another. */
const NOT_BY_MORE: (Doubt | undefined)[] = ["template", "scene"];

/**
 * Whether a video that is for a person should be read again more densely. Of 76 copies for review (both halves, second and third real set) for which this says so 26 match then,
 * of 26 innocents one; of 51 for which it does not 11, and before one wall four of 19 and three of 28 innocents (docs/detection-experiments.md).
 */
export const mayBeSurer = (told: { caseId: string; doubt?: Doubt }[], { templateCases }: Policy): boolean =>
  told.length > 0 &&
  new Set(told.map((t) => t.caseId)).size < templateCases &&
  told.every(({ doubt }) => doubt !== undefined && !NOT_BY_MORE.includes(doubt));

/**
 * Whether the verdict on the denser reading counts: it is a match, and not by a second quoted of a film in which little moves. A piece of the submission takes
 * so many quarters of a second that agree, as a quoted second never has. With it 24 of those 76 match, and no innocent.
 */
export const isSurer = (denser: Verdict, { pieceShare, pieceMoments }: Policy): boolean =>
  denser.kind === "match" &&
  denser.matches
    .filter((m) => m.verdict === "match")
    .every((m) => m.coverageOfSubmission >= pieceShare || m.framesAgreeing >= pieceMoments);
