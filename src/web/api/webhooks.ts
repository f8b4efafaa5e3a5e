import { z } from "zod";
import { testWebhook } from "../../delivery/webhook-deliveries.js";
import {
  addWebhook,
  enableWebhook,
  listWebhooks,
  readWebhook,
  removeWebhook,
  rotateSecret,
  updateWebhook,
  webhookSchema,
} from "../../delivery/webhook-registry.js";
import { needs } from "../access/guard.js";
import type { Parts } from "../parts.js";
import { ProblemError } from "../problem.js";
import { webhookGuard } from "../webhook-guard.js";
import { type Api, askerOf, found, SMALL_BODY_BYTES } from "./routes.js";
import { uuid } from "./schemas/common.js";
import * as schemas from "./schemas/webhooks.js";
import { webhookDeliveryRoutes } from "./webhook-deliveries.js";

const params = z.object({ webhookId: uuid });
const admins = { onRequest: needs("admin"), bodyLimit: SMALL_BODY_BYTES };
const shared = { tags: ["webhooks"], right: "admin" as const };
const DISABLED = "the webhook is disabled: enable it first";

const WEBHOOK = { 200: { description: "The webhook.", example: schemas.WEBHOOK_EXAMPLE } };

/** Who is told of what, and what became of it. Only for admins. */
export function webhookApi(api: Api, parts: Pick<Parts, "pool" | "config">): void {
  registryRoutes(api, parts);
  secretRoutes(api, parts);
  webhookDeliveryRoutes(api, parts);
}

function registryRoutes(api: Api, { pool, config }: Pick<Parts, "pool" | "config">): void {
  const input = webhookSchema(webhookGuard(config));
  const change = input.extend({ enabled: z.boolean() }).partial();

  api.get(
    "/webhooks",
    {
      ...admins,
      schema: {
        ...shared,
        operationId: "listWebhooks",
        summary: "List webhooks",
        description: "All of them, oldest first, without their secrets.",
        response: { 200: z.object({ items: z.array(schemas.webhookRowSchema) }) },
        answers: { 200: { description: "All webhooks.", example: { items: [schemas.WEBHOOK_EXAMPLE] } } },
      },
    },
    async () => ({ items: await listWebhooks(pool) }),
  );

  api.post(
    "/webhooks",
    {
      ...admins,
      config: { answerIsSecret: true },
      schema: {
        ...shared,
        operationId: "addWebhook",
        summary: "Add a webhook",
        description: "It is told of what happens from now on. The answer holds its secret, which is given only once.",
        body: input,
        bodyExample: schemas.WEBHOOK_INPUT_EXAMPLE,
        response: { 201: z.object({ webhook: schemas.webhookRowSchema, secret: schemas.secretSchema }) },
        answers: {
          201: {
            description: "The webhook and its secret.",
            example: { webhook: schemas.WEBHOOK_EXAMPLE, secret: schemas.SECRET_EXAMPLE },
          },
        },
      },
    },
    async (request, reply) => {
      const { id, secret } = await addWebhook(pool, request.body, askerOf(request), config.webhookKey);
      reply.code(201).header("location", `/v1/webhooks/${id}`);
      return { webhook: found(await readWebhook(pool, id), "webhook"), secret };
    },
  );

  api.get(
    "/webhooks/:webhookId",
    {
      ...admins,
      schema: {
        ...shared,
        operationId: "readWebhook",
        summary: "Read a webhook",
        description: "Without its secret.",
        params,
        response: { 200: schemas.webhookRowSchema },
        problems: [404],
        answers: WEBHOOK,
      },
    },
    async (request) => found(await readWebhook(pool, request.params.webhookId), "webhook"),
  );

  api.patch(
    "/webhooks/:webhookId",
    {
      ...admins,
      schema: {
        ...shared,
        operationId: "changeWebhook",
        summary: "Change a webhook",
        description: "Changes what is given. While `enabled` is false it is told nothing, and what waits becomes dead letters.",
        params,
        body: change,
        bodyExample: { events: ["alert.raised"], enabled: true },
        response: { 200: schemas.webhookRowSchema },
        problems: [404],
        answers: WEBHOOK,
      },
    },
    async (request) => {
      const { webhookId } = request.params;
      const { enabled, ...rest } = request.body;
      const actor = askerOf(request);
      if (Object.keys(rest).length > 0) found((await updateWebhook(pool, webhookId, rest, actor)) || undefined, "webhook");
      if (enabled !== undefined) found((await enableWebhook(pool, webhookId, enabled, actor)) || undefined, "webhook");
      return found(await readWebhook(pool, webhookId), "webhook");
    },
  );

  api.delete(
    "/webhooks/:webhookId",
    {
      ...admins,
      schema: {
        ...shared,
        operationId: "removeWebhook",
        summary: "Remove a webhook",
        description: "With everything that waits for it, and its dead letters.",
        params,
        response: { 204: z.null() },
        problems: [404],
        answers: { 204: { description: "It is removed." } },
      },
    },
    async (request, reply) => {
      found((await removeWebhook(pool, request.params.webhookId, askerOf(request))) || undefined, "webhook");
      return reply.code(204).send(null);
    },
  );
}

function secretRoutes(api: Api, { pool, config }: Pick<Parts, "pool" | "config">): void {
  api.post(
    "/webhooks/:webhookId/secret",
    {
      ...admins,
      config: { answerIsSecret: true },
      schema: {
        ...shared,
        operationId: "replaceWebhookSecret",
        summary: "Replace a webhook's secret",
        description: "The old one stays valid beside the new one for a while: everything then carries two signatures.",
        params,
        body: schemas.overlapInput,
        bodyExample: { overlapHours: 24 },
        response: { 200: z.object({ secret: schemas.secretSchema }) },
        problems: [404],
        answers: { 200: { description: "The new secret.", example: { secret: schemas.SECRET_EXAMPLE } } },
      },
    },
    async (request) =>
      found(
        await rotateSecret(pool, request.params.webhookId, askerOf(request), config.webhookKey, request.body.overlapHours),
        "webhook",
      ),
  );

  api.post(
    "/webhooks/:webhookId/test",
    {
      ...admins,
      schema: {
        ...shared,
        operationId: "testWebhook",
        summary: "Send a test",
        description: "A `webhook.test` event, sent by the relay like any other. Its delivery says what became of it.",
        params,
        response: { 202: z.object({ deliveryId: z.string() }) },
        problems: [404, 409],
        answers: { 202: { description: "It is on its way.", example: { deliveryId: schemas.DELIVERY_EXAMPLE.id } } },
      },
    },
    async (request, reply) => {
      const tested = await testWebhook(pool, request.params.webhookId, askerOf(request));
      if (tested === "disabled") throw new ProblemError(409, DISABLED);
      reply.code(202);
      return found(tested === "missing" ? undefined : tested, "webhook");
    },
  );
}
