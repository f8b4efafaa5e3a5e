import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { endSession } from "../../people/sessions.js";
import { signIn } from "../../people/sign-in.js";
import { page, readerOf, safePath } from "../console/page.js";
import type { AccessParts } from "./access-parts.js";
import { giveSession, originOf, takeSession } from "./cookies.js";
import { FORM, field, parameter } from "./form.js";
import { needsPerson } from "./guard.js";
import { SIGN_IN_LIMIT } from "./limits.js";

/** Where a person lands who asked for nothing else. */
export const HOME = "/alerts";

export function signInRoutes(server: FastifyInstance, { pool, config }: AccessParts): void {
  const show = (request: FastifyRequest, reply: FastifyReply, next: string, wasRefused: boolean, name = "") => {
    const { t } = readerOf(request);
    const oidc = config.oidcIssuer !== undefined;
    const problem = wasRefused ? t.people.signInFailed : undefined;
    return page(request, reply, "people-sign-in", { title: t.people.signIn, next, name, oidc, problem });
  };

  server.get("/sign-in", async (request, reply) => {
    const next = safePath(parameter(request, "next"), HOME);
    return request.who?.kind === "person" ? reply.redirect(next, 303) : show(request, reply, next, false);
  });

  const open = { ...FORM, config: { beforeSignIn: true, rateLimit: SIGN_IN_LIMIT } };
  server.post("/sign-in", open, async (request, reply) => {
    const next = safePath(field(request, "next"), HOME);
    const name = field(request, "name");
    const secret = await signIn(pool, { name, password: field(request, "password") }, originOf(request));
    if (secret === undefined) return show(request, reply.code(403), next, true, name);
    if (request.who?.kind === "person") await endSession(pool, request.who, request.who.sessionId);
    return giveSession(request, reply, config, secret).redirect(next, 303);
  });

  server.get("/sign-out", { preHandler: needsPerson() }, async (request, reply) =>
    page(request, reply, "people-sign-out", { title: readerOf(request).t.nav.signOut }),
  );

  server.post("/sign-out", FORM, async (request, reply) => {
    if (request.who?.kind === "person") await endSession(pool, request.who, request.who.sessionId);
    return takeSession(request, reply, config).redirect("/sign-in", 303);
  });
}
