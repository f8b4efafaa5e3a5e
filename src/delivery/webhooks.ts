import { setTimeout as sleep } from "node:timers/promises";
import type { Pool } from "pg";
import type { Agent } from "undici";
import type { Log } from "../platform/log.js";
import { listen } from "./bell.js";
import { type Claimed, claimDue, claimOne, PER_WEBHOOK, type Settled, settle } from "./webhook-claims.js";
import { pruneDeliveries } from "./webhook-deliveries.js";
import { bodyOf } from "./webhook-events.js";
import { openSecret } from "./webhook-secrets.js";
import { type AddressGuard, type Attempt, createPost, post } from "./webhook-send.js";

/** Notified by the transactions that announce something. */
const WEBHOOKS_CHANNEL = "reupload_webhooks";
/** What is due again rings no bell, and a notification may be lost. */
const POLL_MS = 2_000;
/** Under way at once in one process, of all webhooks together. */
const AT_ONCE = 32;
const OUTAGE_MS = 2_000;
const PRUNE_MS = 3_600_000;
/** Standard Webhooks recommends 15 to 30 s; ours only say that something is there, which is taken faster. */
const TIMEOUT_MS = 10_000;

const CLOSED = "its secret is encrypted with a key that this process does not have: see WEBHOOK_KEY";

export interface WebhookOptions {
  /** The address people reach the console at; without it, bodies have no links. */
  publicUrl?: string;
  /** Left out, private addresses are called too. */
  guard?: AddressGuard;
  /** What opens the secrets that are kept encrypted. */
  keys?: Buffer[];
  /** Of one attempt, in milliseconds; 10,000 when left out. */
  timeoutMs?: number;
}

async function send(
  pool: Pool,
  claimed: Claimed,
  agent: Agent,
  options: WebhookOptions,
): Promise<Attempt & { settled?: Settled }> {
  const secrets = claimed.secrets.map((kept) => openSecret(options.keys ?? [], claimed.webhookId, kept));
  const letter = { ...claimed, body: bodyOf(claimed, options.publicUrl) };
  const attempt = secrets.every((secret) => secret !== undefined)
    ? await post({ ...letter, secrets }, agent, options.guard, options.timeoutMs ?? TIMEOUT_MS)
    : { error: CLOSED };
  return { ...attempt, settled: await settle(pool, claimed, attempt) };
}

/**
 * Sends this one delivery now. Undefined when there is nothing to send: it was delivered, is dead, or another process has it.
 * `settled` is undefined when another process said what became of it.
 */
export async function sendNow(
  pool: Pool,
  deliveryId: string,
  options: WebhookOptions,
): Promise<(Attempt & { settled?: Settled }) | undefined> {
  const claimed = await claimOne(pool, deliveryId);
  if (claimed === undefined) return undefined;
  const agent = createPost(options.guard, 1);
  try {
    return await send(pool, claimed, agent, options);
  } finally {
    await agent.destroy();
  }
}

/**
 * Sends what is due until `stopping`, then waits for what is under way. Any number of processes may run it: each delivery is sent by one
 * of them at a time, and again by another only when the first one died.
 */
export async function runWebhooks(
  pool: Pool,
  connectionString: string,
  options: WebhookOptions,
  log: Log,
  stopping: AbortSignal,
): Promise<void> {
  const bell = listen(connectionString, WEBHOOKS_CHANNEL, log);
  const agent = createPost(options.guard, PER_WEBHOOK);
  const underWay = new Set<Promise<void>>();
  let pruneAtMs = 0;
  const start = (claimed: Claimed) => {
    const about = { webhookId: claimed.webhookId, deliveryId: claimed.id, event: claimed.event, attempt: claimed.attempt };
    const sending = send(pool, claimed, agent, options)
      .then(({ settled, status, error }) => report(log, { ...about, status, reason: error }, settled))
      // It stays claimed and is sent again when the lease is over.
      .catch((err) => log.warn({ err, ...about }, "what came of a webhook delivery could not be recorded"))
      .finally(() => {
        underWay.delete(sending);
        bell.ring();
      });
    underWay.add(sending);
  };
  try {
    while (!stopping.aborted) {
      try {
        if (underWay.size < AT_ONCE) for (const claimed of await claimDue(pool, AT_ONCE - underWay.size)) start(claimed);
        if (performance.now() >= pruneAtMs) {
          await pruneDeliveries(pool);
          pruneAtMs = performance.now() + PRUNE_MS;
        }
        await bell.wait(POLL_MS, stopping);
      } catch (err) {
        if (stopping.aborted) break;
        log.warn({ err }, "webhooks could not be sent; trying again");
        await sleep(OUTAGE_MS, undefined, { signal: stopping }).catch(() => {});
      }
    }
    await Promise.all(underWay);
  } finally {
    await bell.close();
    await agent.destroy();
  }
}

function report(log: Log, about: Record<string, unknown>, settled: Settled | undefined): void {
  if (settled === "disabled") log.warn(about, "webhook disabled: its receiver is gone");
  else if (settled === "dead") log.warn(about, "webhook delivery given up");
  else if (settled === "waiting") log.info(about, "webhook delivery failed; trying again later");
  else log.debug(about, "webhook delivered");
}
