import type { FastifyInstance } from "fastify";
import { type AlertDetail, type AlertMatch, readAlert } from "../../casework/alerts.js";
import { actorOf, may, type Who } from "../../people/rights.js";
import { audit } from "../../platform/audit.js";
import { needs } from "../access/guard.js";
import type { Parts } from "../parts.js";
import { assignable, shownReason } from "./acts.js";
import { NotFound } from "./errors.js";
import { actorName, changesOf, headlineOf, reasonsOf, sureness } from "./explain.js";
import { actor, whoOf } from "./input.js";
import { page, type Reader, readerOf } from "./page.js";
import { timelineOf } from "./timeline.js";

/** `GET /alerts/:id`: answers which known material, how sure, how often, where, what was done; without showing any of it. */
export function alertRoutes(pages: FastifyInstance, parts: Parts): void {
  pages.get<{ Params: { id: string } }>("/alerts/:id", { preHandler: needs("alerts:read") }, async (request, reply) => {
    const alert = await readAlert(parts.pool, request.params.id);
    if (!alert) throw new NotFound();
    await audit(parts.pool, { actor: actor(request), act: "alert read", subject: `alert:${alert.id}` });
    const reader = readerOf(request);
    return page(request, reply, "alert", {
      title: headlineOf(alert, reader),
      alert,
      headline: headlineOf(alert, reader),
      sure: alert.confidence > 0 ? reader.t.alert.sure[sureness(alert.confidence)] : undefined,
      matches: alert.matches.map((match) => shown(match, alert, reader)),
      history: alert.events.map((event) => ({
        ...event,
        who: actorName(event.actor, reader),
        what: reader.t.alert.events[event.act] ?? event.act,
        words: wordsOf(event.detail, reader),
      })),
      people: await assignable(parts.pool),
      undo: undoFor(alert, whoOf(request)),
      preview: parts.config.consolePreview !== "off" && alert.submission.mediaUrl !== null,
    });
  });
}

/** Whether this reader can take the decision back, and until when: an admin at any time, who decided for some minutes. */
function undoFor(alert: AlertDetail, who: Who): { until?: Date } | undefined {
  if (alert.state === "open") return undefined;
  if (may(who, "admin")) return {};
  return alert.undoableUntil && alert.decidedBy === actorOf(who) ? { until: alert.undoableUntil } : undefined;
}

/** A match as the page says it. */
function shown(match: AlertMatch, alert: AlertDetail, reader: Reader) {
  const { t, f } = reader;
  const submissionMs = alert.submission.durationMs ?? 0;
  const lengths = [submissionMs, match.reference.durationMs].map((ms) => f.clock(ms)) as [string, string];
  return {
    ...match,
    reasons: reasonsOf(match, reader),
    changes: changesOf(match.transform, reader),
    timeline: timelineOf(match, submissionMs, t.alert.timelineLabel(...lengths)),
  };
}

/** What a person wrote along with an act, if anything. */
function wordsOf(detail: Record<string, unknown>, { t }: Reader): string {
  const written = [detail.reason, detail.text, detail.why, detail.name].find((value) => typeof value === "string");
  return written === undefined ? "" : shownReason(written as string, t.alerts.reasons);
}
