import { z } from "zod";
import { DELIVERY_STATES } from "../../../delivery/webhook-deliveries.js";
import { WEBHOOK_EVENTS } from "../../../delivery/webhook-events.js";
import { OVERLAP_HOURS, OVERLAP_HOURS_MAX } from "../../../delivery/webhook-registry.js";
import { instant } from "./common.js";

export const webhookRowSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    url: z.string(),
    events: z.array(z.enum(WEBHOOK_EVENTS)),
    createdBy: z.string(),
    createdAt: instant,
    disabledAt: instant.nullable(),
    disabledReason: z.enum(["gone", "by hand"]).nullable().meta({ description: "`gone`: the receiver answered 410." }),
    previousSecretUntil: instant
      .nullable()
      .meta({ description: "Until then everything is signed with the secret before this one too." }),
    waiting: z.int().meta({ description: "Deliveries that have not arrived yet." }),
    dead: z.int().meta({ description: "Deliveries that were given up, and can be replayed." }),
    lastDeliveredAt: instant.nullable(),
  })
  .meta({ id: "Webhook", description: "A system that is told what happens here." });

export const secretSchema = z
  .string()
  .meta({ description: "What everything is signed with (Standard Webhooks, `v1`). Given here and never again." });

export const overlapInput = z.strictObject({
  overlapHours: z
    .int()
    .min(0)
    .max(OVERLAP_HOURS_MAX)
    .default(OVERLAP_HOURS)
    .meta({ description: "How long the old secret stays valid beside the new one; 0 ends it at once." }),
});

export const deliverySchema = z
  .object({
    id: z.string().meta({ description: "The `webhook-id` that the receiver sees, at every attempt." }),
    webhookId: z.string(),
    event: z.string(),
    payload: z
      .record(z.string(), z.unknown())
      .meta({ description: "Ids, kinds and numbers; what `data` of the body holds, less its links." }),
    state: z.enum(DELIVERY_STATES),
    attempts: z.int(),
    createdAt: instant,
    nextAt: instant.nullable().meta({ description: "When it is tried next, of one that waits." }),
    lastAt: instant.nullable(),
    lastStatus: z.int().nullable().meta({ description: "HTTP status of the last attempt; null when there was no answer." }),
    lastError: z.string().nullable(),
    finishedAt: instant.nullable(),
  })
  .meta({ id: "WebhookDelivery" });

export const WEBHOOK_INPUT_EXAMPLE = {
  name: "police desk",
  url: "https://desk.example.org/hooks/reupload",
  events: ["alert.raised", "case.reupload"],
};

export const WEBHOOK_EXAMPLE = {
  id: "5b1f5a0e-0c0f-4a57-8f53-0d8f3a1f6c11",
  ...WEBHOOK_INPUT_EXAMPLE,
  createdBy: "person:ana",
  createdAt: "2026-11-24T10:00:00.000Z",
  disabledAt: null,
  disabledReason: null,
  previousSecretUntil: null,
  waiting: 0,
  dead: 1,
  lastDeliveredAt: "2026-11-25T08:12:31.000Z",
};

export const DELIVERY_EXAMPLE = {
  id: "8a5f5d0e-37a4-4ed0-9d0a-6a4f4f2f2c55",
  webhookId: WEBHOOK_EXAMPLE.id,
  event: "case.reupload",
  payload: { caseId: "C-17", caseIds: ["C-17"], submissionId: "intake-2041", number: 17, platform: "youtube" },
  state: "dead",
  attempts: 10,
  createdAt: "2026-11-21T07:00:00.000Z",
  nextAt: null,
  lastAt: "2026-11-24T10:42:00.000Z",
  lastStatus: 500,
  lastError: "answered 500",
  finishedAt: "2026-11-24T10:42:00.000Z",
};

export const SECRET_EXAMPLE = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDazfGeF4tHvo=";
