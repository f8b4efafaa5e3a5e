import multipart from "@fastify/multipart";
import swagger from "@fastify/swagger";
import type { FastifyInstance } from "fastify";
import { serializerCompiler, validatorCompiler } from "fastify-type-provider-zod";
import { isDeeperThan } from "../../intake/depth.js";
import type { Parts } from "../parts.js";
import { ProblemError } from "../problem.js";
import { alertRoutes } from "./alerts.js";
import { caseRoutes } from "./cases.js";
import { erasureRoutes } from "./erasures.js";
import { answerApiError } from "./errors.js";
import { evidenceRoutes } from "./evidence.js";
import { addIdempotency } from "./idempotency.js";
import { lookupRoutes } from "./lookup.js";
import { DOCUMENT, transform, transformObject } from "./openapi.js";
import { createReadings } from "./readings.js";
import { addReferencePage } from "./reference-page.js";
import { referenceRoutes } from "./references.js";
import type { Api } from "./routes.js";
import { statusRoutes } from "./status.js";
import { submissionRoutes } from "./submissions.js";
import { takedownRoutes } from "./takedowns.js";
import { addUploads, multipartLimits } from "./upload.js";
import { uploaderRoutes } from "./uploaders.js";
import { uploadRoutes } from "./uploads.js";
import { verdictRoutes } from "./verdicts.js";
import { webhookApi } from "./webhooks.js";

/** A job's own limit is 32; what wraps it needs a few. */
const MOST_LEVELS = 40;

/** `/v1`: submissions, verdicts, alerts, cases, references, takedowns, uploaders, look-ups and status, with their OpenAPI document. */
export async function apiRoutes(server: FastifyInstance, parts: Parts): Promise<void> {
  await server.register(async (scope) => addApi(scope as unknown as Api, parts), { prefix: "/v1" });
}

async function addApi(api: Api, parts: Parts): Promise<void> {
  api.setValidatorCompiler(validatorCompiler);
  api.setSerializerCompiler(serializerCompiler);
  api.setErrorHandler(answerApiError(parts.log));
  api.setNotFoundHandler(() => {
    throw new ProblemError(404, "nothing answers here; /v1/reference names what does");
  });
  api.removeContentTypeParser("text/plain");
  if (!api.hasContentTypeParser("multipart/form-data")) await api.register(multipart, { limits: multipartLimits(parts.config) });
  await api.register(swagger, { openapi: DOCUMENT, transform, transformObject });
  api.addHook("preValidation", async ({ body }) => {
    if (isDeeperThan(body, MOST_LEVELS)) throw new ProblemError(422, `the body is nested more than ${MOST_LEVELS} levels deep`);
  });
  addUploads(api);
  addIdempotency(api, parts.pool, parts.log);

  const readings = createReadings(parts);
  submissionRoutes(api, parts);
  uploadRoutes(api, parts, readings);
  verdictRoutes(api, parts);
  alertRoutes(api, parts);
  caseRoutes(api, parts);
  evidenceRoutes(api, parts);
  erasureRoutes(api, parts);
  referenceRoutes(api, parts, readings);
  takedownRoutes(api, parts);
  lookupRoutes(api, parts, readings);
  uploaderRoutes(api, parts);
  webhookApi(api, parts);
  statusRoutes(api, parts);
  await addReferencePage(api);
}
