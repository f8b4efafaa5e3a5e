import { isUuid } from "../platform/uuid.js";

/** What a webhook can ask to hear of; `webhook.test` goes to whichever is tested. The migration's check holds the same list. */
export const WEBHOOK_EVENTS = ["alert.raised", "alert.decided", "takedown.queued", "takedown.changed", "case.reupload"] as const;
export type WebhookEvent = (typeof WEBHOOK_EVENTS)[number];
export const TEST_EVENT = "webhook.test";

/** A delivery as its row has it, with what is needed to send it. */
export interface Announcement {
  id: string;
  event: string;
  payload: Record<string, unknown>;
  createdAt: Date;
}

const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);

/** Pages of the console about this event. Ids may hold any printable character, so they are escaped. */
function linksOf(payload: Record<string, unknown>, publicUrl: string): Record<string, string> {
  const base = publicUrl.replace(/\/+$/, "");
  const caseIds = Array.isArray(payload.caseIds) ? payload.caseIds : [];
  const targets = [
    ["alert", "alerts", text(payload.alertId)],
    ["takedown", "takedowns", text(payload.takedownId)],
    ["case", "cases", text(caseIds[0])],
  ] as const;
  return Object.fromEntries(
    targets.flatMap(([name, path, id]) => (id === undefined ? [] : [[name, `${base}/${path}/${encodeURIComponent(id)}`]])),
  );
}

/** The body that is signed and sent: the payload structure that Standard Webhooks 1.0.0 recommends. */
export function bodyOf({ event, payload, createdAt }: Announcement, publicUrl: string | undefined): string {
  const data = publicUrl === undefined ? payload : { ...payload, links: linksOf(payload, publicUrl) };
  return JSON.stringify({ type: event, timestamp: createdAt.toISOString(), data });
}

/** An id as somebody typed it, for a query: what cannot be one becomes null, which finds nothing. */
export const uuidOrNull = (id: string): string | null => (isUuid(id) ? id : null);
