import { z } from "zod";
import { noticeFor } from "../../casework/notices.js";
import { listTakedowns, readTakedown, reportTakedown, requeueTakedown, TAKEDOWN_STATES } from "../../casework/takedowns.js";
import { UsageError } from "../../errors.js";
import { needs } from "../access/guard.js";
import type { Parts } from "../parts.js";
import { ProblemError } from "../problem.js";
import { page, pageOf, pageQuery, positionOf } from "./pages.js";
import { type Api, askerOf, found, SMALL_BODY_BYTES } from "./routes.js";
import { caseId, platform, uuid } from "./schemas/common.js";
import * as schemas from "./schemas/takedowns.js";

const params = z.object({ takedownId: uuid });

export function takedownRoutes(api: Api, { pool, settings }: Parts): void {
  api.get(
    "/takedowns",
    {
      onRequest: needs("takedowns:read"),
      schema: {
        operationId: "listTakedowns",
        tags: ["takedowns"],
        summary: "List takedowns, newest first",
        description: "`overdue=true` gives those past their deadline and not removed, and those that the program gave up on.",
        right: "takedowns:read",
        querystring: z.strictObject({
          ...pageQuery,
          state: z.enum(TAKEDOWN_STATES).optional(),
          platform: platform.optional(),
          caseId: caseId.optional(),
          overdue: z.enum(["true", "false"]).optional().meta({ description: "Past the deadline." }),
        }),
        response: { 200: pageOf(schemas.takedownRowSchema) },
        answers: { 200: { description: "A page.", example: { items: [schemas.TAKEDOWN_ROW_EXAMPLE] } } },
      },
    },
    async (request, reply) => {
      const { limit, cursor, overdue, ...filter } = request.query;
      const asked = { ...filter, ...(overdue === undefined ? {} : { overdue: overdue === "true" }) };
      const { takedowns, next } = await listTakedowns(pool, asked, { after: positionOf(cursor), limit });
      return page(request, reply, takedowns, next);
    },
  );

  api.get(
    "/takedowns/:takedownId",
    {
      onRequest: needs("takedowns:read"),
      schema: {
        operationId: "readTakedown",
        tags: ["takedowns"],
        summary: "Read a takedown",
        description: "With its evidence and its history, oldest first.",
        right: "takedowns:read",
        params,
        response: { 200: schemas.takedownSchema },
        problems: [404],
        answers: { 200: { description: "The takedown.", example: schemas.TAKEDOWN_EXAMPLE } },
      },
    },
    async (request) => found(await readTakedown(pool, request.params.takedownId), "takedown"),
  );

  api.get(
    "/takedowns/:takedownId/notice",
    {
      onRequest: needs("takedowns:read"),
      schema: {
        operationId: "writeNotice",
        tags: ["takedowns"],
        summary: "Write the letter to the platform",
        description: "A notice-and-takedown letter as plain text, in English or Albanian.",
        right: "takedowns:read",
        params,
        querystring: z.strictObject({ language: z.enum(["en", "sq"]).default("en") }),
        response: { 200: z.object({ subject: z.string(), text: z.string() }) },
        problems: [404],
        answers: { 200: { description: "The letter.", example: { subject: "Notice of illegal content", text: "To YouTube …" } } },
      },
    },
    async (request) => found(await noticeFor(pool, request.params.takedownId, request.query.language), "takedown"),
  );

  api.post(
    "/takedowns/:takedownId/results",
    {
      onRequest: needs("takedowns:write"),
      bodyLimit: SMALL_BODY_BYTES,
      schema: {
        operationId: "reportTakedown",
        tags: ["takedowns"],
        summary: "Report what became of a takedown",
        description:
          "The same as a message on the queue `takedown-results`. A report of an earlier attempt is noted in the history; one that cannot follow is refused (409).",
        right: "takedowns:write",
        params,
        body: schemas.resultInput,
        bodyExample: { state: "removed", attempt: 1, detail: "removed for violating policy" },
        response: { 200: z.object({ outcome: z.enum(["applied", "repeated", "noted"]), state: z.enum(TAKEDOWN_STATES) }) },
        problems: [404],
        answers: {
          200: {
            description: "What the report did, and the state of the takedown now.",
            example: { outcome: "applied", state: "removed" },
          },
        },
      },
    },
    async (request) => {
      const { takedownId } = request.params;
      const reported = await reportTakedown(pool, { takedownId, ...request.body }, askerOf(request));
      if (reported.outcome !== "refused") return reported;
      const { field, why, unknown } = reported;
      if (unknown) throw new ProblemError(404, "there is no takedown with this id");
      throw new ProblemError(field === "state" ? 409 : 422, `${field}: ${why}`, { errors: [{ field, message: why }] });
    },
  );

  api.post(
    "/takedowns/:takedownId/requeue",
    {
      onRequest: needs("takedowns:write"),
      schema: {
        operationId: "requeueTakedown",
        tags: ["takedowns"],
        summary: "Ask again",
        description:
          "Queues the next attempt, whatever became of the one before. Not for a takedown that was withdrawn, or waits to be sent (409).",
        right: "takedowns:write",
        params,
        response: { 200: z.object({ attempt: z.int() }) },
        problems: [404],
        answers: { 200: { description: "The number of the new attempt.", example: { attempt: 2 } } },
      },
    },
    async (request) => {
      const { takedownId } = request.params;
      found(await readTakedown(pool, takedownId), "takedown");
      try {
        return { attempt: await requeueTakedown(pool, takedownId, askerOf(request), settings) };
      } catch (error) {
        throw error instanceof UsageError ? new ProblemError(409, error.message) : error;
      }
    },
  );
}
