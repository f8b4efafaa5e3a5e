import { z } from "zod";
import { submissionReport } from "../../casework/report.js";
import { InvalidSubmissionError, TransientError } from "../../errors.js";
import type { ScanJob } from "../../intake/job.js";
import { VERDICTS } from "../../model.js";
import { needs } from "../access/guard.js";
import type { Parts } from "../parts.js";
import { ProblemError } from "../problem.js";
import { page, pageOf, pageQuery, positionOf } from "./pages.js";
import { type Api, found, HASHES_BODY_BYTES } from "./routes.js";
import { listSubmissions, readParked, readSubmissionRow } from "./rows/submissions.js";
import { listVerdicts } from "./rows/verdicts.js";
import { platform, text } from "./schemas/common.js";
import { BATCH_EXAMPLE, batchInput, SUBMISSION_EXAMPLE, submissionInput } from "./schemas/media.js";
import * as schemas from "./schemas/submissions.js";
import { queuedState, submit } from "./submit.js";

/** How many of a batch are queued at a time: each is a handful of short statements. */
const AT_A_TIME = 8;
const MOST_VERDICTS = 200;

export function submissionRoutes(api: Api, parts: Parts): void {
  const { pool } = parts;

  api.post(
    "/submissions",
    {
      onRequest: needs("submissions:write"),
      bodyLimit: HASHES_BODY_BYTES,
      schema: {
        operationId: "submit",
        tags: ["submissions"],
        summary: "Submit media by address or by hashes",
        description:
          "Queues one submission. The same `submissionId` with the same content gives the first outcome (200); with other content it is refused (409), naming what differs.",
        right: "submissions:write",
        body: submissionInput,
        bodyExample: SUBMISSION_EXAMPLE,
        response: { 200: schemas.acceptedSchema, 202: schemas.acceptedSchema },
        answers: {
          200: {
            description: "It was scanned before; this is its first outcome.",
            example: { submissionId: "intake-2041", state: "scanned", verdict: "match", caseIds: ["C-17"], reuploadNumber: 17 },
          },
          202: {
            description: "Queued.",
            example: { submissionId: "intake-2041", state: "queued" },
            headers: { Location: "Where to ask." },
          },
        },
      },
    },
    async (request, reply) => {
      const accepted = await submit(parts, jobOf(request.body));
      reply.header("location", `/v1/submissions/${encodeURIComponent(accepted.submissionId)}`);
      return reply.code(accepted.state === "scanned" ? 200 : 202).send(accepted);
    },
  );

  api.post(
    "/submissions/batch",
    {
      onRequest: needs("submissions:write"),
      bodyLimit: HASHES_BODY_BYTES,
      schema: {
        operationId: "submitBatch",
        tags: ["submissions"],
        summary: "Submit up to 1,000 at once",
        description: "Each submission has its own outcome, in the order given; one that is wrong does not stop the others.",
        right: "submissions:write",
        body: batchInput,
        bodyExample: BATCH_EXAMPLE,
        response: { 200: z.object({ accepted: z.int(), refused: z.int(), outcomes: z.array(schemas.batchOutcomeSchema) }) },
        answers: {
          200: {
            description: "What became of each.",
            example: {
              accepted: 1,
              refused: 1,
              outcomes: [
                { index: 0, submissionId: "intake-2041", status: 202, state: "queued" },
                {
                  index: 1,
                  submissionId: "intake-2042",
                  status: 422,
                  errors: [{ field: "media.url", message: "must be an http or https address" }],
                },
              ],
            },
          },
        },
      },
    },
    async (request) => {
      const outcomes = await inTurns(request.body.submissions, AT_A_TIME, (job, index) => outcomeOf(parts, job, index));
      const accepted = outcomes.filter((outcome) => outcome.status < 400).length;
      return { accepted, refused: outcomes.length - accepted, outcomes };
    },
  );

  api.get(
    "/submissions",
    {
      onRequest: needs("submissions:read"),
      schema: {
        operationId: "listSubmissions",
        tags: ["submissions"],
        summary: "List scanned submissions, newest first",
        description: "Those that were scanned; one that still waits is found by its id.",
        right: "submissions:read",
        querystring: z.strictObject({
          ...pageQuery,
          platform: platform.optional(),
          uploaderId: text(512).min(1).optional(),
          verdict: z.enum(VERDICTS).optional().meta({ description: "Of the scan." }),
        }),
        response: { 200: pageOf(schemas.listedSubmissionSchema) },
        answers: {
          200: {
            description: "A page.",
            example: {
              items: [
                {
                  submissionId: "intake-2041",
                  platform: "youtube",
                  pageUrl: "https://youtube.example/watch?v=2041",
                  uploaderId: "channel-9",
                  kind: "video",
                  verdict: "match",
                  receivedAt: "2026-11-24T10:00:05.000Z",
                },
              ],
            },
          },
        },
      },
    },
    async (request, reply) => {
      const { limit, cursor, ...filter } = request.query;
      const { rows, next } = await listSubmissions(pool, filter, { after: positionOf(cursor), limit });
      return page(request, reply, rows, next);
    },
  );

  api.get(
    "/submissions/:submissionId",
    {
      onRequest: needs("submissions:read"),
      schema: {
        operationId: "readSubmission",
        tags: ["submissions"],
        summary: "Read a submission and its verdicts",
        description:
          "From the moment it is queued; what is known grows with its state. Ask again until `state` is `scanned` or `parked`.",
        right: "submissions:read",
        params: schemas.submissionParams,
        response: { 200: schemas.submissionSchema },
        problems: [404],
        answers: {
          200: { description: "What is known.", example: { submissionId: "intake-2041", state: "queued", verdicts: [] } },
        },
      },
    },
    async (request) => {
      const { submissionId } = request.params;
      return found(await readSubmission(parts, submissionId), "submission");
    },
  );
}

