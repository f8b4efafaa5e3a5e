import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { CLASSES } from "../../casework/case-fields.js";
import { readReference, updateReference } from "../../casework/known.js";
import { retireReference } from "../../hash-index/references.js";
import { audit } from "../../platform/audit.js";
import { needs } from "../access/guard.js";
import type { Parts } from "../parts.js";
import { NotFound } from "./errors.js";
import { actor, dayOrNone, read, words } from "./input.js";
import { page, readerOf, redirectBack } from "./page.js";

const fields = z.object({
  label: words(200),
  class: z.preprocess((v) => (v === "" ? null : v), z.enum(CLASSES, `must be one of ${CLASSES.join(", ")}`).nullable()),
  legalBasis: z.string().max(2_000, "must be at most 2000 characters"),
  retainUntil: dayOrNone,
});

type ById = { Params: { id: string } };

/** `/references/:id`: where known material comes from and how long it is kept. Never the material. */
export function referenceRoutes(pages: FastifyInstance, { pool }: Parts): void {
  pages.get<ById>("/references/:id", { preHandler: needs("cases:read") }, async (request, reply) => {
    const reference = await readReference(pool, request.params.id);
    if (!reference) throw new NotFound();
    await audit(pool, { actor: actor(request), act: "reference read", subject: `reference:${reference.id}` });
    const { t } = readerOf(request);
    const data = { reference, classes: CLASSES, here: `/references/${reference.id}` };
    return page(request, reply, "reference", { title: t.cases.reference.title(reference.label), ...data });
  });

  const act = { preHandler: needs("cases:write"), bodyLimit: 32 * 1024 };
  pages.post<ById>("/references/:id/edit", act, async (request, reply) => {
    await updateReference(pool, request.params.id, read(fields, request.body), actor(request));
    return redirectBack(request, reply, `/references/${encodeURIComponent(request.params.id)}`, "saved");
  });
  pages.post<ById>("/references/:id/retire", act, async (request, reply) => {
    const { id } = request.params;
    if (!(await readReference(pool, id))) throw new NotFound();
    await retireReference(pool, id, actor(request));
    return redirectBack(request, reply, `/references/${id}`, "retired");
  });
}
