import { createHash } from "node:crypto";
import type { EventEmitter } from "node:events";
import { type Processor, Queue, QueueEvents, type QueueOptions, Worker, type WorkerOptions, withBackend } from "bullmq";
import { Redis } from "ioredis";
import type { Config } from "../config.js";
import type { Log } from "./log.js";
import { createPatientBackend } from "./postgres-queues.js";
import { queueTelemetry } from "./tracing.js";

/** Worker settings without those that belong to the backend. */
export type WorkerSettings = Omit<WorkerOptions, "connection" | "prefix">;

/** The same BullMQ classes on either backend. Objects are made, and connect, on first use, and are shared by name. */
export interface Queues {
  backend: "redis" | "postgres";
  queue<Data = unknown, Result = unknown>(name: string): Queue<Data, Result, string>;
  /** A further worker each time. It runs at once unless `options.autorun` is false. */
  worker<Data = unknown, Result = unknown>(
    name: string,
    processor: Processor<Data, Result, string>,
    options?: WorkerSettings,
  ): Worker<Data, Result, string>;
  events(name: string): QueueEvents;
  /** A setting of the Redis server; undefined when it is not Redis, or does not tell. */
  redisSetting(name: string): Promise<string | undefined>;
  /** Bytes that Redis holds; undefined as above. */
  redisMemory(): Promise<number | undefined>;
  /** Waits for running jobs, then closes every object that was handed out. */
  close(): Promise<void>;
}

interface Makers {
  backend: Queues["backend"];
  makeQueue(name: string, defaults: Pick<QueueOptions, "defaultJobOptions">): Queue;
  makeWorker(name: string, processor: Processor, options: WorkerSettings): Worker;
  makeEvents(name: string): QueueEvents;
}

/** Connections per BullMQ object. Workers run their jobs' bookkeeping over them, one statement at a time. */
const POSTGRES_CONNECTIONS = 3;

/** A connection that says nothing for so long while it is asked something is dead, though nobody said so. Workers ask for 10 s at most. */
const SILENCE_MS = 30_000;

function redisMakers(redisUrl: string, prefix: string): Makers {
  // A worker waits for Redis for as long as it takes; someone who adds a job wants to hear that it failed.
  const waiting = { connection: { url: redisUrl, maxRetriesPerRequest: null, socketTimeout: SILENCE_MS }, prefix };
  const failing = { connection: { url: redisUrl, maxRetriesPerRequest: 3, socketTimeout: SILENCE_MS }, prefix };
  return {
    backend: "redis",
    makeQueue: (name, defaults) => new Queue(name, { ...failing, ...defaults, telemetry: queueTelemetry() }),
    makeWorker: (name, processor, options) =>
      new Worker(name, processor, { ...options, ...waiting, telemetry: queueTelemetry() }),
    makeEvents: (name) => new QueueEvents(name, waiting),
  };
}

/** A server that is away is asked again by whoever needed it. */
const CONNECT_WITHIN_MS = 15_000;

/** Silent for so long, a connection is probed, and is dead when ten probes a second apart get no answer. */
const KEEP_ALIVE_MS = 10_000;

/** `migrate` takes BullMQ's own advisory lock, so first uses in several processes do not race. */
function postgresMakers(connectionString: string, prefix: string): Makers {
  const onPostgres = withBackend(createPatientBackend);
  const connection = {
    ...{ connectionString, schema: `${prefix}_queue`, max: POSTGRES_CONNECTIONS, migrate: true },
    ...{ connectionTimeoutMillis: CONNECT_WITHIN_MS, keepAlive: true, keepAliveInitialDelayMillis: KEEP_ALIVE_MS },
    // BullMQ hears of connections that drop while they are idle. One that drops in the middle of a transaction would end the process; the
    // statement that fails tells the same.
    onConnect: (client: EventEmitter) => void client.on("error", () => {}),
  };
  return {
    backend: "postgres",
    // The classes differ from Redis's only in the type of a backend that nobody here touches.
    makeQueue: (name, defaults) =>
      new onPostgres.Queue(name, { connection, ...defaults, telemetry: queueTelemetry() }) as unknown as Queue,
    makeWorker: (name, processor, options) =>
      new onPostgres.Worker(name, processor, { ...options, connection, telemetry: queueTelemetry() }) as unknown as Worker,
    makeEvents: (name) => new onPostgres.QueueEvents(name, { connection }) as unknown as QueueEvents,
  };
}

