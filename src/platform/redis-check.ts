import { Redis } from "ioredis";
import { UsageError } from "../errors.js";
import { certificateProblem } from "./tls-problem.js";

/** A Redis that does not answer in this time is left to the queues, which wait for it. */
const ANSWER_MS = 3_000;

const REFUSED = /^(WRONGPASS|NOAUTH|NOPERM|ERR (invalid password|Client sent AUTH))/;

/**
 * Connects once, and throws when Redis refuses us for good. The queues' own connections try for ever, which is right for a Redis that is
 * away, and would never tell anybody that the password or the certificate is wrong.
 *
 * @throws UsageError when the certificate is not trusted, or the user or password is refused.
 */
export async function checkRedis(redisUrl: string): Promise<void> {
  const redis = new Redis(redisUrl, {
    ...{ lazyConnect: true, connectTimeout: ANSWER_MS, commandTimeout: ANSWER_MS, maxRetriesPerRequest: 0 },
    retryStrategy: () => null,
  });
  let reason: unknown;
  redis.on("error", (error) => {
    reason ??= error;
  });
  try {
    await redis.ping();
  } catch (error) {
    reason ??= error;
  } finally {
    redis.disconnect();
  }
  if (reason !== undefined) throwIfRefused(reason);
}

function throwIfRefused(reason: unknown): void {
  const { message, code } = reason as Error & { code?: string };
  const certificate = certificateProblem(reason);
  if (certificate)
    throw new UsageError(`REDIS_URL: ${certificate}: name the file with its CA in NODE_EXTRA_CA_CERTS, or mend the address`);
  if (/wrong version number|packet length too long/i.test(message) || code === "ERR_SSL_WRONG_VERSION_NUMBER")
    throw new UsageError("REDIS_URL: the server does not speak TLS on this port: use redis:// or the port for TLS");
  if (REFUSED.test(message)) throw new UsageError("REDIS_URL: Redis refuses the user or password, or allows it too little");
}
