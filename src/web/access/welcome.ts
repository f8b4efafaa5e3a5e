import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { acceptLink, readLink, type Welcome } from "../../people/links.js";
import { RefusedError } from "../../people/refused.js";
import { page, readerOf } from "../console/page.js";
import type { AccessParts } from "./access-parts.js";
import { giveSession, originOf } from "./cookies.js";
import { FORM, field, orShowAgain, parameter } from "./form.js";
import { SIGN_IN_LIMIT } from "./limits.js";
import { HOME } from "./sign-in.js";

interface Link {
  Params: { secret: string };
}

/** One-time links: the first admin's, an invitation's, a reset's. Opening one uses nothing up: mail programs open links too. */
export function welcomeRoutes(server: FastifyInstance, { pool, config }: AccessParts): void {
  const gone = (request: FastifyRequest, reply: FastifyReply) =>
    page(request, reply.code(410), "people-link-gone", { title: readerOf(request).t.people.linkGone });
  const show = (request: FastifyRequest, reply: FastifyReply, link: Welcome, refused?: RefusedError) => {
    const { t } = readerOf(request);
    const title = link.name === undefined ? t.people.welcomeFirst : t.people.welcome(link.name);
    return page(request, reply, "people-welcome", { title, link, action: request.url, name: field(request, "name"), refused });
  };

  server.get<Link>("/welcome/:secret", { config: { rateLimit: SIGN_IN_LIMIT } }, async (request, reply) => {
    const link = await readLink(pool, request.params.secret);
    if (!link) return gone(request, reply);
    // Who was invited has no session yet that would say which language they read.
    if (link.language === "sq" && parameter(request, "lang") === undefined) return reply.redirect(`${request.url}?lang=sq`, 303);
    return show(request, reply, link);
  });

  const open = { ...FORM, config: { beforeSignIn: true, rateLimit: SIGN_IN_LIMIT } };
  server.post<Link>("/welcome/:secret", open, async (request, reply) => {
    const { secret } = request.params;
    const link = await readLink(pool, secret);
    if (!link) return gone(request, reply);
    const { language } = readerOf(request);
    const accept = async () => {
      const password = field(request, "password");
      if (password !== field(request, "again")) throw new RefusedError("again", "passwordsDiffer");
      const opened = await acceptLink(pool, secret, { name: field(request, "name"), password, language }, originOf(request));
      return giveSession(request, reply, config, opened).redirect(HOME, 303);
    };
    return orShowAgain(reply, accept, (refused) =>
      refused.refusal === "linkGone" ? gone(request, reply) : show(request, reply, link, refused),
    );
  });
}