/** BullMQ's own default. */
const STALLED_INTERVAL_MS = 30_000;

/**
 * A worker looks now and then for jobs whose worker died. BullMQ's look ends for good at the first error that is not a refused connection
 * (one that is reset, a server that is full), and such jobs would be under way for ever; so it is begun again each time.
 */
function keepCheckingForStalled(worker: Worker, everyMs = STALLED_INTERVAL_MS): void {
  const timer = setInterval(() => {
    if (worker.isRunning()) void worker.startStalledCheckTimer().catch(() => {});
  }, everyMs);
  timer.unref();
  worker.once("closing", () => clearInterval(timer));
}

/** The BullMQ job id of a submission: BullMQ refuses ids that contain ":" or are all digits. */
export function jobIdFor(submissionId: string): string {
  return `s-${createHash("sha256").update(submissionId).digest("hex")}`;
}

async function askRedis<T>(redisUrl: string | undefined, ask: (redis: Redis) => Promise<T>): Promise<T | undefined> {
  if (redisUrl === undefined) return undefined;
  const redis = new Redis(redisUrl, { lazyConnect: true, maxRetriesPerRequest: 1 });
  redis.on("error", () => {});
  try {
    return await ask(redis);
  } catch {
    return undefined;
  } finally {
    redis.disconnect();
  }
}

/**
 * Queues in Redis when `REDIS_URL` is set, otherwise in the database, in the schema `<QUEUE_PREFIX>_queue`.
 * Nothing is connected until an object is asked for.
 */
export function createQueues(config: Pick<Config, "redisUrl" | "queuePrefix">, connectionString: string, log: Log): Queues {
  const makers = config.redisUrl
    ? redisMakers(config.redisUrl, config.queuePrefix)
    : postgresMakers(connectionString, config.queuePrefix);
  const queues = new Map<string, Queue>();
  const events = new Map<string, QueueEvents>();
  const workers: Worker[] = [];

  const watch = <T extends Queue | Worker | QueueEvents>(object: T, kind: string, name: string): T => {
    (object as Queue).on("error", (err) => log.warn({ err, queue: name, kind }, "queue connection"));
    return object;
  };

  const shared = <T extends Queue | QueueEvents>(known: Map<string, T>, name: string, kind: string, make: () => T): T => {
    const existing = known.get(name);
    if (existing !== undefined) return existing;
    const made = watch(make(), kind, name);
    known.set(name, made);
    // BullMQ remembers a failed first connection for ever: the next use makes a new object.
    made.waitUntilReady().catch(() => {
      if (known.get(name) === made) known.delete(name);
      void made.close().catch(() => {});
    });
    return made;
  };

  return {
    backend: makers.backend,
    queue: <Data, Result>(name: string) =>
      shared(queues, name, "queue", () => makers.makeQueue(name, {})) as unknown as Queue<Data, Result, string>,
    events: (name) => shared(events, name, "events", () => makers.makeEvents(name)),
    worker: <Data, Result>(name: string, processor: Processor<Data, Result, string>, options: WorkerSettings = {}) => {
      const worker = watch(makers.makeWorker(name, processor as Processor, options), "worker", name);
      workers.push(worker);
      keepCheckingForStalled(worker, options.stalledInterval);
      return worker as unknown as Worker<Data, Result, string>;
    },
    redisSetting: (name) => askRedis(config.redisUrl, async (redis) => ((await redis.config("GET", name)) as string[])[1]),
    redisMemory: () =>
      askRedis(config.redisUrl, async (redis) => Number(/^used_memory:(\d+)/m.exec(await redis.info("memory"))?.[1])),
    close: async () => {
      await Promise.allSettled(workers.map((worker) => worker.close()));
      await Promise.allSettled([...queues.values(), ...events.values()].map((object) => object.close()));
    },
  };
}
