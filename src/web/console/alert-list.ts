import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Pool } from "pg";
import { z } from "zod";
import { ALERT_KINDS, ALERT_ORDERS, ALERT_STATES, type AlertFilter } from "../../casework/alert-query.js";
import { type AlertRow, listAlerts, readAlert } from "../../casework/alerts.js";
import { needs } from "../access/guard.js";
import type { Parts } from "../parts.js";
import { actRoutes, assignable } from "./acts.js";
import { breakFor } from "./breaks.js";
import { optional, read, uuid, whoOf, words } from "./input.js";
import { page, type Reader, readerOf, urlWith } from "./page.js";

/** As many as a person looks through in one go; the page stays light on an old laptop. */
const PAGE_LENGTH = 25;

const query = z.object({
  order: optional(z.enum(ALERT_ORDERS, `must be ${ALERT_ORDERS.join(", ")}`)),
  state: optional(z.enum([...ALERT_STATES, "all"], `must be ${ALERT_STATES.join(", ")} or all`)),
  kind: optional(z.enum(ALERT_KINDS, `must be ${ALERT_KINDS.join(", ")}`)),
  case: optional(words(128)),
  platform: optional(words(200)),
  uploader: optional(words(500)),
  assigned: optional(z.enum(["me", "nobody"], "must be me or nobody")),
  /** An alert: those about the same file. So no hash stands in an address. */
  same: optional(uuid),
  after: optional(z.string().max(500)),
});

/** `GET /alerts`, and `POST /alerts/act` for one or many. */
export function alertListRoutes(pages: FastifyInstance, parts: Parts): void {
  pages.get("/alerts", { preHandler: needs("alerts:read") }, async (request, reply) => {
    const asked = read(query, request.query);
    const order = asked.order ?? "newest";
    const { alerts, next } = await listAlerts(parts.pool, await filterOf(parts.pool, request, asked), {
      order,
      after: asked.after,
      limit: PAGE_LENGTH,
    });
    const reader = readerOf(request);
    return page(request, reply, "alerts", {
      title: reader.t.alerts.title,
      asked: { ...asked, order, state: asked.state ?? "open" },
      isFiltered: Object.entries(asked).some(([name, value]) => value !== undefined && !["order", "after"].includes(name)),
      lines: alerts.map((alert) => lineOf(alert, reader)),
      here: urlWith(request, {}),
      urlWith: (changes: Record<string, string | undefined>) => urlWith(request, { after: undefined, ...changes }),
      next: next && urlWith(request, { after: next }),
      people: await assignable(parts.pool),
      pause: await breakFor(parts.pool, whoOf(request)),
    });
  });
  actRoutes(pages, parts);
}

async function filterOf(pool: Pool, request: FastifyRequest, asked: z.output<typeof query>): Promise<AlertFilter> {
  const who = whoOf(request);
  const same = asked.same === undefined ? undefined : await readAlert(pool, asked.same);
  return {
    state: asked.state,
    kind: asked.kind,
    caseId: asked.case,
    platform: asked.platform,
    uploaderId: asked.uploader,
    assignedTo: asked.assigned === "me" ? (who.kind === "person" ? who.accountId : "nobody") : asked.assigned,
    ...(same?.submission.sha256 ? { mediaSha256: same.submission.sha256 } : same ? { submissionId: same.submissionId } : {}),
  };
}

/** An alert as its line in the list says it. */
function lineOf(alert: AlertRow, { t, f }: Reader) {
  const headline = t.alerts.headline[alert.kind] ?? t.alerts.headline.match;
  return {
    ...alert,
    headline: alert.caseId === null && alert.kind !== "unscannable" ? t.alerts.gone : headline(alert.caseId ?? ""),
    facts: [
      alert.confidence > 0 ? f.percent(alert.confidence) : "",
      alert.reuploadNumber > 0 ? t.alerts.nth(f.number(alert.reuploadNumber)) : "",
      alert.platform ?? "",
      alert.uploaderId ?? "",
    ].filter(Boolean),
  };
}
