import { UsageError } from "../errors.js";
import { createPool } from "../platform/database.js";
import { createLog } from "../platform/log.js";
import { createQueues } from "../platform/queues.js";
import { createIntakeClient, type IntakeClient } from "./client.js";

export interface QueueIntakeOptions {
  /** The service's `REDIS_URL`, when it has one. */
  redisUrl?: string;
  /** The service's `DATABASE_URL`: what is submitted is kept there first, and no queue can lose it. Needed where the queues are in it. */
  databaseUrl?: string;
  /** The service's `QUEUE_PREFIX`. Default "reupload". */
  queuePrefix?: string;
}

/** Submissions are written one after the other, or a few at a time. */
const CONNECTIONS = 4;

/**
 * An intake client on the service's own queue, for intake services that are near it. Connects at the first submission; `close` it at the
 * end. With `redisUrl` alone a submission is as safe as that Redis: give `databaseUrl` as well, and it survives the loss of it.
 *
 * @throws UsageError when neither address is given.
 */
export function openIntakeClient({ redisUrl, databaseUrl, queuePrefix = "reupload" }: QueueIntakeOptions): IntakeClient & {
  close(): Promise<void>;
} {
  if (redisUrl === undefined && databaseUrl === undefined)
    throw new UsageError("redisUrl, databaseUrl: give one of them, or both: where the service's queues and its database are");
  const log = createLog("silent");
  const queues = createQueues({ redisUrl, queuePrefix }, databaseUrl ?? "", log);
  const pool = databaseUrl === undefined ? undefined : createPool(databaseUrl, CONNECTIONS, log);
  const close = async () => {
    await queues.close();
    await pool?.end();
  };
  return { ...createIntakeClient(queues, pool), close };
}
