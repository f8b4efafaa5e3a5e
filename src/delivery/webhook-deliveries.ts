import type { Pool } from "pg";
import { audit } from "../platform/audit.js";
import { type Db, transaction } from "../platform/database.js";
import { TEST_EVENT, uuidOrNull } from "./webhook-events.js";

export const DELIVERY_STATES = ["waiting", "delivered", "dead"] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];

/** How long delivered ones are kept to look at, and dead ones to replay, in days. */
export const DELIVERED_DAYS = 7;
export const DEAD_DAYS = 90;

export interface DeliveryRow {
  id: string;
  /** Grows with time; what a page goes on after. */
  seq: string;
  webhookId: string;
  webhookName: string;
  event: string;
  payload: Record<string, unknown>;
  state: DeliveryState;
  attempts: number;
  createdAt: Date;
  /** When it is sent next, of a waiting one. */
  nextAt: Date | null;
  lastAt: Date | null;
  /** HTTP status of the last attempt; null when there was no answer. */
  lastStatus: number | null;
  lastError: string | null;
  finishedAt: Date | null;
}

const COLUMNS = `d.id, d.seq, d.webhook_id as "webhookId", w.name as "webhookName", d.event, d.payload, d.state, d.attempts,
  d.created_at as "createdAt", case when d.state = 'waiting' then d.next_at end as "nextAt", d.last_at as "lastAt",
  d.last_status as "lastStatus", d.last_error as "lastError", d.finished_at as "finishedAt"`;

/** Newest first. `next` is given to `after` to go on. */
export async function listDeliveries(
  db: Db,
  filter: { webhookId?: string; state?: DeliveryState },
  page: { after?: string; limit: number },
): Promise<{ deliveries: DeliveryRow[]; next?: string }> {
  const { rows } = await db.query<DeliveryRow>(
    `select ${COLUMNS} from webhook_delivery d join webhook w on w.id = d.webhook_id
     where ($1::uuid is null or d.webhook_id = $1) and ($2::text is null or d.state = $2) and ($3::bigint is null or d.seq < $3)
     order by d.seq desc limit $4`,
    [filter.webhookId ?? null, filter.state ?? null, page.after ?? null, page.limit + 1],
  );
  const deliveries = rows.slice(0, page.limit);
  return { deliveries, next: rows.length > page.limit ? deliveries[deliveries.length - 1].seq : undefined };
}

export async function readDelivery(db: Db, id: string): Promise<DeliveryRow | undefined> {
  const { rows } = await db.query<DeliveryRow>(
    `select ${COLUMNS} from webhook_delivery d join webhook w on w.id = d.webhook_id where d.id = $1`,
    [uuidOrNull(id)],
  );
  return rows[0];
}

/** Writes a test for the relay to send. The delivery's id, or why there is none. */
export async function testWebhook(
  pool: Pool,
  webhookId: string,
  actor: string,
): Promise<{ deliveryId: string } | "missing" | "disabled"> {
  return transaction(pool, async (tx) => {
    const { rows } = await tx.query<{ id: string; disabled: boolean }>(
      "select id, disabled_at is not null as disabled from webhook where id = $1 for key share",
      [uuidOrNull(webhookId)],
    );
    if (rows.length === 0) return "missing";
    if (rows[0].disabled) return "disabled";
    const written = await tx.query<{ id: string }>(
      "insert into webhook_delivery (webhook_id, event, payload) values ($1, $2, $3) returning id",
      [rows[0].id, TEST_EVENT, { webhookId: rows[0].id }],
    );
    await tx.query("select pg_notify('reupload_webhooks', '')");
    await audit(tx, { actor, act: "webhook tested", subject: `webhook:${rows[0].id}` });
    return { deliveryId: written.rows[0].id };
  });
}

const REPLAYED = "state = 'waiting', attempts = 0, next_at = now(), leased_until = null, finished_at = null";

/**
 * Sends a dead letter again from the first attempt on, under the same id. Says why when it does not.
 *
 * @param ofWebhook when given, the letter of another webhook is missing.
 */
export async function replayDelivery(
  pool: Pool,
  id: string,
  actor: string,
  ofWebhook?: string,
): Promise<"replayed" | "missing" | "disabled" | "not dead"> {
  return transaction(pool, async (tx) => {
    const { rows } = await tx.query<{ state: DeliveryState; disabled: boolean; webhookId: string }>(
      `select d.state, w.disabled_at is not null as disabled, d.webhook_id as "webhookId"
       from webhook_delivery d join webhook w on w.id = d.webhook_id
       where d.id = $1 and ($2::text is null or d.webhook_id::text = lower($2)) for update of d`,
      [uuidOrNull(id), ofWebhook ?? null],
    );
    if (rows.length === 0) return "missing";
    const [{ state, disabled, webhookId }] = rows;
    if (state !== "dead") return "not dead";
    if (disabled) return "disabled";
    await tx.query(`update webhook_delivery set ${REPLAYED} where id = $1`, [id]);
    await tx.query("select pg_notify('reupload_webhooks', '')");
    await audit(tx, { actor, act: "webhook delivery replayed", subject: `webhook:${webhookId}`, detail: { deliveryId: id } });
    return "replayed";
  });
}

/** Sends all dead letters of one webhook, or of all that are not disabled, again; returns how many. */
export async function replayDead(pool: Pool, webhookId: string | undefined, actor: string): Promise<number> {
  return transaction(pool, async (tx) => {
    const { rowCount } = await tx.query(
      `update webhook_delivery d set ${REPLAYED} from webhook w
       where w.id = d.webhook_id and d.state = 'dead' and w.disabled_at is null and ($1::uuid is null or w.id = $1)`,
      [webhookId ?? null],
    );
    const replayed = rowCount ?? 0;
    if (replayed === 0) return 0;
    await tx.query("select pg_notify('reupload_webhooks', '')");
    await audit(tx, {
      actor,
      act: "webhook deliveries replayed",
      subject: `webhook:${webhookId ?? "all"}`,
      detail: { replayed },
    });
    return replayed;
  });
}

/** Removes what has been delivered or dead for long enough; returns how many. */
export async function pruneDeliveries(db: Db): Promise<number> {
  const { rowCount } = await db.query(
    `delete from webhook_delivery where finished_at is not null
       and finished_at < now() - make_interval(days => case state when 'delivered' then $1::int else $2::int end)`,
    [DELIVERED_DAYS, DEAD_DAYS],
  );
  return rowCount ?? 0;
}

/** What an operator watches: how many wait, how many are dead, and for how long the oldest due one has waited, in seconds. */
export async function webhookFigures(db: Db): Promise<{ waiting: number; dead: number; oldestDueSeconds: number }> {
  const { rows } = await db.query<{ waiting: number; dead: number; oldestDueSeconds: number }>(
    `select count(*) filter (where state = 'waiting')::int as waiting, count(*) filter (where state = 'dead')::int as dead,
            coalesce(extract(epoch from now() - min(next_at) filter (where state = 'waiting' and next_at <= now())), 0)::float8 as "oldestDueSeconds"
     from webhook_delivery where state in ('waiting', 'dead')`,
  );
  return rows[0];
}