const jobOf = (body: z.output<typeof submissionInput>): ScanJob => ({ version: 1, ...body }) as ScanJob;

async function readSubmission(parts: Parts, submissionId: string) {
  const row = await readSubmissionRow(parts.pool, submissionId);
  if (row) {
    const report = (await submissionReport(parts.pool, submissionId))!;
    const { rows: verdicts } = await listVerdicts(parts.pool, { submissionId }, { limit: MOST_VERDICTS });
    const { verdict, caseIds, reuploadNumber, alertId, takedownId } = report;
    return { submissionId, state: "scanned" as const, ...row, verdict, caseIds, reuploadNumber, alertId, takedownId, verdicts };
  }
  const state = await queuedState(parts, submissionId);
  if (state && state !== "parked") return { submissionId, state, verdicts: [] };
  const parked = await readParked(parts.pool, submissionId);
  if (!parked && !state) return undefined;
  return { submissionId, state: "parked" as const, reason: parked?.reason, field: parked?.field ?? undefined, verdicts: [] };
}

async function outcomeOf(parts: Parts, job: unknown, index: number) {
  const id = (job as { submissionId?: unknown } | null)?.submissionId;
  const submissionId = typeof id === "string" ? id : null;
  try {
    const parsed = submissionInput.safeParse(job);
    // What is well-formed but for its media's path is told so; everything else is named by the job's own reading.
    const { state, verdict } = await submit(parts, parsed.success ? jobOf(parsed.data) : (withoutPath(job) as ScanJob));
    return { index, submissionId, status: state === "scanned" ? 200 : 202, state, verdict };
  } catch (error) {
    if (error instanceof InvalidSubmissionError)
      return {
        index,
        submissionId,
        status: 422,
        errors: [{ field: error.field, message: error.message.slice(error.field.length + 2) }],
      };
    if (error instanceof ProblemError) return { index, submissionId, status: error.statusCode, errors: error.errors };
    if (!(error instanceof TransientError)) throw error;
    return {
      index,
      submissionId,
      status: 503,
      errors: [{ field: "submission", message: "could not be queued just now; send it again" }],
    };
  }
}

function withoutPath(job: unknown): unknown {
  if (typeof job !== "object" || job === null) return job;
  const { media } = job as { media?: unknown };
  if (typeof media === "object" && media !== null && "path" in media)
    throw new InvalidSubmissionError("media.path", "is not a field of a request: give url, or fingerprints");
  return { version: 1, ...job };
}

/** Runs `work` over the items, so many at a time; results in the items' order. */
async function inTurns<Item, Result>(items: Item[], atATime: number, work: (item: Item, index: number) => Promise<Result>) {
  const results: Result[] = new Array(items.length);
  let next = 0;
  const turn = async () => {
    for (let index = next++; index < items.length; index = next++) results[index] = await work(items[index], index);
  };
  await Promise.all(Array.from({ length: Math.min(atATime, items.length) }, turn));
  return results;
}
