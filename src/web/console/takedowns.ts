import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { noticeFor } from "../../casework/notices.js";
import { listTakedowns, readTakedown, reportTakedown, requeueTakedown, TAKEDOWN_STATES } from "../../casework/takedowns.js";
import { UsageError } from "../../errors.js";
import { audit } from "../../platform/audit.js";
import type { Db } from "../../platform/database.js";
import { needs } from "../access/guard.js";
import type { Parts } from "../parts.js";
import { NotFound } from "./errors.js";
import { actorName } from "./explain.js";
import { actor, optional, read, words } from "./input.js";
import { page, readerOf, redirectBack, urlWith } from "./page.js";
import { LANGUAGES } from "./texts.js";

const PAGE_LENGTH = 50;
const REPORTED = ["sent", "acknowledged", "removed", "rejected"] as const;

const listQuery = z.object({
  state: optional(z.enum([...TAKEDOWN_STATES, "all"], `must be ${TAKEDOWN_STATES.join(", ")} or all`)),
  platform: optional(words(200)),
  case: optional(words(128)),
  overdue: optional(z.literal("1", "must be 1")),
  after: optional(z.string().max(500)),
});
const report = z.object({
  state: z.enum(REPORTED, `must be ${REPORTED.join(", ")}`),
  detail: optional(words(2_000)),
});

type ById = { Params: { id: string } };

/** `/takedowns` and `/takedowns/:id`: what was asked of whom, what came of it, and the letter that asks for it. */
export function takedownRoutes(pages: FastifyInstance, { pool, config, settings }: Parts): void {
  pages.get("/takedowns", { preHandler: needs("takedowns:read") }, async (request, reply) => {
    const asked = read(listQuery, request.query);
    const state = asked.state === "all" ? undefined : asked.state;
    const overdue = asked.overdue ? true : undefined;
    const filter = { state, platform: asked.platform, caseId: asked.case, overdue };
    const { takedowns, next } = await listTakedowns(pool, filter, { after: asked.after, limit: PAGE_LENGTH });
    return page(request, reply, "takedowns", {
      title: readerOf(request).t.takedowns.title,
      ...{ asked: { ...asked, state: asked.state ?? "all" }, takedowns, next: next && urlWith(request, { after: next }) },
    });
  });

  pages.get<ById>("/takedowns/:id", { preHandler: needs("takedowns:read") }, async (request, reply) => {
    const takedown = await readTakedown(pool, request.params.id);
    if (!takedown) throw new NotFound();
    await audit(pool, { actor: actor(request), act: "takedown read", subject: `takedown:${takedown.id}` });
    const reader = readerOf(request);
    return page(request, reply, "takedown", {
      title: reader.t.takedowns.one(takedown.caseId),
      takedown,
      history: takedown.events.map((event) => ({ ...event, who: actorName(event.actor, reader) })),
      letters: await lettersFor(pool, takedown.id, config.noticeSender),
      reported: REPORTED,
      here: `/takedowns/${takedown.id}`,
    });
  });

  const act = { preHandler: needs("takedowns:write"), bodyLimit: 32 * 1024 };
  pages.post<ById>("/takedowns/:id/report", act, async (request, reply) => {
    const { id } = request.params;
    const outcome = await reportTakedown(pool, { takedownId: id, ...read(report, request.body) }, actor(request));
    if (outcome.outcome === "refused") throw outcome.unknown ? new NotFound() : new UsageError(`${outcome.field} ${outcome.why}`);
    return redirectBack(request, reply, `/takedowns/${id}`, "reported");
  });
  pages.post<ById>("/takedowns/:id/requeue", act, async (request, reply) => {
    await requeueTakedown(pool, request.params.id, actor(request), settings);
    return redirectBack(request, reply, `/takedowns/${request.params.id}`, "requeued");
  });
}

/** The letter in every language we write, to be copied into a platform's form. */
async function lettersFor(db: Db, takedownId: string, sender: string | undefined) {
  return Promise.all(LANGUAGES.map(async (language) => ({ language, ...(await noticeFor(db, takedownId, language, sender))! })));
}
