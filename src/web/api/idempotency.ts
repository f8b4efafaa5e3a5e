import { createHash, randomUUID } from "node:crypto";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { actorOf } from "../../people/rights.js";
import type { Db } from "../../platform/database.js";
import type { Log } from "../../platform/log.js";
import { ProblemError, wrongField } from "../problem.js";

declare module "fastify" {
  interface FastifyRequest {
    /** Set while this request owns its Idempotency-Key. */
    claim?: string;
  }
  interface FastifyContextConfig {
    /** How long the work behind this route may take, when it is more than a minute. */
    claimMs?: number;
    /** The answer holds a secret that is given once: that it was given is remembered, what it was is not. */
    answerIsSecret?: boolean;
  }
}

/** As long as answers are kept: clients that retry later than a day are not retrying. */
const KEPT_HOURS = 24;
const CLAIM_MS = 60_000;
const RETRY_SECONDS = 1;
const KEPT_HEADERS = ["content-type", "location"];

interface Stored {
  claim: string;
  requestSha256: Buffer;
  status: number | null;
  headers: Record<string, string>;
  /** Null of an answer that held a secret. */
  body: string | null;
}

/**
 * Makes every POST with an `Idempotency-Key` happen once: the same request with the same key gets the first answer again (with
 * `Idempotency-Replayed: true`), another request with that key 422, and one that comes while the first is under way 409. Answers are kept a
 * day, by who asked; a failure of ours (5xx) or "not now" (429) is not kept, so that trying again tries again.
 */
export function addIdempotency(api: FastifyInstance, db: Db, log: Log): void {
  api.addHook("preHandler", async (request, reply) => {
    const key = request.headers["idempotency-key"];
    if (request.method !== "POST" || key === undefined || !request.who) return;
    if (typeof key !== "string" || !/^[\x21-\x7e]{1,255}$/.test(key))
      throw wrongField("Idempotency-Key", "must be 1-255 printable characters without spaces, such as a UUID");
    const first = await claim(db, {
      actor: actorOf(request.who),
      key,
      digest: digestOf(request),
      claimMs: request.routeOptions.config.claimMs ?? CLAIM_MS,
    });
    if (typeof first === "string") request.claim = first;
    else return replay(reply, first);
  });
  api.addHook("onSend", async (request, reply, payload) => {
    if (!request.claim) return payload;
    try {
      await settle(
        db,
        request.claim,
        reply,
        request.routeOptions.config.answerIsSecret && reply.statusCode < 300 ? null : payload,
      );
    } catch (err) {
      log.warn({ err }, "an answer could not be kept for its Idempotency-Key");
    }
    return payload;
  });
}

function digestOf(request: FastifyRequest): Buffer {
  const digest = createHash("sha256").update(`${request.method}\n${request.url}\n`);
  digest.update(JSON.stringify(request.body ?? null));
  if (request.upload) digest.update(request.upload.sha256);
  return digest.digest();
}

/** The id of the claim when this request is the first; else what is stored of the first, which must be the same request. */
async function claim(db: Db, asked: { actor: string; key: string; digest: Buffer; claimMs: number }): Promise<string | Stored> {
  await db.query(
    `delete from idempotency where ctid in (select ctid from idempotency where expires_at < now() limit 100 for update skip locked)`,
  );
  const own = randomUUID();
  const { rows } = await db.query<Stored>(
    `with claimed as (
       insert into idempotency as i (actor, key, request_sha256, claim, claimed_until, expires_at)
       values ($1, $2, $3, $4, now() + make_interval(secs => $5), now() + make_interval(hours => $6))
       on conflict (actor, key) do update
         set request_sha256 = excluded.request_sha256, claim = excluded.claim, claimed_until = excluded.claimed_until,
             status = null, expires_at = excluded.expires_at
         where i.expires_at < now() or (i.status is null and i.claimed_until < now())
       returning claim
     )
     select claim, $3 as "requestSha256", null as status, '{}'::jsonb as headers, '' as body from claimed
     union all
     select claim, request_sha256, status, headers, body from idempotency
     where actor = $1 and key = $2 and not exists (select from claimed)`,
    [asked.actor, asked.key, asked.digest, own, asked.claimMs / 1000, KEPT_HOURS],
  );
  const [stored] = rows;
  if (stored?.claim === own) return own;
  if (stored && !stored.requestSha256.equals(asked.digest))
    throw wrongField("Idempotency-Key", "was used before for another request: use a new key");
  // Without a row, the first request's claim is not yet visible, or was given back just now.
  if (!stored || stored.status === null)
    throw new ProblemError(409, "the first request with this Idempotency-Key is still under way", {
      retryAfterSeconds: RETRY_SECONDS,
    });
  if (stored.body === null)
    throw new ProblemError(
      409,
      "this was done under the same Idempotency-Key; its answer held a secret, which is given only once",
    );
  return stored;
}

const replay = (reply: FastifyReply, stored: Stored): FastifyReply =>
  reply.code(stored.status!).headers(stored.headers).header("idempotency-replayed", "true").send(Buffer.from(stored.body!));

async function settle(db: Db, claimId: string, reply: FastifyReply, payload: unknown): Promise<void> {
  if (reply.statusCode >= 500 || reply.statusCode === 429 || (payload !== null && typeof payload !== "string")) {
    await db.query("delete from idempotency where claim = $1", [claimId]);
    return;
  }
  const headers = Object.fromEntries(
    KEPT_HEADERS.flatMap((name) => (reply.hasHeader(name) ? [[name, reply.getHeader(name)]] : [])),
  );
  await db.query("update idempotency set status = $2, headers = $3, body = $4 where claim = $1", [
    claimId,
    reply.statusCode,
    headers,
    payload,
  ]);
}
