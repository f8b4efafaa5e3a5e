import { z } from "zod";
import { VERDICTS } from "../../model.js";
import { needs } from "../access/guard.js";
import type { Parts } from "../parts.js";
import { page, pageOf, pageQuery, positionOf } from "./pages.js";
import { type Api, found } from "./routes.js";
import { listVerdicts } from "./rows/verdicts.js";
import { caseId, MATCH_EXAMPLE, submissionId } from "./schemas/common.js";
import { verdictParams, verdictSchema } from "./schemas/submissions.js";

const EXAMPLE = {
  id: "7a1b7c1e-3b0f-4e55-8c3e-0a4b5c6d7e8f",
  submissionId: "intake-2041",
  origin: "scan",
  kind: "match",
  reasons: ['9 s of it are known material "chair.mp4" of case C-17'],
  policyVersion: "1",
  toolVersion: "0.1.0",
  createdAt: "2026-11-24T10:00:09.000Z",
  matches: [MATCH_EXAMPLE],
};

export function verdictRoutes(api: Api, { pool }: Parts): void {
  api.get(
    "/verdicts",
    {
      onRequest: needs("submissions:read"),
      schema: {
        operationId: "listVerdicts",
        tags: ["verdicts"],
        summary: "List verdicts, newest first",
        description:
          "A submission has one verdict by its scan, and one more for every new reference that a look-back found in it.",
        right: "submissions:read",
        querystring: z.strictObject({
          ...pageQuery,
          kind: z.enum(VERDICTS).optional(),
          origin: z.enum(["scan", "look-back"]).optional(),
          submissionId: submissionId.optional(),
          caseId: caseId.optional(),
        }),
        response: { 200: pageOf(verdictSchema) },
        answers: { 200: { description: "A page.", example: { items: [EXAMPLE] } } },
      },
    },
    async (request, reply) => {
      const { limit, cursor, ...filter } = request.query;
      const { rows, next } = await listVerdicts(pool, filter, { after: positionOf(cursor), limit });
      return page(request, reply, rows, next);
    },
  );

  api.get(
    "/verdicts/:verdictId",
    {
      onRequest: needs("submissions:read"),
      schema: {
        operationId: "readVerdict",
        tags: ["verdicts"],
        summary: "Read a verdict",
        description: "With its matches, the strongest first.",
        right: "submissions:read",
        params: verdictParams,
        response: { 200: verdictSchema },
        problems: [404],
        answers: { 200: { description: "The verdict.", example: EXAMPLE } },
      },
    },
    async (request) => {
      const { rows } = await listVerdicts(pool, { id: request.params.verdictId }, { limit: 1 });
      return found(rows[0], "verdict");
    },
  );
}
