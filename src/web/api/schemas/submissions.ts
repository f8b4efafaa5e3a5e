import { z } from "zod";
import { VERDICTS } from "../../../model.js";
import { instant, matchSchema, submissionId, uuid } from "./common.js";

export const SUBMISSION_STATES = ["scanned", "queued", "scanning", "retrying", "parked"] as const;

const outcome = {
  verdict: z.enum(VERDICTS),
  caseIds: z.array(z.string()),
  reuploadNumber: z.int().optional().meta({ description: "The nth upload of the case's material." }),
  alertId: z.string().optional(),
  takedownId: z.string().optional(),
};

export const acceptedSchema = z
  .object({
    submissionId: z.string(),
    state: z.enum(SUBMISSION_STATES),
    ...outcome,
    verdict: outcome.verdict.optional(),
    caseIds: outcome.caseIds.optional(),
  })
  .meta({ id: "Accepted", description: "The submission is queued, or was scanned before: then with its first outcome." });

export const verdictSchema = z
  .object({
    id: z.string(),
    submissionId: z.string(),
    origin: z.enum(["scan", "look-back"]),
    kind: z.enum(VERDICTS),
    reasons: z.array(z.string()),
    policyVersion: z.string(),
    toolVersion: z.string(),
    createdAt: instant,
    matches: z.array(matchSchema),
  })
  .meta({ id: "Verdict", description: "What a scan, or a later look-back to a new reference, concluded." });

export const submissionSchema = z
  .object({
    submissionId: z.string(),
    state: z.enum(SUBMISSION_STATES),
    reason: z.string().optional().meta({ description: "Of a parked submission: what is wrong with it." }),
    field: z.string().optional().meta({ description: "Of a parked submission: what to mend." }),
    platform: z.string().nullable().optional(),
    pageUrl: z.string().nullable().optional(),
    uploader: z.object({ id: z.string().nullable(), url: z.string().nullable() }).optional(),
    sha256: z.string().nullable().optional(),
    kind: z.enum(["image", "video"]).nullable().optional(),
    durationMs: z.number().nullable().optional(),
    reportedAt: instant.nullable().optional(),
    receivedAt: instant.optional(),
    ...outcome,
    verdict: outcome.verdict.optional(),
    caseIds: outcome.caseIds.optional(),
    verdicts: z.array(verdictSchema),
  })
  .meta({ id: "SubmissionReport", description: "All that is known of a submission. Until it is scanned, only its state." });

export const listedSubmissionSchema = z
  .object({
    submissionId: z.string(),
    platform: z.string().nullable(),
    pageUrl: z.string().nullable(),
    uploaderId: z.string().nullable(),
    kind: z.enum(["image", "video"]).nullable(),
    verdict: z.enum(VERDICTS).nullable(),
    receivedAt: instant,
  })
  .meta({ id: "ListedSubmission" });

export const batchOutcomeSchema = z
  .object({
    index: z.int().meta({ description: "Place in the request, from 0." }),
    submissionId: z.string().nullable(),
    status: z.int().meta({ description: "As if it had been sent alone: 202, 200, 409, 422 or 503.", examples: [202] }),
    state: z.enum(SUBMISSION_STATES).optional(),
    verdict: z.enum(VERDICTS).optional(),
    errors: z.array(z.object({ field: z.string(), message: z.string() })).optional(),
  })
  .meta({ id: "BatchOutcome" });

export const submissionParams = z.object({ submissionId });
export const verdictParams = z.object({ verdictId: uuid });
