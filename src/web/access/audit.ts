import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { type AuditCheck, listAudit, verifyAudit } from "../../platform/audit.js";
import { page, readerOf } from "../console/page.js";
import type { AccessParts } from "./access-parts.js";
import { FORM, field, parameter } from "./form.js";
import { needsPerson } from "./guard.js";

const PAGE_SIZE = 50;

/** For admins: every read of an alert and every act, and whether the log is as it was written. */
export function auditRoutes(server: FastifyInstance, { pool }: AccessParts): void {
  const admins = { ...FORM, preHandler: needsPerson("admin") };
  const show = async (request: FastifyRequest, reply: FastifyReply, check?: AuditCheck, earlierHead?: string) => {
    const before = Number(parameter(request, "before"));
    const filter = { subject: parameter(request, "subject"), actor: parameter(request, "actor") };
    const part = { before: Number.isSafeInteger(before) && before > 0 ? before : undefined, limit: PAGE_SIZE + 1 };
    const found = await listAudit(pool, { ...filter, ...part });
    const rows = found.slice(0, PAGE_SIZE);
    const next = found.length > PAGE_SIZE ? rows[PAGE_SIZE - 1].number : undefined;
    const title = readerOf(request).t.nav.audit;
    return page(request, reply, "people-audit", { title, rows, next, filter, check, earlierHead });
  };

  server.get("/audit", admins, (request, reply) => show(request, reply));

  server.post("/audit/verify", admins, async (request, reply) => {
    const earlierHead = field(request, "head").trim() || undefined;
    return show(request, reply, await verifyAudit(pool, earlierHead), earlierHead);
  });
}
