import { z } from "zod";
import { actOnAlerts } from "../../casework/acts.js";
import { ALERT_KINDS, ALERT_ORDERS, ALERT_STATES } from "../../casework/alert-query.js";
import { listAlerts, readAlert } from "../../casework/alerts.js";
import { audit } from "../../platform/audit.js";
import { needs } from "../access/guard.js";
import type { Parts } from "../parts.js";
import { ProblemError } from "../problem.js";
import { page, pageOf, pageQuery, positionOf } from "./pages.js";
import { type Api, askerOf, found, SMALL_BODY_BYTES } from "./routes.js";
import * as schemas from "./schemas/alerts.js";
import { caseId, platform, sha256, submissionId, text, uuid } from "./schemas/common.js";

const params = z.object({ alertId: uuid });

export function alertRoutes(api: Api, { pool, settings, acts }: Parts): void {
  api.get(
    "/alerts",
    {
      onRequest: needs("alerts:read"),
      schema: {
        operationId: "listAlerts",
        tags: ["alerts"],
        summary: "List alerts",
        description: "Open ones, newest first, unless asked otherwise. The reading is logged, with the alerts that were given.",
        right: "alerts:read",
        querystring: z.strictObject({
          ...pageQuery,
          order: z.enum(ALERT_ORDERS).default("newest"),
          state: z.enum([...ALERT_STATES, "all"]).default("open"),
          kind: z.enum(ALERT_KINDS).optional(),
          caseId: caseId.optional(),
          platform: platform.optional(),
          uploaderId: text(512).min(1).optional(),
          assignedTo: z.union([uuid, z.literal("nobody")]).optional(),
          submissionId: submissionId.optional(),
          mediaSha256: sha256.optional(),
        }),
        response: { 200: pageOf(schemas.alertRowSchema) },
        answers: { 200: { description: "A page.", example: { items: [schemas.ALERT_ROW_EXAMPLE] } } },
      },
    },
    async (request, reply) => {
      const { limit, cursor, order, ...filter } = request.query;
      const { alerts, next } = await listAlerts(pool, filter, { order, after: positionOf(cursor), limit });
      if (alerts.length > 0) {
        const detail = { alerts: alerts.map(({ id }) => id) };
        await audit(pool, { actor: askerOf(request), act: "alerts listed", subject: "alerts", detail });
      }
      return page(request, reply, alerts, next);
    },
  );

  api.get(
    "/alerts/:alertId",
    {
      onRequest: needs("alerts:read"),
      schema: {
        operationId: "readAlert",
        tags: ["alerts"],
        summary: "Read an alert",
        description: "Which known case, how sure and why, where it is on-line, and what was done already. The reading is logged.",
        right: "alerts:read",
        params,
        response: { 200: schemas.alertSchema },
        problems: [404],
        answers: { 200: { description: "The alert.", example: schemas.ALERT_EXAMPLE } },
      },
    },
    async (request) => {
      const alert = found(await readAlert(pool, request.params.alertId), "alert");
      await audit(pool, { actor: askerOf(request), act: "alert read", subject: `alert:${alert.id}` });
      return alert;
    },
  );

  api.post(
    "/alerts/:alertId/acts",
    {
      onRequest: needs("alerts:write"),
      bodyLimit: SMALL_BODY_BYTES,
      schema: {
        operationId: "actOnAlert",
        tags: ["alerts"],
        summary: "Confirm, dismiss, escalate, assign, note or undo",
        description:
          "Confirming queues the takedown and lets the case learn the variant. 409 says why an act is not possible in this state.",
        right: "alerts:write",
        params,
        body: schemas.actInput,
        bodyExample: { kind: "dismiss", reason: "another chair" },
        response: { 200: schemas.alertSchema },
        problems: [404],
        answers: { 200: { description: "The alert as it is now.", example: schemas.ALERT_EXAMPLE } },
      },
    },
    async (request) => {
      const { alertId } = request.params;
      found(await readAlert(pool, alertId), "alert");
      const { refused } = await actOnAlerts(pool, [alertId], askerOf(request), request.body, settings, acts);
      if (refused.length > 0) throw new ProblemError(409, refused[0].why);
      return (await readAlert(pool, alertId))!;
    },
  );

  api.post(
    "/alerts/acts",
    {
      onRequest: needs("alerts:write"),
      bodyLimit: SMALL_BODY_BYTES,
      schema: {
        operationId: "actOnAlerts",
        tags: ["alerts"],
        summary: "One act on up to 1,000 alerts",
        description: "For identical alerts. Each is acted on by itself; `refused` says which were not, and why.",
        right: "alerts:write",
        body: schemas.actsInput,
        bodyExample: { ids: ["5f2c9a52-6f0e-4c1a-9a53-8e5f1d2b7c41"], act: { kind: "confirm" } },
        response: { 200: schemas.actsOutcome },
        answers: {
          200: { description: "What was done.", example: { done: ["5f2c9a52-6f0e-4c1a-9a53-8e5f1d2b7c41"], refused: [] } },
        },
      },
    },
    async (request) => actOnAlerts(pool, [...new Set(request.body.ids)], askerOf(request), request.body.act, settings, acts),
  );
}
