import { z } from "zod";
import { closeCase, createCase, listCases, mergeCases, readCase, reopenCase, updateCase } from "../../casework/cases.js";
import { caseTimeline } from "../../casework/statistics.js";
import { UsageError } from "../../errors.js";
import { audit } from "../../platform/audit.js";
import { needs } from "../access/guard.js";
import type { Parts } from "../parts.js";
import { ProblemError } from "../problem.js";
import { page, pageOf, pageQuery, positionOf } from "./pages.js";
import { type Api, askerOf, found, SMALL_BODY_BYTES } from "./routes.js";
import * as schemas from "./schemas/cases.js";
import { caseId, text } from "./schemas/common.js";

const params = z.object({ caseId });
const tags = ["cases"];
const answers = { 200: { description: "The case as it is now.", example: schemas.CASE_EXAMPLE } };

/** Dates travel as text. */
export const withDate = <Fields extends { retainUntil?: string | null }>({ retainUntil, ...fields }: Fields) => ({
  ...fields,
  ...(retainUntil === undefined ? {} : { retainUntil: retainUntil === null ? null : new Date(retainUntil) }),
});

export function caseRoutes(api: Api, { pool }: Parts): void {
  api.get(
    "/cases",
    {
      onRequest: needs("cases:read"),
      schema: {
        operationId: "listCases",
        tags,
        summary: "List cases, newest first",
        description: "`text` is looked for in the id and the title. Merged cases are among the closed ones.",
        right: "cases:read",
        querystring: z.strictObject({
          ...pageQuery,
          state: z.enum(["open", "closed", "all"]).default("all"),
          text: text(200).optional(),
        }),
        response: { 200: pageOf(schemas.caseRowSchema) },
        answers: { 200: { description: "A page.", example: { items: [schemas.CASE_ROW_EXAMPLE] } } },
      },
    },
    async (request, reply) => {
      const { limit, cursor, ...filter } = request.query;
      const { cases, next } = await listCases(pool, filter, { after: positionOf(cursor), limit });
      return page(request, reply, cases, next);
    },
  );

  api.get(
    "/cases/:caseId",
    {
      onRequest: needs("cases:read"),
      schema: {
        operationId: "readCase",
        tags,
        summary: "Read a case",
        description: "With its known material, counts, legal basis and retention. The reading is logged.",
        right: "cases:read",
        params,
        response: { 200: schemas.caseSchema },
        problems: [404],
        answers,
      },
    },
    async (request) => {
      const read = found(await readCase(pool, request.params.caseId), "case");
      await audit(pool, { actor: askerOf(request), act: "case read", subject: `case:${read.id}` });
      return read;
    },
  );

  api.post(
    "/cases",
    {
      onRequest: needs("cases:write"),
      bodyLimit: SMALL_BODY_BYTES,
      schema: {
        operationId: "createCase",
        tags,
        summary: "Create a case",
        description: "A case is also made by itself when a reference names one that is new.",
        right: "cases:write",
        body: schemas.caseInput,
        bodyExample: { id: "C-17", title: "The chair", class: "baseline", legalBasis: "Court order 12/2026" },
        response: { 201: schemas.caseSchema },
        answers: { 201: { ...answers[200], description: "The new case.", headers: { Location: "Where it is." } } },
      },
    },
    async (request, reply) => {
      const { id } = request.body;
      if (await readCase(pool, id)) throw taken();
      const created = await createCase(pool, withDate(request.body), askerOf(request)).catch((error) => {
        throw error instanceof UsageError && error.message.startsWith("id: there is a case") ? taken() : error;
      });
      return reply
        .code(201)
        .header("location", `/v1/cases/${encodeURIComponent(id)}`)
        .send(created);
    },
  );

  api.patch(
    "/cases/:caseId",
    {
      onRequest: needs("cases:write"),
      bodyLimit: SMALL_BODY_BYTES,
      schema: {
        operationId: "updateCase",
        tags,
        summary: "Change a case",
        description: "Only what is given changes. A merged case cannot be changed (409): the one it was merged into can.",
        right: "cases:write",
        params,
        body: schemas.caseChange,
        bodyExample: { title: "The chair and the lamp", retainUntil: "2030-12-31T00:00:00Z" },
        response: { 200: schemas.caseSchema },
        problems: [404],
        answers,
      },
    },
    async (request) => {
      await unmerged(pool, request.params.caseId);
      return updateCase(pool, request.params.caseId, withDate(request.body), askerOf(request));
    },
  );

  const turns = [
    {
      verb: "close",
      turn: closeCase,
      operationId: "closeCase",
      summary: "Close a case",
      description: "Its material goes on being recognised. Closing a closed case does nothing.",
    },
    {
      verb: "reopen",
      turn: reopenCase,
      operationId: "reopenCase",
      summary: "Reopen a case",
      description: "Reopening an open case does nothing.",
    },
  ];
  for (const { verb, turn, ...said } of turns) {
    api.post(
      `/cases/:caseId/${verb}`,
      {
        onRequest: needs("cases:write"),
        schema: {
          ...said,
          tags,
          right: "cases:write",
          params,
          response: { 200: schemas.caseSchema },
          problems: [404],
          answers,
        },
      },
      async (request) => {
        await unmerged(pool, request.params.caseId);
        return turn(pool, request.params.caseId, askerOf(request));
      },
    );
  }

  api.post(
    "/cases/:caseId/merge",
    {
      onRequest: needs("cases:write"),
      bodyLimit: SMALL_BODY_BYTES,
      schema: {
        operationId: "mergeCases",
        tags,
        summary: "Merge a case into another",
        description:
          "Moves references, matches, alerts, takedowns and re-uploads, and numbers the re-uploads anew. What is left is a pointer. It cannot be undone.",
        right: "cases:write",
        params,
        body: schemas.mergeInput,
        bodyExample: { into: "C-9" },
        response: { 200: schemas.caseSchema },
        problems: [404],
        answers: { 200: { description: "The case that has everything now.", example: schemas.CASE_EXAMPLE } },
      },
    },
    async (request) => {
      await unmerged(pool, request.params.caseId);
      return mergeCases(pool, request.params.caseId, request.body.into, askerOf(request));
    },
  );

  api.get(
    "/cases/:caseId/timeline",
    {
      onRequest: needs("cases:read"),
      schema: {
        operationId: "readCaseTimeline",
        tags,
        summary: "All re-uploads of a case's material",
        description: "In order of their numbers, with a summary: how many uploads, profiles and platforms, first and last.",
        right: "cases:read",
        params,
        response: { 200: schemas.timelineSchema },
        problems: [404],
        answers: { 200: { description: "The timeline.", example: schemas.TIMELINE_EXAMPLE } },
      },
    },
    async (request) => {
      found(await readCase(pool, request.params.caseId), "case");
      return caseTimeline(pool, request.params.caseId);
    },
  );
}

const taken = () =>
  new ProblemError(409, "id: there is a case with this id already", {
    errors: [{ field: "id", message: "there is a case with this id already" }],
  });

/** @throws ProblemError 404 when there is no such case; 409 when it was merged, naming the other one. */
async function unmerged(pool: Parts["pool"], id: string): Promise<void> {
  const { mergedInto } = found(await readCase(pool, id), "case");
  if (mergedInto) throw new ProblemError(409, `the case was merged into ${mergedInto}; use that one`);
}
