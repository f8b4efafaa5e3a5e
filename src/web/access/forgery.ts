import { timingSafeEqual } from "node:crypto";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Config } from "../../config.js";
import { sha256Of } from "../../people/secrets.js";
import { ProblemError } from "../problem.js";

declare module "fastify" {
  interface FastifyContextConfig {
    /** A form for who is not signed in yet: there is no session whose token it could carry, so only its origin is checked. */
    beforeSignIn?: boolean;
  }
}

const SAFE = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * What browsers say of where a request comes from: Sec-Fetch-Site, all of them since 2023, else Origin. The same test as Go's
 * net/http CrossOriginProtection makes. Programs send neither, and are let through.
 */
function comesFromElsewhere({ headers, host }: FastifyRequest, publicUrl: string | undefined): boolean {
  const site = headers["sec-fetch-site"];
  if (site !== undefined) return site !== "same-origin" && site !== "none";
  const { origin } = headers;
  // "null": our pages send no referrer, which hides the origin as well.
  if (origin === undefined || origin === "null") return false;
  return origin !== publicUrl && (!URL.canParse(origin) || new URL(origin).host !== host);
}

/** A file's form is not read yet when this runs, so it carries the token in its address: `action="…?_csrf=…"`. */
function tokenSent({ headers, body, query }: FastifyRequest): unknown {
  const header = headers["x-csrf-token"];
  if (header !== undefined) return header;
  if ((headers["content-type"] ?? "").startsWith("multipart/form-data")) return (query as Record<string, unknown>)?._csrf;
  return typeof body === "object" && body !== null ? (body as Record<string, unknown>)._csrf : undefined;
}

const isSame = (a: unknown, b: string) => typeof a === "string" && timingSafeEqual(sha256Of(a), sha256Of(b));

/** Refuses changes that another site's page asks for in a person's name. Tokens are not sent by browsers, so they need none of it. */
export function addForgeryCheck(server: FastifyInstance, { publicUrl }: Pick<Config, "publicUrl">): void {
  server.addHook("preValidation", async (request) => {
    if (SAFE.has(request.method) || request.who?.kind === "token") return;
    if (comesFromElsewhere(request, publicUrl))
      throw new ProblemError(403, "this change was asked for by a page of another site");
    if (!request.who || request.routeOptions.config.beforeSignIn) return;
    if (isSame(tokenSent(request), request.who.csrfToken)) return;
    throw new ProblemError(
      403,
      "_csrf: the form is out of date, or not ours; load the page again, or send the header X-CSRF-Token",
    );
  });
}
