import type { Pool, PoolClient } from "pg";
import { audit } from "../platform/audit.js";
import { transaction } from "../platform/database.js";
import type { Announcement } from "./webhook-events.js";
import type { Attempt } from "./webhook-send.js";

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/** The example schedule of Standard Webhooks 1.0.0: ten attempts within 75 h 35 min. Entry n is the wait after attempt n + 1. */
export const ATTEMPT_WAITS_MS: readonly number[] = [
  5 * SECOND_MS,
  5 * MINUTE_MS,
  30 * MINUTE_MS,
  2 * HOUR_MS,
  5 * HOUR_MS,
  10 * HOUR_MS,
  14 * HOUR_MS,
  20 * HOUR_MS,
  24 * HOUR_MS,
];

/** Waits are stretched by up to this share, so that what failed together does not come back together. */
const JITTER = 0.2;
/** A receiver may ask for patience, not for silence. */
const REST_MAX_MS = HOUR_MS;
/** Much longer than an attempt may take; a delivery whose relay died is taken up again after this. */
export const LEASE_MS = 60 * SECOND_MS;

/** A delivery that this process alone may send until its lease ends. */
export interface Claimed extends Announcement {
  webhookId: string;
  url: string;
  /** As they are kept, the newest first. */
  secrets: string[];
  /** 1 for the first. */
  attempt: number;
}

/** How many deliveries of one webhook are under way at most, in all processes together. */
export const PER_WEBHOOK = 4;

/**
 * Takes deliveries that are due, of each webhook no more than {@link PER_WEBHOOK} less those under way anywhere. A webhook that another
 * process is claiming from is left out. Taking one counts as an attempt, so that one that kills its sender does not live for ever.
 */
export async function claimDue(pool: Pool, atMost: number): Promise<Claimed[]> {
  return transaction(pool, async (tx) => {
    const { rows } = await tx.query<{ id: string }>(
      `select id from webhook w
       where disabled_at is null and coalesce(rest_until <= now(), true)
         and exists (select from webhook_delivery d where d.webhook_id = w.id and d.state = 'waiting' and d.next_at <= now())
       for no key update skip locked`,
    );
    if (rows.length === 0) return [];
    // A statement of its own: it sees what was claimed before the lock was free.
    return claim(
      tx,
      `select due.id from unnest($2::uuid[]) as w (id)
       cross join lateral (
         select $3 - count(*) as places from webhook_delivery
         where webhook_id = w.id and state = 'waiting' and leased_until > now()
       ) free
       cross join lateral (
         select id from webhook_delivery
         where webhook_id = w.id and state = 'waiting' and next_at <= now() and coalesce(leased_until <= now(), true)
         order by next_at limit greatest(free.places, 0) for update skip locked
       ) due limit $4`,
      [rows.map((row) => row.id), PER_WEBHOOK, atMost],
    );
  });
}

/** Takes this one delivery, when it waits and nobody has it. */
export async function claimOne(pool: Pool, deliveryId: string): Promise<Claimed | undefined> {
  return transaction(pool, async (tx) => {
    const [claimed] = await claim(
      tx,
      `select d.id from webhook_delivery d join webhook w on w.id = d.webhook_id
       where d.id = $2 and d.state = 'waiting' and w.disabled_at is null and coalesce(d.leased_until <= now(), true)
       for update of d skip locked`,
      [deliveryId],
    );
    return claimed;
  });
}

async function claim(tx: PoolClient, which: string, values: unknown[]): Promise<Claimed[]> {
  const { rows } = await tx.query<Claimed>(
    `with due as materialized (${which})
     update webhook_delivery d set attempts = attempts + 1, leased_until = now() + make_interval(secs => $1::float8)
     from due, webhook w where d.id = due.id and w.id = d.webhook_id
     returning d.id, d.event, d.payload, d.created_at as "createdAt", d.attempts as attempt, w.id as "webhookId", w.url,
       case when w.previous_secret_until > now() then array[w.secret, w.previous_secret] else array[w.secret] end as secrets`,
    [LEASE_MS / 1000, ...values],
  );
  return rows;
}

const GONE = 410;

export type Settled = "delivered" | "waiting" | "dead" | "disabled";

/** Records what came of an attempt. Undefined when another process has settled it, or it was removed meanwhile. */
export async function settle(
  pool: Pool,
  claimed: Claimed,
  attempt: Attempt,
  random: () => number = Math.random,
): Promise<Settled | undefined> {
  if (attempt.error === undefined) return finish(pool, claimed, "delivered", attempt);
  if (attempt.status === GONE) return disable(pool, claimed, attempt);
  const waitMs = ATTEMPT_WAITS_MS[claimed.attempt - 1];
  if (waitMs === undefined) return finish(pool, claimed, "dead", attempt);
  const restMs = Math.min(attempt.retryAfterMs ?? 0, REST_MAX_MS);
  const { rowCount } = await pool.query(
    `update webhook_delivery
     set next_at = now() + make_interval(secs => $3), leased_until = null, last_at = now(), last_status = $4, last_error = $5
     where id = $1 and attempts = $2 and state = 'waiting'`,
    [
      claimed.id,
      claimed.attempt,
      Math.max(waitMs * (1 + JITTER * random()), restMs) / 1000,
      attempt.status ?? null,
      attempt.error,
    ],
  );
  if (restMs > 0)
    await pool.query("update webhook set rest_until = greatest(rest_until, now() + make_interval(secs => $2)) where id = $1", [
      claimed.webhookId,
      restMs / 1000,
    ]);
  return rowCount === 1 ? "waiting" : undefined;
}

/** What arrived, arrived, whoever holds the lease now; what failed is only said by who holds it. */
async function finish(pool: Pool, claimed: Claimed, state: "delivered" | "dead", attempt: Attempt): Promise<Settled | undefined> {
  const { rowCount } = await pool.query(
    `update webhook_delivery
     set state = $3, leased_until = null, last_at = now(), last_status = $4, last_error = $5, finished_at = now()
     where id = $1 and ($3 = 'delivered' or attempts = $2) and state = 'waiting'`,
    [claimed.id, claimed.attempt, state, attempt.status ?? null, attempt.error ?? null],
  );
  return rowCount === 1 ? state : undefined;
}

/** The receiver wants nothing more: what waits for it becomes dead letters. */
async function disable(pool: Pool, claimed: Claimed, attempt: Attempt): Promise<Settled | undefined> {
  return transaction(pool, async (tx) => {
    const { rowCount } = await tx.query(
      "update webhook set disabled_at = now(), disabled_reason = 'gone' where id = $1 and disabled_at is null",
      [claimed.webhookId],
    );
    await tx.query("update webhook_delivery set last_at = now(), last_status = $2 where id = $1", [claimed.id, attempt.status]);
    await buryWaiting(tx, claimed.webhookId, "answered 410: the webhook was disabled");
    if (rowCount !== 1) return undefined;
    await audit(tx, {
      actor: "service",
      act: "webhook disabled",
      subject: `webhook:${claimed.webhookId}`,
      detail: { why: "gone" },
    });
    return "disabled";
  });
}

/** Makes dead letters of all that waits for a webhook; `error` is kept where an attempt had not left one. */
export async function buryWaiting(tx: PoolClient, webhookId: string, error: string): Promise<void> {
  await tx.query(
    `update webhook_delivery set state = 'dead', leased_until = null, last_error = $2, finished_at = now()
     where webhook_id = $1 and state = 'waiting'`,
    [webhookId, error],
  );
}
