import type { Db } from "../platform/database.js";
import type { WaitingFigures } from "../platform/metric-gauges.js";

/** What waits for people and for other systems, and for how long, for the metrics. Every count is of an index, or of what is open. */
export async function waitingFigures(db: Db): Promise<WaitingFigures> {
  const { rows } = await db.query<WaitingFigures>(
    `select (select coalesce(jsonb_object_agg(kind, n), '{}')
               from (select kind, count(*) as n from alert where state = 'open' group by kind) a) as "alertsOpen",
            (select coalesce(extract(epoch from now() - min(created_at)), 0)::float8
               from alert where state = 'open') as "oldestOpenAlertSeconds",
            (select coalesce(jsonb_object_agg(state, n), '{}')
               from (select state, count(*) as n from takedown group by state) t) as takedowns,
            (select count(*)::int from takedown
               where state in ('queued', 'sent', 'acknowledged') and deadline_at < now()) as "takedownsOverdue",
            (select count(*)::int from outbox where delivered_at is null) as "outboxWaiting",
            (select coalesce(extract(epoch from now() - min(created_at)), 0)::float8
               from outbox where delivered_at is null) as "oldestOutboxSeconds",
            (select coalesce(jsonb_object_agg(state, n), '{}')
               from (select state, count(*) as n from webhook_delivery where state <> 'delivered' group by state) w) as "webhookDeliveries"`,
  );
  return rows[0];
}
