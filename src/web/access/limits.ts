import rateLimit from "@fastify/rate-limit";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { ProblemError } from "../problem.js";

/**
 * Requests a minute. Who is signed in does not meet theirs (a page is some five requests; an intake sends batches); they stop a script
 * that ran away. Strangers are counted by address (IPv6: by /64).
 */
const PER_MINUTE = { person: 1_200, token: 12_000, stranger: 300 };

/** Tries at a password or a link from one address: an office behind one address signs in, a guesser is slow. */
export const SIGN_IN_LIMIT = { max: 30, timeWindow: "5 minutes", groupId: "sign-in" };

function keyOf(request: FastifyRequest): string {
  const { who } = request;
  if (who?.kind === "person") return `person ${who.accountId}`;
  return who ? `token ${who.tokenId}` : `address ${addressOf(request)}`;
}

const addressOf = ({ ip }: FastifyRequest) => rateLimit.normalizeIP(ip, 64);

/** Counted in this process: with N of them behind one address, each lets as much through. Health and metrics are not counted. */
export async function addLimits(server: FastifyInstance): Promise<void> {
  await server.register(rateLimit, {
    max: ({ who }) => PER_MINUTE[who?.kind ?? "stranger"],
    timeWindow: 60_000,
    cache: 20_000,
    keyGenerator: keyOf,
    errorResponseBuilder: (_request, { ttl }) =>
      new ProblemError(429, "too many requests; wait a moment", { retryAfterSeconds: Math.ceil(ttl / 1000) }),
  });
}
