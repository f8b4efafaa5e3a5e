import { z } from "zod";
import { readCase } from "../../casework/cases.js";
import { finishErasure } from "../../casework/erase/finish.js";
import { eraseCase, eraseUploader, type Receipt } from "../../casework/erase.js";
import { TransientError, UsageError } from "../../errors.js";
import { needs } from "../access/guard.js";
import type { Parts } from "../parts.js";
import { ProblemError } from "../problem.js";
import { type Api, askerOf, found, SMALL_BODY_BYTES } from "./routes.js";
import { caseId, platform, text } from "./schemas/common.js";

const body = z
  .strictObject({
    reason: text(1_000).trim().min(1).meta({ description: "Why, without naming anybody: it stays in the audit log." }),
  })
  .meta({ id: "Erasure" });

const receiptSchema = z
  .object({
    id: z.string().meta({ description: "Names the erasure; in the audit log as well." }),
    counts: z.record(z.string(), z.int()),
    messages: z.object({
      removed: z.int(),
      changed: z.int(),
      busy: z.int().meta({ description: "Jobs that a worker had at that moment. Erase again when they are done." }),
    }),
  })
  .meta({ id: "ErasureReceipt", description: "What was removed, by count. Nothing in it names anybody." });

const EXAMPLE = {
  id: "c2a1b0de-52a4-4a7c-9b11-0e4d6f7a8b90",
  counts: { cases: 1, references: 2, submissions: 17, alerts: 17, takedowns: 15 },
  messages: { removed: 4, changed: 0, busy: 0 },
};

const answers = { 200: { description: "The receipt.", example: EXAMPLE } };
/** Postings of a large case are rewritten; see erase.ts. */
const CLAIM_MS = 10 * 60_000;

/** The right to be forgotten. */
export function erasureRoutes(api: Api, { pool, queues }: Parts): void {
  api.post(
    "/cases/:caseId/erase",
    {
      onRequest: needs("admin"),
      bodyLimit: SMALL_BODY_BYTES,
      config: { claimMs: CLAIM_MS },
      schema: {
        operationId: "eraseCase",
        tags: ["cases"],
        summary: "Erase a case for good",
        description:
          "Its known material with all fingerprints, and the submissions that only it has, with everything recorded of them; cases that were merged into it as well. It cannot be undone.",
        right: "admin",
        params: z.object({ caseId }),
        body,
        bodyExample: { reason: "retention has ended" },
        response: { 200: receiptSchema },
        problems: [404],
        answers,
      },
    },
    async (request) => {
      const { mergedInto } = found(await readCase(pool, request.params.caseId), "case");
      if (mergedInto) throw new ProblemError(409, `the case was merged into ${mergedInto}, and is erased with it`);
      return receiptOf(await eraseCase(pool, request.params.caseId, askerOf(request), request.body.reason));
    },
  );

  api.post(
    "/uploaders/:platform/:uploaderId/erase",
    {
      onRequest: needs("admin"),
      bodyLimit: SMALL_BODY_BYTES,
      config: { claimMs: CLAIM_MS },
      schema: {
        operationId: "eraseUploader",
        tags: ["uploaders"],
        summary: "Erase what is kept of an uploader",
        description:
          "Submissions that are nobody's re-upload go; re-uploads stay as nameless rows, so that counts stay as they are. It cannot be undone.",
        right: "admin",
        params: z.object({
          platform,
          uploaderId: text(512)
            .min(1)
            .meta({ examples: ["channel-9"] }),
        }),
        body,
        bodyExample: { reason: "the person asked for it" },
        response: { 200: receiptSchema },
        problems: [404],
        answers,
      },
    },
    async (request) => {
      const { platform: of, uploaderId } = request.params;
      const receipt = await eraseUploader(pool, of, uploaderId, askerOf(request), request.body.reason).catch((error) => {
        if (error instanceof UsageError && error.message.startsWith("uploader:"))
          throw new ProblemError(404, "nothing is kept of this uploader on this platform");
        throw error;
      });
      return receiptOf(receipt);
    },
  );

  async function receiptOf({ id, counts, inQueues }: Receipt) {
    const messages = await finishErasure(pool, queues, inQueues).catch((error) => {
      throw new TransientError("erased, but for the queues: they did not answer", { cause: error });
    });
    return { id, counts, messages };
  }
}
