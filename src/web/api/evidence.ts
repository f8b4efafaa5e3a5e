import { Readable } from "node:stream";
import { z } from "zod";
import { readCase } from "../../casework/cases.js";
import { evidenceJson, evidencePack } from "../../casework/evidence.js";
import { evidencePdf } from "../../casework/evidence-pdf.js";
import { needs } from "../access/guard.js";
import type { Parts } from "../parts.js";
import { ProblemError } from "../problem.js";
import { type Api, askerOf, found } from "./routes.js";
import { caseId } from "./schemas/common.js";

const params = z.object({ caseId });

const packSchema = z
  .object({
    format: z.string(),
    caseId: z.string(),
    madeAt: z.string(),
    madeBy: z.string(),
    toolVersion: z.string(),
    entries: z.array(
      z.object({
        entry: z.int(),
        about: z.enum(["case", "policy", "known material", "re-upload"]),
        content: z.record(z.string(), z.unknown()),
        previous: z.string(),
        sha256: z.string(),
      }),
    ),
    head: z.string(),
  })
  .meta({
    id: "EvidencePack",
    description: "A hash chain: each entry's SHA-256 covers its canonical JSON (RFC 8785) and the one before.",
  });

const EXAMPLE = {
  format: "reupload-evidence/1",
  caseId: "C-17",
  madeAt: "2026-11-24T12:00:00.000Z",
  madeBy: "person:ana",
  toolVersion: "0.1.0",
  entries: [
    {
      entry: 1,
      about: "case",
      content: { case: { id: "C-17" } },
      previous: "0".repeat(64),
      sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    },
  ],
  head: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
};

const download = (name: string, extension: string) =>
  `attachment; filename="evidence-${name.replace(/[^\w.-]/g, "_")}.${extension}"`;

/** What is handed to the police. Making one is in the audit log, with the head of its chain. */
export function evidenceRoutes(api: Api, { pool }: Parts): void {
  api.get(
    "/cases/:caseId/evidence",
    {
      onRequest: needs("cases:read"),
      schema: {
        operationId: "makeEvidencePack",
        tags: ["cases"],
        summary: "Make an evidence pack",
        description:
          "The case, the policies, its known material and every re-upload that nobody dismissed, as they are at one moment. No media. Logged.",
        right: "cases:read",
        params,
        response: { 200: packSchema },
        problems: [404, 409],
        answers: { 200: { description: "The pack.", example: EXAMPLE } },
      },
    },
    async (request, reply) => {
      const { id } = await own(request.params.caseId);
      return reply
        .type("application/json; charset=utf-8")
        .header("content-disposition", download(id, "json"))
        .send(Readable.from(evidenceJson(pool, id, askerOf(request))) as never);
    },
  );

  api.get(
    "/cases/:caseId/evidence.pdf",
    {
      onRequest: needs("cases:read"),
      schema: {
        operationId: "printEvidencePack",
        tags: ["cases"],
        summary: "Make an evidence pack as PDF",
        description: "The same, to read and to print. Logged.",
        right: "cases:read",
        params,
        querystring: z.strictObject({ language: z.enum(["en", "sq"]).default("en") }),
        response: { 200: z.string() },
        problems: [404, 409],
        answers: { 200: { description: "The pack.", contentType: "application/pdf", example: "%PDF-1.3" } },
      },
    },
    async (request, reply) => {
      const { id } = await own(request.params.caseId);
      const pdf = await evidencePdf(await evidencePack(pool, id, askerOf(request)), request.query.language);
      return reply
        .type("application/pdf")
        .header("content-disposition", download(id, "pdf"))
        .send(pdf as never);
    },
  );

  async function own(id: string) {
    const of = found(await readCase(pool, id), "case");
    if (of.mergedInto) throw new ProblemError(409, `the case was merged into ${of.mergedInto}; its re-uploads are there`);
    return of;
  }
}
