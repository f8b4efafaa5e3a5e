import { z } from "zod";

const printable = /^[^\p{Cc}\p{Cs}]*$/u;

/** Text that every table and page can hold: no control characters. */
export const text = (max: number) => z.string().max(max).regex(printable, "must not contain control characters");

export const uuid = z.uuid("must be a UUID, as the list gives it").meta({ examples: ["3f0c9a52-6f0e-4c1a-9a53-8e5f1d2b7c40"] });

export const caseId = z
  .string()
  .regex(/^[\x21-\x7e]{1,128}$/, "must be 1-128 printable characters without spaces")
  .meta({ examples: ["C-17"] });

export const submissionId = z
  .string()
  .regex(/^[\x20-\x7e]{1,128}$/, "must be 1-128 printable characters")
  .meta({ examples: ["intake-2041"] });

export const sha256 = z
  .string()
  .regex(/^[0-9a-f]{64}$/, "must be 64 lower-case hexadecimal digits")
  .meta({ examples: ["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"] });

/** A name that a platform gave, or that of one: it stands in a path, so any printable text. */
export const platform = text(128)
  .min(1)
  .meta({ examples: ["youtube"] });

export const instant = z.date().meta({ examples: ["2026-11-24T10:00:00.000Z"] });

export const CASE_CLASSES = ["baseline", "national", "other"] as const;

export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string().optional(),
    errors: z.array(z.object({ field: z.string(), message: z.string() })).optional(),
  })
  .meta({
    id: "Problem",
    description:
      "RFC 9457. `errors` names every field that is wrong, as a dotted path into the body or the name of a parameter or header.",
    examples: [
      {
        type: "about:blank",
        title: "Unprocessable Entity",
        status: 422,
        detail: "media.url: must be an http or https address",
        errors: [{ field: "media.url", message: "must be an http or https address" }],
      },
    ],
  });

const segment = z.object({
  submissionFromMs: z.number(),
  submissionToMs: z.number(),
  referenceFromMs: z.number(),
  referenceToMs: z.number(),
});

const transform = z.object({
  mirrored: z.boolean(),
  rotatedDeg: z
    .union([z.literal(0), z.literal(90), z.literal(180), z.literal(270)])
    .meta({ description: "How far the submission is turned, counterclockwise." }),
  tiltedDeg: z.number().optional().meta({ description: "How much further a still is turned, about; left out when it is not." }),
  speed: z.number().meta({ description: "1 is the original's; 2 is twice as fast; negative is reversed." }),
  cropped: z.boolean(),
});

/** What every match says, however it was read: from a fresh verdict or from the tables. */
export const matchSchema = z
  .object({
    caseId: z.string(),
    reference: z.object({ id: z.string(), label: z.string(), kind: z.enum(["image", "video"]), durationMs: z.number() }),
    verdict: z.enum(["match", "review"]),
    confidence: z.number().min(0).max(1),
    transform,
    segments: z.array(segment),
    framesAgreeing: z.int(),
    medianDistanceBits: z
      .number()
      .nullable()
      .meta({ description: "Of 256, between whole pictures; null when only parts agree." }),
    coverageOfReference: z.number(),
    coverageOfSubmission: z.number(),
  })
  .meta({ id: "Match", description: "These spans of the submission are those spans of the reference. Times in milliseconds." });

export const MATCH_EXAMPLE = {
  caseId: "C-17",
  reference: { id: "3f0c9a52-6f0e-4c1a-9a53-8e5f1d2b7c40", label: "chair.mp4", kind: "video", durationMs: 12_000 },
  verdict: "match",
  confidence: 0.998,
  transform: { mirrored: false, rotatedDeg: 0, speed: 1, cropped: true },
  segments: [{ submissionFromMs: 0, submissionToMs: 9000, referenceFromMs: 2000, referenceToMs: 11_000 }],
  framesAgreeing: 18,
  medianDistanceBits: 6,
  coverageOfReference: 0.75,
  coverageOfSubmission: 0.4,
};
