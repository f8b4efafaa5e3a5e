import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Pool } from "pg";
import { z } from "zod";
import { type Act, actOnAlerts } from "../../casework/acts.js";
import { readAlert } from "../../casework/alerts.js";
import { UsageError } from "../../errors.js";
import { needs } from "../access/guard.js";
import type { Parts } from "../parts.js";
import { actor, optional, read, several, uuid, whoOf, words } from "./input.js";
import { type FlashCode, page, readerOf, redirectBack, safePath } from "./page.js";
import { refusalFor } from "./refusals.js";
import { textsOf } from "./texts.js";

/** As many as stand in one list, and their identical ones. */
const MOST_AT_ONCE = 2_000;
const FORM_BYTES = 256 * 1024;
/** So many can be undone from the message after an act; an address must stay short. */
const UNDO_IN_MESSAGE = 25;

const form = z.object({
  id: several(uuid),
  /** A button of one line of the list: "confirm:<id>". It goes before what is selected. */
  one: optional(z.string().regex(/^confirm:[0-9a-f-]{36}$/, "must be confirm: and an id")),
  act: optional(z.enum(["confirm", "dismiss", "escalate", "assign", "assign-me", "note", "undo"], "is no act we know")),
  /** A quick reason's button. */
  dismiss: optional(words(40)),
  dismissReason: optional(words(500)),
  escalateReason: optional(words(500)),
  account: optional(uuid),
  text: optional(words(2_000)),
  identical: optional(z.literal("1")),
});
type Form = z.output<typeof form>;

const MESSAGES: Record<Act["kind"], FlashCode> = {
  confirm: "confirmed",
  dismiss: "dismissed",
  escalate: "escalated",
  assign: "assigned",
  note: "noted",
  undo: "undone",
};

/** Whom an alert can be given to: everyone who may act. */
export async function assignable(pool: Pool): Promise<{ id: string; name: string }[]> {
  const { rows } = await pool.query<{ id: string; name: string }>(
    "select id, name from account where disabled_at is null and role <> 'viewer' order by lower(name) limit 200",
  );
  return rows;
}

/** `POST /alerts/act`: one act on one alert or many. Says what was refused, and why; else goes back to where the form was. */
export function actRoutes(pages: FastifyInstance, parts: Parts): void {
  pages.post("/alerts/act", { preHandler: needs("alerts:write"), bodyLimit: FORM_BYTES }, async (request, reply) => {
    const asked = read(form, request.body);
    const ids = await idsOf(parts.pool, asked);
    if (ids.length === 0) return redirectBack(request, reply, "/alerts", "nothing");
    const act = actOf(asked, request);
    const { done, refused } = await actOnAlerts(parts.pool, ids, actor(request), act, parts.settings, parts.acts);
    if (refused.length > 0) {
      const reader = readerOf(request);
      const said = refused.map(({ id, why }) => ({ id, ...refusalFor(why, reader) }));
      const back = safePath((request.body as Record<string, unknown>).back, "/alerts");
      return page(request, reply.code(409), "refused", { title: reader.t.alerts.acts.refusedTitle, done, refused: said, back });
    }
    const undo = ["confirm", "dismiss", "escalate"].includes(act.kind) ? done.slice(0, UNDO_IN_MESSAGE) : [];
    return redirectBack(request, reply, "/alerts", MESSAGES[act.kind], done.length, undo);
  });
}

async function idsOf(pool: Pool, { id, one, identical }: Form): Promise<string[]> {
  if (one) return [one.slice("confirm:".length)];
  const others = identical && id.length === 1 ? ((await readAlert(pool, id[0]))?.identicalOpen ?? []) : [];
  const ids = [...new Set([...id, ...others])];
  if (ids.length > MOST_AT_ONCE) throw new UsageError(`id: at most ${MOST_AT_ONCE} alerts at once`);
  return ids;
}

function actOf(asked: Form, request: FastifyRequest): Act {
  const who = whoOf(request);
  if (asked.one) return { kind: "confirm" };
  if (asked.dismiss) return { kind: "dismiss", reason: quickReason(asked.dismiss) };
  switch (asked.act) {
    case "confirm":
    case "undo":
      return { kind: asked.act };
    case "dismiss":
      return { kind: "dismiss", reason: needed("dismissReason", asked.dismissReason) };
    case "escalate":
      return { kind: "escalate", reason: needed("escalateReason", asked.escalateReason) };
    case "note":
      return { kind: "note", text: needed("text", asked.text) };
    case "assign":
      return { kind: "assign", accountId: asked.account ?? null };
    case "assign-me":
      return { kind: "assign", accountId: who.kind === "person" ? who.accountId : null };
    default:
      throw new UsageError("act: say what to do");
  }
}

function needed(field: string, value: string | undefined): string {
  if (value === undefined) throw new UsageError(`${field} must not be empty`);
  return value;
}

/** Recorded in English whatever the language of the page; pages show it in the reader's (see `shownReason`). */
function quickReason(code: string): string {
  const { reasons } = textsOf("en").alerts;
  if (!Object.hasOwn(reasons, code)) throw new UsageError("dismiss is no reason we know");
  return reasons[code];
}

/** A reason as recorded, in the reader's language if it was one of the quick ones. */
export function shownReason(reason: string, translated: Record<string, string>): string {
  const code = Object.entries(textsOf("en").alerts.reasons).find(([, text]) => text === reason)?.[0];
  return code === undefined ? reason : translated[code];
}
