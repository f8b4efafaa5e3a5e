import { Redis } from "ioredis";
import type { Config } from "../config.js";
import type { Db } from "./database.js";

/** Jobs of a queue that nobody reads under our configuration. */
export interface Elsewhere {
  backend: "redis" | "postgres";
  prefix: string;
  waiting: number;
}

const CONNECT_MS = 5_000;

/** Rejects when the Redis cannot be reached, or refuses us. BullMQ itself would wait for as long as it takes. */
export async function pingRedis(redisUrl: string): Promise<void> {
  let reason: Error | undefined;
  const options = { lazyConnect: true, maxRetriesPerRequest: 1, connectTimeout: CONNECT_MS, retryStrategy: () => null };
  const redis = new Redis(redisUrl, options);
  redis.on("error", (error) => {
    reason = error;
  });
  try {
    await redis.connect();
    await redis.ping();
  } catch (error) {
    throw new Error(`it does not answer (${reason?.message || (error as Error).message}): start it, or correct the address`);
  } finally {
    redis.disconnect();
  }
}

/** Keys looked through for other prefixes: a Redis that is shared with much else is not searched to its end. */
const SCAN_ROUNDS = 200;
const SCAN_COUNT = 1_000;

/**
 * Where else jobs of this queue wait that no worker takes: under other prefixes, or in Postgres while the queues are in Redis. It is what a
 * wrong `QUEUE_PREFIX` or `REDIS_URL` on one side looks like from the other.
 */
export async function waitingElsewhere(
  db: Db,
  { redisUrl, queuePrefix }: Pick<Config, "redisUrl" | "queuePrefix">,
  queue: string,
): Promise<Elsewhere[]> {
  const found = [...(await inPostgres(db, queue)), ...(redisUrl ? await inRedis(redisUrl, queue) : [])];
  const own = redisUrl ? "redis" : "postgres";
  return found.filter(({ backend, prefix, waiting }) => waiting > 0 && !(backend === own && prefix === queuePrefix));
}

async function inPostgres(db: Db, queue: string): Promise<Elsewhere[]> {
  const { rows } = await db.query<{ schema: string }>(
    `select quote_ident(table_schema) as schema from information_schema.tables
     where table_name = 'job' and table_schema ~ '^[a-z][a-z0-9_]*_queue$' order by 1`,
  );
  return Promise.all(
    rows.map(async ({ schema }) => {
      const counted = await db.query<{ n: number }>(
        `select count(*)::int as n from ${schema}.job where queue = $1 and state = 'waiting'`,
        [queue],
      );
      return { backend: "postgres" as const, prefix: schema.replace(/_queue$/, ""), waiting: counted.rows[0].n };
    }),
  );
}

async function inRedis(redisUrl: string, queue: string): Promise<Elsewhere[]> {
  const redis = new Redis(redisUrl, { lazyConnect: true, maxRetriesPerRequest: 1 });
  redis.on("error", () => {});
  try {
    const clients = String(await redis.call("CLIENT", "LIST").catch(() => ""));
    const hasWorker = (prefix: string) => clients.includes(` name=${prefix}:${Buffer.from(queue).toString("base64")}`);
    const found: Elsewhere[] = [];
    for (const prefix of await prefixesIn(redis, queue)) {
      const [waiting, prioritized] = await Promise.all([
        redis.llen(`${prefix}:${queue}:wait`),
        redis.zcard(`${prefix}:${queue}:prioritized`),
      ]);
      if (!hasWorker(prefix)) found.push({ backend: "redis", prefix, waiting: waiting + prioritized });
    }
    return found;
  } finally {
    redis.disconnect();
  }
}

async function prefixesIn(redis: Redis, queue: string): Promise<string[]> {
  const end = `:${queue}:meta`;
  const prefixes = new Set<string>();
  let cursor = "0";
  for (let round = 0; round < SCAN_ROUNDS; round++) {
    const [next, keys] = await redis.scan(cursor, "MATCH", `*${end}`, "COUNT", SCAN_COUNT);
    for (const key of keys) prefixes.add(key.slice(0, -end.length));
    cursor = next;
    if (cursor === "0") break;
  }
  return [...prefixes].sort();
}
