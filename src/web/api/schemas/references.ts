import { z } from "zod";
import { referenceFields } from "./cases.js";
import { CASE_CLASSES, caseId, instant, text } from "./common.js";
import { filePart, mediaInput } from "./media.js";

const row = {
  id: z.string(),
  caseId: z.string(),
  caseTitle: z.string(),
  label: z.string(),
  kind: z.enum(["image", "video"]),
  durationMs: z.number(),
  fingerprints: z.int(),
  provenance: z.string().meta({ description: '"own", or the name of a hash list.' }),
  listEntry: z.string().nullable(),
  learnedFrom: z.string().nullable().meta({ description: "The confirmed re-upload it was taken from." }),
  class: z.enum(CASE_CLASSES),
  legalBasis: z.string(),
  retainUntil: instant.nullable(),
  retiredAt: instant.nullable(),
  createdAt: instant,
};

export const referenceRowSchema = z.object(row).meta({ id: "ReferenceRow" });

export const referenceSchema = z
  .object({
    ...row,
    sha256: z.string(),
    algorithm: z.string(),
    patches: z.int(),
    own: z.object({ class: z.enum(CASE_CLASSES).nullable(), legalBasis: z.string(), retainUntil: instant.nullable() }),
    lookedBackAt: instant.nullable(),
    submissions: z.int().meta({ description: "That were found to show it." }),
    lastFoundAt: instant.nullable(),
    dismissals: z.int(),
  })
  .meta({
    id: "Reference",
    description: "One piece of known material. `own` is what stands in it itself; else the case's holds.",
  });

const ROW_EXAMPLE = {
  id: "3f0c9a52-6f0e-4c1a-9a53-8e5f1d2b7c40",
  caseId: "C-17",
  caseTitle: "The chair",
  label: "chair.mp4",
  kind: "video",
  durationMs: 12_000,
  fingerprints: 12,
  provenance: "own",
  listEntry: null,
  learnedFrom: null,
  class: "baseline",
  legalBasis: "Court order 12/2026",
  retainUntil: null,
  retiredAt: null,
  createdAt: "2026-09-01T08:00:00.000Z",
};

export const REFERENCE_ROW_EXAMPLE = ROW_EXAMPLE;

export const REFERENCE_EXAMPLE = {
  ...ROW_EXAMPLE,
  sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
  algorithm: "luma64-pdq/1",
  patches: 216,
  own: { class: null, legalBasis: "", retainUntil: null },
  lookedBackAt: "2026-09-01T08:00:02.000Z",
  submissions: 17,
  lastFoundAt: "2026-11-24T10:00:09.000Z",
  dismissals: 0,
};

export const registeredSchema = z
  .object({
    ...referenceSchema.shape,
    repeated: z.boolean().meta({ description: "The case had this file already; nothing was added." }),
    earlierUploads: z.int().meta({ description: "Earlier uploads of it that the look-back raised alerts for." }),
  })
  .meta({ id: "RegisteredReference" });

export const REGISTERED_EXAMPLE = { ...REFERENCE_EXAMPLE, repeated: false, earlierUploads: 2 };

const provenance = text(128).min(1).default("own").meta({ description: "Where it comes from." });

export const referenceInput = z
  .strictObject({ caseId, provenance, ...referenceFields, label: text(200).min(1), media: mediaInput })
  .meta({ id: "NewReference", description: "Known material, by address or by hashes. The media is read once and not kept." });

export const referenceForm = z.strictObject({
  file: filePart,
  caseId,
  label: text(200).min(1).optional().meta({ description: "What caseworkers see; the file's name when left out." }),
  provenance,
  class: z.enum(CASE_CLASSES).optional(),
  legalBasis: referenceFields.legalBasis,
  retainUntil: referenceFields.retainUntil,
});

export const referenceChange = z
  .strictObject(referenceFields)
  .meta({ id: "ReferenceChange", description: "Only what is given changes." });
