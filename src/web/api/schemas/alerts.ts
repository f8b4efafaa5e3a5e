import { z } from "zod";
import { ALERT_KINDS, ALERT_STATES } from "../../../casework/alert-query.js";
import { VERDICTS } from "../../../model.js";
import { instant, MATCH_EXAMPLE, matchSchema, text, uuid } from "./common.js";
import { TAKEDOWN_EXAMPLE, takedownSchema } from "./takedowns.js";

const row = {
  id: z.string(),
  seq: z.string().meta({ description: "Grows with time." }),
  kind: z.enum(ALERT_KINDS),
  state: z.enum(ALERT_STATES),
  createdAt: instant,
  submissionId: z.string(),
  caseId: z.string().nullable(),
  caseTitle: z.string().nullable(),
  platform: z.string().nullable(),
  uploaderId: z.string().nullable(),
  confidence: z.number(),
  reuploadNumber: z.int().meta({ description: "The number this upload got in the case; 0 when it has none." }),
  assignedTo: z.object({ id: z.string(), name: z.string() }).nullable(),
  identical: z.int().meta({ description: "Other open alerts about the same file." }),
};

export const alertRowSchema = z.object(row).meta({ id: "AlertRow" });

export const alertSchema = z
  .object({
    ...row,
    submission: z.object({
      id: z.string(),
      platform: z.string().nullable(),
      pageUrl: z.string().nullable(),
      mediaUrl: z.string().nullable(),
      uploader: z.object({ id: z.string().nullable(), url: z.string().nullable() }),
      reportedAt: instant.nullable(),
      receivedAt: instant,
      sha256: z.string().nullable(),
      kind: z.enum(["image", "video"]).nullable(),
      durationMs: z.number().nullable(),
    }),
    verdict: z.object({
      kind: z.enum(VERDICTS),
      reasons: z.array(z.string()),
      policyVersion: z.string(),
      toolVersion: z.string(),
    }),
    matches: z.array(matchSchema).meta({ description: "Surest first." }),
    nthOfCase: z
      .int()
      .nullable()
      .meta({ description: "Which upload of the case's material this is, dismissed ones not counted." }),
    nthOfUploader: z.int().nullable(),
    takedown: takedownSchema.nullable(),
    events: z
      .array(
        z.object({ id: z.string(), actor: z.string(), act: z.string(), detail: z.record(z.string(), z.unknown()), at: instant }),
      )
      .meta({ description: "Oldest first." }),
    identicalOpen: z.array(z.string()),
    decidedAt: instant.nullable(),
    decidedBy: z.string().nullable(),
    reason: z.string().nullable(),
    undoableUntil: instant.nullable(),
  })
  .meta({ id: "Alert", description: "All that is known of one alert. Media is never part of it." });

const ROW_EXAMPLE = {
  id: "5f2c9a52-6f0e-4c1a-9a53-8e5f1d2b7c41",
  seq: "2041",
  kind: "match",
  state: "open",
  createdAt: "2026-11-24T10:00:09.000Z",
  submissionId: "intake-2041",
  caseId: "C-17",
  caseTitle: "The chair",
  platform: "youtube",
  uploaderId: "channel-9",
  confidence: 0.998,
  reuploadNumber: 17,
  assignedTo: null,
  identical: 2,
};

export const ALERT_ROW_EXAMPLE = ROW_EXAMPLE;

export const ALERT_EXAMPLE = {
  ...ROW_EXAMPLE,
  submission: {
    id: "intake-2041",
    platform: "youtube",
    pageUrl: "https://youtube.example/watch?v=2041",
    mediaUrl: null,
    uploader: { id: "channel-9", url: null },
    reportedAt: "2026-11-24T10:00:00.000Z",
    receivedAt: "2026-11-24T10:00:05.000Z",
    sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    kind: "video",
    durationMs: 22_500,
  },
  verdict: {
    kind: "match",
    reasons: ['9 s of it are known material "chair.mp4" of case C-17'],
    policyVersion: "1",
    toolVersion: "0.1.0",
  },
  matches: [MATCH_EXAMPLE],
  nthOfCase: 17,
  nthOfUploader: 3,
  takedown: TAKEDOWN_EXAMPLE,
  events: [],
  identicalOpen: [],
  decidedAt: null,
  decidedBy: null,
  reason: null,
  undoableUntil: null,
};

const reason = text(1_000)
  .trim()
  .min(1)
  .meta({ examples: ["another chair"] });

export const actInput = z
  .discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("confirm") }),
    z.strictObject({ kind: z.literal("dismiss"), reason }),
    z.strictObject({ kind: z.literal("escalate"), reason }),
    z.strictObject({ kind: z.literal("assign"), accountId: uuid.nullable() }),
    z.strictObject({ kind: z.literal("note"), text: text(4_000).trim().min(1) }),
    z.strictObject({ kind: z.literal("undo") }),
  ])
  .meta({
    id: "Act",
    description: "What a person decides about an alert. A dismissed pair of file and reference never alerts again.",
  });

const MOST_AT_ONCE = 1_000;

export const actsInput = z.strictObject({ ids: z.array(uuid).min(1).max(MOST_AT_ONCE), act: actInput });

export const actsOutcome = z.object({
  done: z.array(z.string()),
  refused: z.array(z.object({ id: z.string(), why: z.string() })),
});
