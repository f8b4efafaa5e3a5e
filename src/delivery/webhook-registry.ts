import { randomBytes, randomUUID } from "node:crypto";
import type { Pool } from "pg";
import { z } from "zod";
import { audit } from "../platform/audit.js";
import { type Db, transaction } from "../platform/database.js";
import { buryWaiting } from "./webhook-claims.js";
import { uuidOrNull, WEBHOOK_EVENTS, type WebhookEvent } from "./webhook-events.js";
import { sealSecret } from "./webhook-secrets.js";
import type { AddressGuard } from "./webhook-send.js";

export interface WebhookRow {
  id: string;
  name: string;
  url: string;
  events: WebhookEvent[];
  createdBy: string;
  createdAt: Date;
  disabledAt: Date | null;
  /** "gone" when the receiver answered 410. */
  disabledReason: "gone" | "by hand" | null;
  /** Until when the secret before this one is valid too; null when there is none. */
  previousSecretUntil: Date | null;
  waiting: number;
  dead: number;
  lastDeliveredAt: Date | null;
}

const URL_MAX = 2_000;
/** Standard Webhooks 1.0.0 asks for at least 24 bytes. */
const SECRET_BYTES = 32;
/** How long the old secret stays valid after a rotation, unless another time is given. */
export const OVERLAP_HOURS = 24;
export const OVERLAP_HOURS_MAX = 168;

export type WebhookRefusal = "noAddress" | "scheme" | "credentials" | "fragment" | "private";

const REFUSALS: Record<WebhookRefusal, string> = {
  noAddress: "must be an address, such as https://example.org/hooks",
  scheme: "must start with https://",
  credentials: "must not hold a user name or password: the signature shows who sends",
  fragment: "must not have a part after #, which is never sent",
  private: "must not point into a private network",
};

/**
 * What a webhook is made of, for the API, the page and the command line. With a guard only https:// and public addresses are taken, as
 * far as the address itself shows; names are resolved when something is sent. An issue about the address has its {@link WebhookRefusal} in
 * `params.refusal`.
 */
export function webhookSchema(guard: AddressGuard | undefined) {
  return z.strictObject({
    name: z
      .string()
      .trim()
      .regex(/^\P{Cc}{1,128}$/u, "must have 1 to 128 characters, on one line"),
    url: z
      .string()
      .max(URL_MAX, `must have at most ${URL_MAX} characters`)
      .superRefine((value, context) => {
        const refusal = refusalOf(value, guard);
        if (refusal !== undefined) context.addIssue({ code: "custom", message: REFUSALS[refusal], params: { refusal } });
      }),
    events: z
      .array(z.enum(WEBHOOK_EVENTS, `must be some of ${WEBHOOK_EVENTS.join(", ")}`))
      .min(1, "must name at least one event"),
  });
}

export type WebhookInput = z.output<ReturnType<typeof webhookSchema>>;

function refusalOf(value: string, guard: AddressGuard | undefined): WebhookRefusal | undefined {
  if (!URL.canParse(value)) return "noAddress";
  const url = new URL(value);
  if (guard === undefined ? !["http:", "https:"].includes(url.protocol) : url.protocol !== "https:") return "scheme";
  if (url.username || url.password) return "credentials";
  if (url.hash) return "fragment";
  try {
    guard?.refuseHost(url.hostname);
    return undefined;
  } catch {
    return "private";
  }
}

const newSecret = () => `whsec_${randomBytes(SECRET_BYTES).toString("base64")}`;

const COLUMNS = `w.id, w.name, w.url, w.events, w.created_by as "createdBy", w.created_at as "createdAt", w.disabled_at as "disabledAt",
  w.disabled_reason as "disabledReason", case when w.previous_secret_until > now() then w.previous_secret_until end as "previousSecretUntil",
  (select count(*)::int from webhook_delivery d where d.webhook_id = w.id and d.state = 'waiting') as waiting,
  (select count(*)::int from webhook_delivery d where d.webhook_id = w.id and d.state = 'dead') as dead,
  (select max(d.finished_at) from webhook_delivery d where d.webhook_id = w.id and d.state = 'delivered') as "lastDeliveredAt"`;

/** All of them, oldest first: there are few. Never with a secret. */
export async function listWebhooks(db: Db): Promise<WebhookRow[]> {
  const { rows } = await db.query<WebhookRow>(`select ${COLUMNS} from webhook w order by w.created_at, w.id`);
  return rows;
}

