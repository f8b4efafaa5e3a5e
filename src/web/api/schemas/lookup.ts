import { z } from "zod";
import { VERDICTS } from "../../../model.js";
import { MATCH_EXAMPLE, matchSchema, sha256 } from "./common.js";
import { filePart, mediaInput } from "./media.js";

const pdq = z
  .string()
  .regex(/^[0-9a-fA-F]{64}$/, "must be 64 hexadecimal digits, as Meta's tools print a PDQ")
  .meta({ examples: ["f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22"] });

export const lookupInput = z
  .strictObject({
    pdq: pdq.optional().meta({ description: "Of one picture." }),
    quality: z.number().min(0).max(100).optional().meta({ description: "PDQ's, with `pdq`; 100 when left out." }),
    sha256: sha256.optional().meta({ description: "Of a file: is exactly this file known?" }),
    media: mediaInput.optional(),
  })
  .refine(
    (body) => [body.pdq, body.sha256, body.media].filter((value) => value !== undefined).length === 1,
    "must have exactly one of pdq, sha256 or media",
  )
  .refine((body) => body.quality === undefined || body.pdq !== undefined, { path: ["quality"], message: "belongs to pdq" })
  .meta({ id: "Lookup" });

export const lookupForm = z.strictObject({ file: filePart });

export const lookupSchema = z
  .object({
    known: z.boolean().meta({ description: "The same file is known, or the verdict is `match` or `review`." }),
    verdict: z
      .enum(VERDICTS)
      .nullable()
      .meta({ description: "What a scan would conclude now; null when only a file's SHA-256 was asked for." }),
    reasons: z.array(z.string()),
    matches: z.array(matchSchema),
    nearest: z.array(z.object({ caseId: z.string(), referenceId: z.string(), label: z.string(), distanceBits: z.int() })).meta({
      description: "References with a picture within 31 of 256 bits, nearest first, at most 20. Near is not yet a match.",
    }),
    sameFile: z.array(z.object({ caseId: z.string(), referenceId: z.string(), label: z.string() })).meta({
      description: "References made of exactly this file.",
    }),
    sha256: z.string().nullable(),
  })
  .meta({ id: "LookupResult" });

export const LOOKUP_EXAMPLE = {
  known: true,
  verdict: "match",
  reasons: ['it is known material "chair.jpg" of case C-17'],
  matches: [MATCH_EXAMPLE],
  nearest: [{ caseId: "C-17", referenceId: "3f0c9a52-6f0e-4c1a-9a53-8e5f1d2b7c40", label: "chair.mp4", distanceBits: 6 }],
  sameFile: [],
  sha256: null,
};
