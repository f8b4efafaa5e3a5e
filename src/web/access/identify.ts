import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Pool } from "pg";
import type { Who } from "../../people/rights.js";
import { whoOfSession } from "../../people/sessions.js";
import { looksLikeToken, whoOfToken } from "../../people/tokens.js";
import { readCookie, SESSION_COOKIE } from "./cookies.js";

/** From `Authorization: Bearer <token>`, or Basic with the token as the password (whatever the user's name). */
export function tokenOf(authorization: string | undefined): string | undefined {
  const [, scheme, value] = /^(Bearer|Basic) +(\S+) *$/i.exec(authorization ?? "") ?? [];
  if (scheme === undefined) return undefined;
  if (scheme.toLowerCase() === "bearer") return value;
  const pair = Buffer.from(value, "base64").toString();
  return pair.includes(":") ? pair.slice(pair.indexOf(":") + 1) : undefined;
}

/** A token, if one is shown, decides alone. What a proxy in front asks for (another Basic password) is none. */
async function identify(pool: Pool, request: FastifyRequest): Promise<Who | undefined> {
  const token = tokenOf(request.headers.authorization);
  if (token !== undefined && looksLikeToken(token)) return whoOfToken(pool, token);
  const secret = readCookie(request, SESSION_COOKIE);
  return secret === undefined ? undefined : whoOfSession(pool, secret);
}

/** Sets `request.who` before anything else looks at a request. Without a cookie or token the database is not asked. */
export function addIdentity(server: FastifyInstance, pool: Pool): void {
  server.decorateRequest("who", undefined);
  server.addHook("onRequest", async (request) => {
    request.who = await identify(pool, request);
  });
}
