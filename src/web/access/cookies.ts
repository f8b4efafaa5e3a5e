import type { FastifyReply, FastifyRequest } from "fastify";
import type { Config } from "../../config.js";
import { type Origin, SESSION_DAYS } from "../../people/sessions.js";

export const SESSION_COOKIE = "reupload_session";

type CookieConfig = Pick<Config, "cookieSecure" | "publicUrl">;

/** Of a path of ours: where it is sent to, and for how long; 0 takes it back. */
interface CookieScope {
  path: string;
  maxAgeSeconds: number;
}

/** True when the browser reached us, or the proxy before us, over TLS. A header that lies here only costs the liar their session. */
export function isSecure(request: FastifyRequest, { cookieSecure, publicUrl }: CookieConfig): boolean {
  if (cookieSecure !== "auto") return cookieSecure === "1";
  const forwarded = String(request.headers["x-forwarded-proto"] ?? "")
    .split(",")[0]
    .trim();
  return request.protocol === "https" || forwarded === "https" || (publicUrl?.startsWith("https://") ?? false);
}

/** The cookie's value, as {@link setCookie} was given it; undefined when it is missing, or not one of ours. */
export function readCookie({ headers }: FastifyRequest, name: string): string | undefined {
  const pair = (headers.cookie ?? "")
    .split(";")
    .map((part) => part.trim())
    .find((part) => part.startsWith(`${name}=`));
  try {
    return pair === undefined ? undefined : decodeURIComponent(pair.slice(name.length + 1));
  } catch {
    return undefined;
  }
}

/** Gives the browser a cookie (RFC 6265) that no script reads, and no other site's form or picture sends. */
export function setCookie(
  request: FastifyRequest,
  reply: FastifyReply,
  config: CookieConfig,
  cookie: CookieScope & { name: string; value: string },
): FastifyReply {
  const secure = isSecure(request, config) ? "; Secure" : "";
  const scope = `Max-Age=${cookie.maxAgeSeconds}; Path=${cookie.path}; HttpOnly; SameSite=Lax${secure}`;
  return reply.header("set-cookie", `${cookie.name}=${encodeURIComponent(cookie.value)}; ${scope}`);
}

const SESSION = { name: SESSION_COOKIE, path: "/" };

export const giveSession = (request: FastifyRequest, reply: FastifyReply, config: CookieConfig, secret: string): FastifyReply =>
  setCookie(request, reply, config, { ...SESSION, value: secret, maxAgeSeconds: SESSION_DAYS * 86_400 });

export const takeSession = (request: FastifyRequest, reply: FastifyReply, config: CookieConfig): FastifyReply =>
  setCookie(request, reply, config, { ...SESSION, value: "", maxAgeSeconds: 0 });

export const originOf = (request: FastifyRequest): Origin => ({
  address: request.ip,
  agent: request.headers["user-agent"] ?? "",
});
