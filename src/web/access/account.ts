import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { changePreferences, readAccount } from "../../people/accounts.js";
import { RefusedError } from "../../people/refused.js";
import { endOtherSessions, endSession, listSessions, type Person } from "../../people/sessions.js";
import { changePassword } from "../../people/sign-in.js";
import { page, readerOf, redirectBack } from "../console/page.js";
import type { AccessParts } from "./access-parts.js";
import { browserName } from "./browser-name.js";
import { originOf, takeSession } from "./cookies.js";
import { FORM, field, orShowAgain } from "./form.js";
import { needsPerson } from "./guard.js";

/** Behind `needsPerson` there is one. */
export const personOf = (request: FastifyRequest): Person => request.who as Person;

/** A person's own: password, language, address, sessions. */
export function accountRoutes(server: FastifyInstance, { pool, config }: AccessParts): void {
  const mine = { ...FORM, preHandler: needsPerson() };
  const show = async (request: FastifyRequest, reply: FastifyReply, refused?: RefusedError) => {
    const { accountId, sessionId } = personOf(request);
    const [account, sessions] = await Promise.all([readAccount(pool, accountId), listSessions(pool, accountId)]);
    const title = readerOf(request).t.nav.account;
    const named = sessions.map((session) => ({ ...session, browser: browserName(session.agent) }));
    return page(request, reply, "people-account", { title, account, sessions: named, sessionId, refused });
  };
  const saved = (request: FastifyRequest, reply: FastifyReply) => redirectBack(request, reply, "/account", "saved");

  server.get("/account", mine, (request, reply) => show(request, reply));

  server.post("/account/profile", mine, (request, reply) => {
    const change = async () => {
      const wanted = { language: field(request, "language"), email: field(request, "email") };
      await changePreferences(pool, personOf(request).accountId, wanted);
      return saved(request, reply);
    };
    return orShowAgain(reply, change, (refused) => show(request, reply, refused));
  });

  server.post("/account/password", mine, (request, reply) => {
    const change = async () => {
      const next = field(request, "password");
      if (next !== field(request, "again")) throw new RefusedError("again", "passwordsDiffer");
      await changePassword(pool, personOf(request), field(request, "current"), next, originOf(request));
      return saved(request, reply);
    };
    return orShowAgain(reply, change, (refused) => show(request, reply, refused));
  });

  server.post("/account/sessions/end-others", mine, async (request, reply) => {
    await endOtherSessions(pool, personOf(request));
    return saved(request, reply);
  });

  server.post<{ Params: { id: string } }>("/account/sessions/:id/end", mine, async (request, reply) => {
    const { id } = request.params;
    await endSession(pool, personOf(request), id);
    if (id === personOf(request).sessionId) return takeSession(request, reply, config).redirect("/sign-in", 303);
    return saved(request, reply);
  });
}
