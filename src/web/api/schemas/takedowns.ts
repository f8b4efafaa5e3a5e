import { z } from "zod";
import { REPORTED_STATES } from "../../../casework/takedown-reports.js";
import { TAKEDOWN_STATES } from "../../../casework/takedowns.js";
import { instant } from "./common.js";

const row = {
  id: z.string(),
  submissionId: z.string(),
  caseId: z.string(),
  caseTitle: z.string(),
  platform: z.string().nullable(),
  pageUrl: z.string().nullable(),
  mediaUrl: z.string().nullable(),
  uploader: z.object({ id: z.string().nullable(), url: z.string().nullable() }),
  state: z.enum(TAKEDOWN_STATES),
  attempt: z.int(),
  reuploadNumber: z.int(),
  createdAt: instant,
  updatedAt: instant,
  deadlineAt: instant,
  overdue: z.boolean(),
  recheckAt: instant.nullable().meta({ description: "When the media is looked for again after it was reported removed." }),
  rechecks: z.int(),
  escalatedAt: instant.nullable().meta({ description: "Since when a person must see to it." }),
};

export const takedownRowSchema = z.object(row).meta({ id: "TakedownRow" });

export const takedownSchema = z
  .object({
    ...row,
    evidence: z.object({
      sha256: z.string().nullable(),
      algorithm: z.string(),
      spans: z.array(
        z.object({
          submissionFromMs: z.number(),
          submissionToMs: z.number(),
          referenceFromMs: z.number(),
          referenceToMs: z.number(),
        }),
      ),
      distances: z.object({ medianBits: z.number().nullable(), framesAgreeing: z.number() }),
      policyVersion: z.string(),
      toolVersion: z.string(),
    }),
    reportedAt: instant.nullable(),
    events: z.array(
      z.object({
        id: z.string(),
        attempt: z.int(),
        state: z.enum(TAKEDOWN_STATES),
        actor: z.string(),
        detail: z.string(),
        at: instant,
      }),
    ),
  })
  .meta({ id: "Takedown", description: "The request that follows a match, and what became of it." });

const ROW_EXAMPLE = {
  id: "6a2c9a52-6f0e-4c1a-9a53-8e5f1d2b7c42",
  submissionId: "intake-2041",
  caseId: "C-17",
  caseTitle: "The chair",
  platform: "youtube",
  pageUrl: "https://youtube.example/watch?v=2041",
  mediaUrl: null,
  uploader: { id: "channel-9", url: null },
  state: "sent",
  attempt: 1,
  reuploadNumber: 17,
  createdAt: "2026-11-24T10:00:09.000Z",
  updatedAt: "2026-11-24T10:01:00.000Z",
  deadlineAt: "2026-11-25T10:00:09.000Z",
  overdue: false,
  recheckAt: null,
  rechecks: 0,
  escalatedAt: null,
};

export const TAKEDOWN_ROW_EXAMPLE = ROW_EXAMPLE;

export const TAKEDOWN_EXAMPLE = {
  ...ROW_EXAMPLE,
  evidence: {
    sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    algorithm: "luma64-pdq/1",
    spans: [{ submissionFromMs: 0, submissionToMs: 9000, referenceFromMs: 2000, referenceToMs: 11_000 }],
    distances: { medianBits: 6, framesAgreeing: 18 },
    policyVersion: "1",
    toolVersion: "0.1.0",
  },
  reportedAt: "2026-11-24T10:00:00.000Z",
  events: [{ id: "1", attempt: 1, state: "sent", actor: "token:takedown-sender", detail: "", at: "2026-11-24T10:01:00.000Z" }],
};

export const resultInput = z
  .strictObject({
    state: z.enum(REPORTED_STATES),
    attempt: z
      .int()
      .min(1)
      .max(2_147_483_647)
      .optional()
      .meta({ description: "Which attempt it is about; the current one when left out." }),
    detail: z.string().max(2_000).optional().meta({ description: "What the platform said, for a person." }),
  })
  .meta({ id: "TakedownResult" });
