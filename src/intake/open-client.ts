import { UsageError } from "../errors.js";
import { createLog } from "../platform/log.js";
import { createQueues } from "../platform/queues.js";
import { createIntakeClient, type IntakeClient } from "./client.js";

export interface QueueIntakeOptions {
  /** Where the queues are: the same `REDIS_URL` as the service's, or, without Redis, its `DATABASE_URL`. */
  redisUrl?: string;
  databaseUrl?: string;
  /** The service's `QUEUE_PREFIX`. Default "reupload". */
  queuePrefix?: string;
}

/**
 * An intake client on the service's own queue, for intake services that are near it. Connects at the first submission; `close` it at the end.
 *
 * @throws UsageError when neither or both addresses are given.
 */
export function openIntakeClient({ redisUrl, databaseUrl, queuePrefix = "reupload" }: QueueIntakeOptions): IntakeClient & {
  close(): Promise<void>;
} {
  if ((redisUrl === undefined) === (databaseUrl === undefined))
    throw new UsageError("redisUrl, databaseUrl: give one of them: where the service's queues are");
  const queues = createQueues({ redisUrl, queuePrefix }, databaseUrl ?? "", createLog("silent"));
  return { ...createIntakeClient(queues), close: () => queues.close() };
}
