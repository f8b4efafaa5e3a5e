import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { z } from "zod";
import {
  DELIVERY_STATES,
  type DeliveryState,
  listDeliveries,
  replayDead,
  replayDelivery,
  testWebhook,
} from "../delivery/webhook-deliveries.js";
import { WEBHOOK_EVENTS } from "../delivery/webhook-events.js";
import {
  addWebhook,
  enableWebhook,
  listWebhooks,
  OVERLAP_HOURS,
  readWebhook,
  removeWebhook,
  rotateSecret,
  updateWebhook,
  webhookSchema,
} from "../delivery/webhook-registry.js";
import { actorOf } from "../people/rights.js";
import { field, fields, parameter } from "./access/form.js";
import { needsPerson } from "./access/guard.js";
import { NotFound } from "./console/errors.js";
import { page, readerOf } from "./console/page.js";
import type { Parts } from "./parts.js";
import { webhookGuard } from "./webhook-guard.js";

const PAGE_SIZE = 50;
const FORM_BYTES = 16_384;

interface One {
  Params: { id: string };
}
interface OneDelivery {
  Params: { id: string; deliveryId: string };
}

/** What a person sees once: a secret that was just made, or why the form was refused. */
interface Shown {
  secret?: string;
  refused?: z.core.$ZodIssue;
}

type Told = "saved" | "tested" | "removed" | "replayed" | "notReplayed" | "disabled" | "enabled";

/** For admins: who is told of what, what became of each delivery, and the dead letters to replay. */
export function webhookRoutes(server: FastifyInstance, { pool, config }: Pick<Parts, "pool" | "config">): void {
  const admins = { preHandler: needsPerson("admin"), bodyLimit: FORM_BYTES };
  const schema = webhookSchema(webhookGuard(config));
  const actor = (request: FastifyRequest) => actorOf(request.who!);
  const given = (request: FastifyRequest) => ({
    name: field(request, "name"),
    url: field(request, "url").trim(),
    events: fields(request, "events"),
  });

  const list = async (request: FastifyRequest, reply: FastifyReply, { refused }: Shown = {}) =>
    page(request, reply, "webhooks-list", {
      title: readerOf(request).t.nav.webhooks,
      webhooks: await listWebhooks(pool),
      events: WEBHOOK_EVENTS,
      given: refused ? given(request) : { name: "", url: "", events: WEBHOOK_EVENTS },
      refused,
      told: parameter(request, "told"),
      n: parameter(request, "n"),
    });

  const one = async (request: FastifyRequest, reply: FastifyReply, id: string, { secret, refused }: Shown = {}) => {
    const webhook = await readWebhook(pool, id);
    if (webhook === undefined) throw new NotFound();
    const state = stateOf(parameter(request, "state"));
    const after = positionOf(parameter(request, "after"));
    const { deliveries, next } = await listDeliveries(pool, { webhookId: webhook.id, state }, { after, limit: PAGE_SIZE });
    const shown = {
      title: webhook.name,
      webhook,
      events: WEBHOOK_EVENTS,
      states: DELIVERY_STATES,
      chosen: state,
      deliveries,
      next,
    };
    return page(request, reply, "webhooks-one", {
      ...shown,
      given: refused ? given(request) : webhook,
      secret,
      overlapHours: OVERLAP_HOURS,
      refused,
      told: parameter(request, "told"),
      n: parameter(request, "n"),
    });
  };
  const tell = (reply: FastifyReply, path: string, told: Told, n = 1) =>
    reply.redirect(`${path}?told=${told}${n === 1 ? "" : `&n=${n}`}`, 303);
  const found = <T>(value: T | undefined | false): T => {
    if (value === undefined || value === false) throw new NotFound();
    return value;
  };

  server.get("/webhooks", admins, (request, reply) => list(request, reply));
  server.post("/webhooks", admins, async (request, reply) => {
    const parsed = schema.safeParse(given(request));
    if (!parsed.success) return list(request, reply.code(422), { refused: parsed.error.issues[0] });
    const { id, secret } = await addWebhook(pool, parsed.data, actor(request), config.webhookKey);
    return one(request, reply, id, { secret });
  });
  server.post("/webhooks/replay", admins, async (request, reply) =>
    tellReplayed(reply, "/webhooks", await replayDead(pool, undefined, actor(request))),
  );

  server.get<One>("/webhooks/:id", admins, (request, reply) => one(request, reply, request.params.id));
  server.post<One>("/webhooks/:id", admins, async (request, reply) => {
    const { id } = request.params;
    const parsed = schema.safeParse(given(request));
    if (!parsed.success) return one(request, reply.code(422), id, { refused: parsed.error.issues[0] });
    found(await updateWebhook(pool, id, parsed.data, actor(request)));
    return tell(reply, `/webhooks/${id}`, "saved");
  });
  server.post<One>("/webhooks/:id/secret", admins, async (request, reply) => {
    const { secret } = found(await rotateSecret(pool, request.params.id, actor(request), config.webhookKey));
    return one(request, reply, request.params.id, { secret });
  });
  server.post<One>("/webhooks/:id/test", admins, async (request, reply) => {
    const tested = await testWebhook(pool, request.params.id, actor(request));
    if (tested === "missing") throw new NotFound();
    return tell(reply, `/webhooks/${request.params.id}`, tested === "disabled" ? "disabled" : "tested");
  });
  for (const [name, enabled] of [
    ["enable", true],
    ["disable", false],
  ] as const)
    server.post<One>(`/webhooks/:id/${name}`, admins, async (request, reply) => {
      found(await enableWebhook(pool, request.params.id, enabled, actor(request)));
      return tell(reply, `/webhooks/${request.params.id}`, enabled ? "enabled" : "disabled");
    });
  server.post<One>("/webhooks/:id/remove", admins, async (request, reply) => {
    found(await removeWebhook(pool, request.params.id, actor(request)));
    return tell(reply, "/webhooks", "removed");
  });
  server.post<One>("/webhooks/:id/replay", admins, async (request, reply) => {
    const { id } = found(await readWebhook(pool, request.params.id));
    return tellReplayed(reply, `/webhooks/${id}`, await replayDead(pool, id, actor(request)));
  });
  server.post<OneDelivery>("/webhooks/:id/deliveries/:deliveryId/replay", admins, async (request, reply) => {
    const replayed = await replayDelivery(pool, request.params.deliveryId, actor(request), request.params.id);
    if (replayed === "missing") throw new NotFound();
    return tellReplayed(reply, `/webhooks/${request.params.id}`, replayed === "replayed" ? 1 : 0);
  });

  function tellReplayed(reply: FastifyReply, path: string, count: number): FastifyReply {
    return tell(reply, path, count === 0 ? "notReplayed" : "replayed", count || 1);
  }
}

const stateOf = (text: string | undefined): DeliveryState | undefined => DELIVERY_STATES.find((state) => state === text);

/** Where the next page begins; anything that is no position begins at the newest. */
const positionOf = (text: string | undefined): string | undefined => (/^\d{1,18}$/.test(text ?? "") ? text : undefined);