export async function readWebhook(db: Db, id: string): Promise<WebhookRow | undefined> {
  const { rows } = await db.query<WebhookRow>(`select ${COLUMNS} from webhook w where w.id = $1`, [uuidOrNull(id)]);
  return rows[0];
}

/** The secret is given here and never again; `keys` as {@link sealSecret} has them. */
export async function addWebhook(
  pool: Pool,
  input: WebhookInput,
  actor: string,
  keys: Buffer[],
): Promise<{ id: string; secret: string }> {
  const id = randomUUID();
  const secret = newSecret();
  await transaction(pool, async (tx) => {
    await tx.query("insert into webhook (id, name, url, events, secret, created_by) values ($1, $2, $3, $4, $5, $6)", [
      id,
      input.name,
      input.url,
      [...new Set(input.events)],
      sealSecret(keys, id, secret),
      actor,
    ]);
    await audit(tx, {
      actor,
      act: "webhook added",
      subject: `webhook:${id}`,
      detail: { name: input.name, events: input.events },
    });
  });
  return { id, secret };
}

/** Changes what is given. False when there is no such webhook. */
export async function updateWebhook(pool: Pool, id: string, change: Partial<WebhookInput>, actor: string): Promise<boolean> {
  return transaction(pool, async (tx) => {
    const { rowCount } = await tx.query(
      "update webhook set name = coalesce($2, name), url = coalesce($3, url), events = coalesce($4, events) where id = $1",
      [uuidOrNull(id), change.name ?? null, change.url ?? null, change.events ? [...new Set(change.events)] : null],
    );
    if (rowCount !== 1) return false;
    const { url, ...rest } = change;
    const detail = { ...rest, ...(url === undefined ? {} : { address: "changed" }) };
    await audit(tx, { actor, act: "webhook changed", subject: `webhook:${id}`, detail });
    return true;
  });
}

/** Removes it with everything that waits for it. False when there is no such webhook. */
export async function removeWebhook(pool: Pool, id: string, actor: string): Promise<boolean> {
  return transaction(pool, async (tx) => {
    const { rows } = await tx.query<{ name: string }>("delete from webhook where id = $1 returning name", [uuidOrNull(id)]);
    if (rows.length === 0) return false;
    await audit(tx, { actor, act: "webhook removed", subject: `webhook:${id}`, detail: { name: rows[0].name } });
    return true;
  });
}

/**
 * A new secret, given here and never again. For `overlapHours` everything is signed with the old one too, so the receiver can change over
 * in its own time; 0 ends the old one at once. Undefined when there is no such webhook.
 *
 * @param keys as {@link sealSecret} has them; the old secret stays as it is kept
 */
export async function rotateSecret(
  pool: Pool,
  id: string,
  actor: string,
  keys: Buffer[],
  overlapHours: number = OVERLAP_HOURS,
): Promise<{ secret: string } | undefined> {
  const secret = newSecret();
  return transaction(pool, async (tx) => {
    const { rowCount } = await tx.query(
      `update webhook set secret = $2,
         previous_secret = case when $3 > 0 then secret end,
         previous_secret_until = case when $3 > 0 then now() + make_interval(hours => $3) end
       where id = $1`,
      [uuidOrNull(id), sealSecret(keys, id.toLowerCase(), secret), overlapHours],
    );
    if (rowCount !== 1) return undefined;
    await audit(tx, { actor, act: "webhook secret replaced", subject: `webhook:${id}`, detail: { overlapHours } });
    return { secret };
  });
}

/**
 * Switches a webhook on or off. A disabled one is told nothing: what waits becomes dead letters, which can be replayed later; what happens
 * meanwhile is not kept for it. False when there is no such webhook.
 */
export async function enableWebhook(pool: Pool, id: string, enabled: boolean, actor: string): Promise<boolean> {
  return transaction(pool, async (tx) => {
    const { rows } = await tx.query<{ id: string }>(
      `update webhook set disabled_at = case when $2 then null else coalesce(disabled_at, now()) end,
         disabled_reason = case when $2 then null else coalesce(disabled_reason, 'by hand') end, rest_until = null
       where id = $1 returning id`,
      [uuidOrNull(id), enabled],
    );
    if (rows.length === 0) return false;
    if (!enabled) await buryWaiting(tx, rows[0].id, "the webhook was disabled");
    await audit(tx, { actor, act: enabled ? "webhook enabled" : "webhook disabled", subject: `webhook:${id}` });
    return true;
  });
}
