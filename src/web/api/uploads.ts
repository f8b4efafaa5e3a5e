import type { z } from "zod";
import { UnscannableError } from "../../errors.js";
import { hashesOf } from "../../intake/hash-only.js";
import type { ScanJob } from "../../intake/job.js";
import { parseJob } from "../../intake/job.js";
import type { Submission } from "../../model.js";
import { needs } from "../access/guard.js";
import type { Parts } from "../parts.js";
import { ProblemError, wrongField } from "../problem.js";
import { forTheQueue } from "./hashes.js";
import type { Readings } from "./readings.js";
import type { Api } from "./routes.js";
import { submissionForm } from "./schemas/media.js";
import { acceptedSchema } from "./schemas/submissions.js";
import { recordAtOnce, submit } from "./submit.js";
import { receiveUpload } from "./upload.js";

/** Media that is sent along. It is read here, and goes on as hashes: workers may be elsewhere, and media is never kept. */
export function uploadRoutes(api: Api, parts: Parts, readings: Readings): void {
  api.post(
    "/submissions/upload",
    {
      onRequest: needs("submissions:write"),
      preValidation: receiveUpload(parts.config),
      bodyLimit: parts.config.mediaMaxBytes,
      config: { claimMs: parts.config.scanTimeoutMs + 60_000 },
      schema: {
        operationId: "submitFile",
        tags: ["submissions"],
        summary: "Submit a file",
        description:
          "The file is read while you wait, never kept, and queued as hashes. One that cannot be read is recorded as `unscannable`, with an alert, and answered at once (200).",
        right: "submissions:write",
        consumes: ["multipart/form-data"],
        body: submissionForm,
        response: { 200: acceptedSchema, 202: acceptedSchema },
        answers: {
          200: {
            description: "There is an outcome already.",
            example: { submissionId: "intake-2041", state: "scanned", verdict: "unscannable", caseIds: [] },
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
      const upload = request.upload!;
      const job = jobOf(request.body);
      const submission = parseJob({ ...job, media: { path: "upload" } });
      const bare: Submission = {
        ...submission,
        media: { sha256: upload.sha256, kind: "video", durationMs: 0, fingerprints: [], patchSets: [] },
      };
      const judged = await readings.check(request, { path: upload.path }).catch((error) => {
        const reason = unscannableReason(error);
        if (reason === undefined) throw error;
        return { unscannable: reason };
      });
      const accepted =
        "unscannable" in judged || judged.reading.fingerprints.length === 0
          ? await recordAtOnce(parts, bare, judged)
          : await submit(parts, { ...job, media: hashesOf(forTheQueue(judged.reading)) });
      reply.header("location", `/v1/submissions/${encodeURIComponent(accepted.submissionId)}`);
      return reply.code(accepted.state === "scanned" ? 200 : 202).send(accepted);
    },
  );
}

const unscannableReason = (error: unknown): string | undefined =>
  error instanceof ProblemError && error.cause instanceof UnscannableError ? error.cause.reason : undefined;

function jobOf(form: z.output<typeof submissionForm>): Omit<ScanJob, "media"> {
  const { file: _, uploaderId, uploaderUrl, priority, metadata, ...rest } = form;
  const uploader = uploaderId || uploaderUrl ? { uploader: { id: uploaderId, url: uploaderUrl } } : {};
  return {
    version: 1,
    ...rest,
    ...uploader,
    ...(priority ? { priority: Number(priority) } : {}),
    ...(metadata ? { metadata: objectIn("metadata", metadata) } : {}),
  };
}

function objectIn(field: string, json: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw wrongField(field, "must be a JSON object");
}
