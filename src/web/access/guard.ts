import type { FastifyReply, FastifyRequest } from "fastify";
import { may, type Right, type Who } from "../../people/rights.js";
import { safePath } from "../console/page.js";
import { ProblemError } from "../problem.js";

declare module "fastify" {
  interface FastifyRequest {
    /** Who asks; undefined when nobody is signed in. Set for every request by `accessRoutes`. */
    who?: Who;
  }
}

type Guard = (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply | undefined>;

/**
 * A route's guard: lets through who is signed in and has the right. A browser is led to the sign-in page; everyone else is told, by the
 * surface's own error handler.
 */
export function needs(right: Right): Guard {
  return async (request, reply) => {
    if (!request.who) return askToSignIn(request, reply);
    if (!may(request.who, right))
      throw new ProblemError(403, `this needs the right ${right}, which ${request.who.name} does not have`);
    return undefined;
  };
}

/** A guard for pages about the person themselves, or where a person must decide: a service token does not pass. */
export function needsPerson(right?: Right): Guard {
  return async (request, reply) => {
    if (!request.who) return askToSignIn(request, reply);
    if (request.who.kind !== "person")
      throw new ProblemError(403, "this is for people who are signed in, and not for service tokens");
    return right === undefined ? undefined : needs(right)(request, reply);
  };
}

function askToSignIn(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (!wantsPage(request)) {
    // "Basic" would make browsers ask for a password themselves.
    void reply.header("www-authenticate", 'Bearer realm="reupload"');
    throw new ProblemError(401, "sign in, or send a service token that is in use: Authorization: Bearer rup_…");
  }
  const back = request.method === "GET" || request.method === "HEAD" ? request.url : bodyField(request, "back");
  const signIn = `/sign-in?next=${encodeURIComponent(safePath(back, "/alerts"))}`;
  // htmx would put the sign-in page into the middle of this one.
  if (request.headers["hx-request"] === "true") return reply.code(401).header("hx-redirect", "/sign-in?next=%2Falerts").send();
  return reply.redirect(signIn, 303);
}

const wantsPage = ({ headers, url }: FastifyRequest) => (headers.accept ?? "").includes("text/html") && !url.startsWith("/v1/");

function bodyField(request: FastifyRequest, name: string): unknown {
  const { body } = request;
  return typeof body === "object" && body !== null ? (body as Record<string, unknown>)[name] : undefined;
}
