import { z } from "zod";
import { DELIVERY_STATES, listDeliveries, replayDead, replayDelivery } from "../../delivery/webhook-deliveries.js";
import { readWebhook } from "../../delivery/webhook-registry.js";
import { needs } from "../access/guard.js";
import type { Parts } from "../parts.js";
import { ProblemError } from "../problem.js";
import { page, pageOf, pageQuery, positionOf } from "./pages.js";
import { type Api, askerOf, found, SMALL_BODY_BYTES } from "./routes.js";
import { uuid } from "./schemas/common.js";
import * as schemas from "./schemas/webhooks.js";

const params = z.object({ webhookId: uuid });
const deliveryParams = z.object({ webhookId: uuid, deliveryId: uuid });
const admins = { onRequest: needs("admin"), bodyLimit: SMALL_BODY_BYTES };
const shared = { tags: ["webhooks"], right: "admin" as const };
const DISABLED = "the webhook is disabled: enable it first";

const REPLAYED = { 200: { description: "How many are on their way again.", example: { replayed: 3 } } };

/** What became of what a webhook was told, and its dead letters. */
export function webhookDeliveryRoutes(api: Api, { pool }: Pick<Parts, "pool">): void {
  api.get(
    "/webhooks/:webhookId/deliveries",
    {
      ...admins,
      schema: {
        ...shared,
        operationId: "listWebhookDeliveries",
        summary: "List a webhook's deliveries, newest first",
        description: "Delivered ones are kept for 7 days, dead letters for 90.",
        params,
        querystring: z.strictObject({ ...pageQuery, state: z.enum(DELIVERY_STATES).optional() }),
        response: { 200: pageOf(schemas.deliverySchema) },
        problems: [404],
        answers: { 200: { description: "A page.", example: { items: [schemas.DELIVERY_EXAMPLE] } } },
      },
    },
    async (request, reply) => {
      const { webhookId } = request.params;
      const { limit, cursor, state } = request.query;
      found(await readWebhook(pool, webhookId), "webhook");
      const { deliveries, next } = await listDeliveries(pool, { webhookId, state }, { after: positionOf(cursor), limit });
      return page(request, reply, deliveries, next);
    },
  );

  api.post(
    "/webhooks/:webhookId/replay",
    {
      ...admins,
      schema: {
        ...shared,
        operationId: "replayDeadDeliveries",
        summary: "Replay all dead letters of a webhook",
        description: "Each is sent again under the same `webhook-id`, from the first attempt on.",
        params,
        response: { 200: z.object({ replayed: z.int() }) },
        problems: [404, 409],
        answers: REPLAYED,
      },
    },
    async (request) => {
      const { disabledAt, id } = found(await readWebhook(pool, request.params.webhookId), "webhook");
      if (disabledAt) throw new ProblemError(409, DISABLED);
      return { replayed: await replayDead(pool, id, askerOf(request)) };
    },
  );

  api.post(
    "/webhooks/:webhookId/deliveries/:deliveryId/replay",
    {
      ...admins,
      schema: {
        ...shared,
        operationId: "replayDelivery",
        summary: "Replay one dead letter",
        description: "It is sent again under the same `webhook-id`, from the first attempt on.",
        params: deliveryParams,
        response: { 200: z.object({ replayed: z.int() }) },
        problems: [404, 409],
        answers: REPLAYED,
      },
    },
    async (request) => {
      const replayed = await replayDelivery(pool, request.params.deliveryId, askerOf(request), request.params.webhookId);
      if (replayed === "missing") throw new ProblemError(404, "there is no delivery with this id");
      if (replayed === "disabled") throw new ProblemError(409, DISABLED);
      if (replayed === "not dead") throw new ProblemError(409, "the delivery is not dead: it was delivered, or is still tried");
      return { replayed: 1 };
    },
  );
}
