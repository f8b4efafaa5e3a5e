import { Readable } from "node:stream";
import type { FastifyInstance, FastifyReply } from "fastify";
import { evidenceJson, evidencePack } from "../../casework/evidence.js";
import { evidencePdf } from "../../casework/evidence-pdf.js";
import { needs } from "../access/guard.js";
import type { Parts } from "../parts.js";
import { actor } from "./input.js";

type ById = { Params: { id: string } };

/** The evidence pack of a case as a file: JSON a page at a time, PDF when it is complete. Each is a POST, because each is logged. */
export function evidenceRoutes(pages: FastifyInstance, { pool }: Parts): void {
  const act = { preHandler: needs("cases:write"), bodyLimit: 4_096 };
  pages.post<ById>("/cases/:id/evidence.json", act, async (request, reply) => {
    const texts = evidenceJson(pool, request.params.id, actor(request));
    // What is wrong with the case is thrown before the first text: as a page that says so, and not as half a file.
    const first = await texts.next();
    const whole = async function* () {
      if (!first.done) yield first.value;
      yield* texts;
    };
    return asFile(reply, request.params.id, "json", "application/json; charset=utf-8").send(Readable.from(whole()));
  });
  pages.post<ById>("/cases/:id/evidence.pdf", act, async (request, reply) => {
    const pdf = await evidencePdf(await evidencePack(pool, request.params.id, actor(request)));
    return asFile(reply, request.params.id, "pdf", "application/pdf").send(pdf);
  });
}

function asFile(reply: FastifyReply, caseId: string, extension: string, type: string): FastifyReply {
  const name = `case-${caseId.replace(/[^\w.-]/g, "_")}.${extension}`;
  return reply.header("content-disposition", `attachment; filename="${name}"`).type(type);
}
