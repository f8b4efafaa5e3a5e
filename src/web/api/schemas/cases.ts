import { z } from "zod";
import { CASE_CLASSES, caseId, instant, text } from "./common.js";

const caseClass = z.enum(CASE_CLASSES);

const row = {
  id: z.string(),
  title: z.string(),
  class: caseClass,
  state: z.enum(["open", "closed"]),
  mergedInto: z.string().nullable().meta({ description: "The case that has all of this one's material since they were merged." }),
  uploads: z.int(),
  references: z.int().meta({ description: "Active ones." }),
  openAlerts: z.int(),
  lastUploadAt: instant.nullable(),
  createdAt: instant,
};

export const caseRowSchema = z.object(row).meta({ id: "CaseRow" });

export const caseSchema = z
  .object({
    ...row,
    legalBasis: z.string(),
    retainUntil: instant.nullable(),
    closedAt: instant.nullable(),
    updatedAt: instant,
    mergedFrom: z.array(z.string()),
    uploaders: z.int(),
    platforms: z.int(),
    openTakedowns: z.int(),
    removedTakedowns: z.int(),
    known: z.array(
      z.object({
        id: z.string(),
        label: z.string(),
        kind: z.enum(["image", "video"]),
        durationMs: z.number(),
        fingerprints: z.int(),
        provenance: z.string(),
        class: caseClass.nullable(),
        legalBasis: z.string(),
        retainUntil: instant.nullable(),
        learnedFrom: z.string().nullable(),
        retiredAt: instant.nullable(),
        createdAt: instant,
      }),
    ),
  })
  .meta({ id: "Case", description: "What a caseworker works on, with its known material." });

export const CASE_ROW_EXAMPLE = {
  id: "C-17",
  title: "The chair",
  class: "baseline",
  state: "open",
  mergedInto: null,
  uploads: 17,
  references: 2,
  openAlerts: 3,
  lastUploadAt: "2026-11-24T10:00:05.000Z",
  createdAt: "2026-09-01T08:00:00.000Z",
};

export const CASE_EXAMPLE = {
  ...CASE_ROW_EXAMPLE,
  legalBasis: "Court order 12/2026",
  retainUntil: "2030-12-31T00:00:00.000Z",
  closedAt: null,
  updatedAt: "2026-11-24T10:00:09.000Z",
  mergedFrom: [],
  uploaders: 4,
  platforms: 3,
  openTakedowns: 1,
  removedTakedowns: 15,
  known: [],
};

const retainUntil = z.iso
  .datetime({ offset: true, error: "must be a date and time as in 2030-12-31T00:00:00Z" })
  .nullable()
  .meta({ description: "When it must be erased; null for no date.", examples: ["2030-12-31T00:00:00Z"] });

/** A title is a line in a list; a legal basis may quote an article. */
export const caseFields = {
  title: text(200)
    .optional()
    .meta({ examples: ["The chair"] }),
  class: caseClass.optional(),
  legalBasis: text(2_000).optional(),
  retainUntil: retainUntil.optional(),
};

export const caseInput = z.strictObject({ id: caseId, ...caseFields }).meta({ id: "NewCase" });
export const caseChange = z.strictObject(caseFields).meta({ id: "CaseChange", description: "Only what is given changes." });
export const mergeInput = z.strictObject({ into: caseId.meta({ description: "The case that keeps everything." }) });

/** As a reference's own: null and empty mean that the case's holds. */
export const referenceFields = {
  label: text(200).min(1).optional().meta({ description: "What caseworkers see." }),
  class: caseClass.nullable().optional(),
  legalBasis: text(2_000).optional(),
  retainUntil: retainUntil.optional(),
};

export const timelineSchema = z
  .object({
    uploads: z.array(
      z.object({
        number: z.int(),
        at: instant,
        platform: z.string().nullable(),
        uploaderId: z.string().nullable(),
        submissionId: z.string(),
      }),
    ),
    summary: z.object({
      uploads: z.int(),
      uploaders: z.int(),
      platforms: z.int(),
      firstAt: instant.nullable(),
      lastAt: instant.nullable(),
    }),
  })
  .meta({ id: "CaseTimeline", description: "Every re-upload of a case's material, in order." });

export const TIMELINE_EXAMPLE = {
  uploads: [
    { number: 1, at: "2026-11-24T10:00:05.000Z", platform: "youtube", uploaderId: "channel-9", submissionId: "intake-2041" },
  ],
  summary: {
    uploads: 1,
    uploaders: 1,
    platforms: 1,
    firstAt: "2026-11-24T10:00:05.000Z",
    lastAt: "2026-11-24T10:00:05.000Z",
  },
};
