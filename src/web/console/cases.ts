import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { CLASSES } from "../../casework/case-fields.js";
import {
  type CaseDetail,
  closeCase,
  createCase,
  listCases,
  mergeCases,
  readCase,
  reopenCase,
  updateCase,
} from "../../casework/cases.js";
import { finishErasure } from "../../casework/erase/finish.js";
import { eraseCase } from "../../casework/erase.js";
import { caseTimeline } from "../../casework/statistics.js";
import { UsageError } from "../../errors.js";
import { audit } from "../../platform/audit.js";
import { needs } from "../access/guard.js";
import type { Parts } from "../parts.js";
import { NotFound } from "./errors.js";
import { evidenceRoutes } from "./evidence.js";
import { actor, dayOrNone, optional, read, words } from "./input.js";
import { page, readerOf, redirectBack, urlWith } from "./page.js";
import { reuploadChart } from "./reupload-chart.js";

const PAGE_LENGTH = 50;
const FORM_BYTES = 32 * 1024;

const listQuery = z.object({
  state: optional(z.enum(["open", "closed", "all"], "must be open, closed or all")),
  text: optional(words(200)),
  after: optional(z.string().max(1_000)),
});

const fields = {
  title: z.string().max(200, "must be at most 200 characters"),
  class: z.enum(CLASSES, `must be one of ${CLASSES.join(", ")}`),
  legalBasis: z.string().max(2_000, "must be at most 2000 characters"),
  retainUntil: dayOrNone,
};
const newCase = z.object({ id: words(128), ...fields });
const merging = z.object({ into: words(128) });
const erasing = z.object({ confirm: z.string(), reason: words(1_000) });

type ById = { Params: { id: string } };
const urlOf = (id: string) => `/cases/${encodeURIComponent(id)}`;

/** `/cases` and `/cases/:id`, with what can be done to a case. */
export function caseRoutes(pages: FastifyInstance, parts: Parts): void {
  const { pool } = parts;
  pages.get("/cases", { preHandler: needs("cases:read") }, async (request, reply) => {
    const asked = read(listQuery, request.query);
    const { cases, next } = await listCases(
      pool,
      { state: asked.state ?? "open", text: asked.text },
      { after: asked.after, limit: PAGE_LENGTH },
    );
    const data = { asked: { ...asked, state: asked.state ?? "open" }, cases, next: next && urlWith(request, { after: next }) };
    return page(request, reply, "cases", { title: readerOf(request).t.cases.title, classes: CLASSES, ...data });
  });

  pages.get<ById>("/cases/:id", { preHandler: needs("cases:read") }, async (request, reply) => {
    const found = await readCase(pool, request.params.id);
    if (!found) throw new NotFound();
    await audit(pool, { actor: actor(request), act: "case read", subject: `case:${found.id}` });
    const reader = readerOf(request);
    const { uploads, summary } = await caseTimeline(pool, found.id);
    const said = summaryOf(found, summary, reader);
    const chart = reuploadChart(uploads, reader.t.cases.timelineLabel(said), reader.f);
    return page(request, reply, "case", {
      ...{ title: reader.t.cases.one(found.id), found, summary, said, chart, classes: CLASSES, here: urlOf(found.id) },
    });
  });

  const act = { preHandler: needs("cases:write"), bodyLimit: FORM_BYTES };
  pages.post("/cases", act, async (request, reply) => {
    const given = read(newCase, request.body);
    const { id } = await createCase(pool, given, actor(request));
    return redirectBack(request, reply, urlOf(id), "created");
  });
  pages.post<ById>("/cases/:id/edit", act, async (request, reply) => {
    await updateCase(pool, request.params.id, read(z.object(fields), request.body), actor(request));
    return redirectBack(request, reply, urlOf(request.params.id), "saved");
  });
  pages.post<ById>("/cases/:id/merge", act, async (request, reply) => {
    const { into } = read(merging, request.body);
    await mergeCases(pool, request.params.id, into, actor(request));
    return redirectBack(request, reply, urlOf(into), "merged");
  });
  pages.post<ById>("/cases/:id/close", act, async (request, reply) => {
    await closeCase(pool, request.params.id, actor(request));
    return redirectBack(request, reply, urlOf(request.params.id), "closed");
  });
  pages.post<ById>("/cases/:id/reopen", act, async (request, reply) => {
    await reopenCase(pool, request.params.id, actor(request));
    return redirectBack(request, reply, urlOf(request.params.id), "reopened");
  });
  pages.post<ById>("/cases/:id/erase", { ...act, preHandler: needs("admin") }, async (request, reply) => {
    const { confirm, reason } = read(erasing, request.body);
    if (confirm !== request.params.id) throw new UsageError(readerOf(request).t.cases.eraseMismatch);
    const { inQueues } = await eraseCase(pool, request.params.id, actor(request), reason);
    await finishErasure(pool, parts.queues, inQueues);
    return redirectBack(request, reply, "/cases", "erased");
  });
  evidenceRoutes(pages, parts);
}

/** "17 uploads, 4 profiles, 3 platforms, last yesterday". */
function summaryOf(
  found: CaseDetail,
  summary: { uploads: number; uploaders: number; platforms: number; lastAt: Date | null },
  { t, f }: ReturnType<typeof readerOf>,
): string {
  if (summary.uploads === 0 || !found.lastUploadAt) return t.cases.noUploads;
  const counts = t.cases.summary(summary.uploads, summary.uploaders, summary.platforms);
  return `${counts}, ${t.cases.last(f.ago(summary.lastAt ?? found.lastUploadAt))}`;
}
