import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { changeRole, disableAccount, enableAccount, listAccounts, readAccount } from "../../people/accounts.js";
import { invite, resetLink } from "../../people/links.js";
import type { RefusedError } from "../../people/refused.js";
import { actorOf } from "../../people/rights.js";
import { page, readerOf, redirectBack } from "../console/page.js";
import type { AccessParts } from "./access-parts.js";
import { personOf } from "./account.js";
import { FORM, field, orShowAgain, parameter } from "./form.js";
import { needsPerson } from "./guard.js";

const PAGE_SIZE = 50;

interface One {
  Params: { id: string };
}

interface Shown {
  refused?: RefusedError;
  /** A one-time link that was just made. It is shown here and never again. */
  link?: { name: string; url: string };
}

/** For admins: who may sign in, and as what. */
export function peopleRoutes(server: FastifyInstance, { pool, config }: AccessParts): void {
  const admins = { ...FORM, preHandler: needsPerson("admin") };
  const linkOf = (request: FastifyRequest, secret: string) =>
    `${config.publicUrl ?? `${request.protocol}://${request.host}`}/welcome/${secret}`;
  const show = async (request: FastifyRequest, reply: FastifyReply, { refused, link }: Shown = {}) => {
    const found = await listAccounts(pool, { after: parameter(request, "after"), limit: PAGE_SIZE + 1 });
    const accounts = found.slice(0, PAGE_SIZE);
    const next = found.length > PAGE_SIZE ? accounts[PAGE_SIZE - 1].name : undefined;
    const given = { name: field(request, "name"), email: field(request, "email"), role: field(request, "role") };
    const title = readerOf(request).t.nav.people;
    return page(request, reply, "people-list", { title, accounts, next, given: refused ? given : {}, refused, link });
  };
  const actor = (request: FastifyRequest) => actorOf(personOf(request));

  server.get("/people", admins, (request, reply) => show(request, reply));

  server.post("/people", admins, (request, reply) => {
    const add = async () => {
      const [name, email, role, language] = ["name", "email", "role", "language"].map((key) => field(request, key));
      const { account, secret } = await invite(pool, { name, email, role, language }, actor(request));
      return show(request, reply, { link: { name: account.name, url: linkOf(request, secret) } });
    };
    return orShowAgain(reply, add, (refused) => show(request, reply, { refused }));
  });

  server.post<One>("/people/:id/link", admins, (request, reply) => {
    const make = async () => {
      const secret = await resetLink(pool, request.params.id, actor(request));
      const account = await readAccount(pool, request.params.id);
      return show(request, reply, { link: { name: account?.name ?? "", url: linkOf(request, secret) } });
    };
    return orShowAgain(reply, make, (refused) => show(request, reply, { refused }));
  });

  const changes: Record<string, (request: FastifyRequest<One>) => Promise<void>> = {
    role: (request) => changeRole(pool, request.params.id, field(request, "role"), actor(request)),
    disable: (request) => disableAccount(pool, request.params.id, actor(request)),
    enable: (request) => enableAccount(pool, request.params.id, actor(request)),
  };
  for (const [name, change] of Object.entries(changes)) {
    server.post<One>(`/people/:id/${name}`, admins, (request, reply) => {
      const act = async () => {
        await change(request);
        return redirectBack(request, reply, "/people", "saved");
      };
      return orShowAgain(reply, act, (refused) => show(request, reply, { refused }));
    });
  }
}
