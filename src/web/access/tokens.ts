import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { RefusedError } from "../../people/refused.js";
import { actorOf, RIGHTS } from "../../people/rights.js";
import { createToken, DEFAULT_TOKEN_DAYS, listTokens, revokeToken } from "../../people/tokens.js";
import { page, readerOf, redirectBack } from "../console/page.js";
import type { AccessParts } from "./access-parts.js";
import { personOf } from "./account.js";
import { FORM, field, fields, orShowAgain, parameter } from "./form.js";
import { needsPerson } from "./guard.js";

const PAGE_SIZE = 50;

interface Shown {
  refused?: RefusedError;
  /** A token that was just made. It is shown here and never again. */
  made?: { name: string; secret: string };
}

/** For admins: what programs sign in with. */
export function tokenRoutes(server: FastifyInstance, { pool }: AccessParts): void {
  const admins = { ...FORM, preHandler: needsPerson("admin") };
  const show = async (request: FastifyRequest, reply: FastifyReply, { refused, made }: Shown = {}) => {
    const found = await listTokens(pool, { after: parameter(request, "after"), limit: PAGE_SIZE + 1 });
    const tokens = found.slice(0, PAGE_SIZE);
    const next = found.length > PAGE_SIZE ? tokens[PAGE_SIZE - 1].name : undefined;
    const given = refused
      ? { name: field(request, "name"), scopes: fields(request, "scopes"), days: field(request, "days") }
      : {};
    const shown = { title: readerOf(request).t.nav.tokens, tokens, next, rights: RIGHTS, days: DEFAULT_TOKEN_DAYS };
    return page(request, reply, "people-tokens", { ...shown, given, refused, made });
  };

  server.get("/tokens", admins, (request, reply) => show(request, reply));

  server.post("/tokens", admins, (request, reply) => {
    const make = async () => {
      const days = field(request, "days");
      const wanted = {
        name: field(request, "name"),
        scopes: fields(request, "scopes"),
        days: /^\d{1,6}$/.test(days) ? Number(days) : -1,
      };
      const { secret, token } = await createToken(pool, wanted, actorOf(personOf(request)));
      return show(request, reply, { made: { name: token.name, secret } });
    };
    return orShowAgain(reply, make, (refused) => show(request, reply, { refused }));
  });

  server.post<{ Params: { name: string } }>("/tokens/:name/revoke", admins, (request, reply) => {
    const revoke = async () => {
      await revokeToken(pool, request.params.name, actorOf(personOf(request)));
      return redirectBack(request, reply, "/tokens", "saved");
    };
    return orShowAgain(reply, revoke, (refused) => show(request, reply, { refused }));
  });
}
