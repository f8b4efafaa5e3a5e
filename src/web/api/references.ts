import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { caseForMaterial } from "../../casework/cases.js";
import { listKnown, type ReferenceFields, readReference, updateReference } from "../../casework/known.js";
import { longestScanMs } from "../../config.js";
import { UsageError } from "../../errors.js";
import { retireReference } from "../../hash-index/references.js";
import type { ScanJob } from "../../intake/job.js";
import type { MediaSource } from "../../model.js";
import { audit } from "../../platform/audit.js";
import { needs } from "../access/guard.js";
import type { Parts } from "../parts.js";
import { ProblemError } from "../problem.js";
import { withDate } from "./cases.js";
import { mediaOf } from "./hashes.js";
import { page, pageOf, pageQuery, positionOf } from "./pages.js";
import type { Readings } from "./readings.js";
import { type Api, askerOf, found, HASHES_BODY_BYTES, SMALL_BODY_BYTES } from "./routes.js";
import { CASE_CLASSES, caseId, text, uuid } from "./schemas/common.js";
import { HASHES_EXAMPLE } from "./schemas/media.js";
import * as schemas from "./schemas/references.js";
import { receiveUpload } from "./upload.js";

const params = z.object({ referenceId: uuid });
const tags = ["references"];
const answers = { 200: { description: "The reference as it is now.", example: schemas.REFERENCE_EXAMPLE } };
const registered = {
  201: { description: "Registered.", example: schemas.REGISTERED_EXAMPLE, headers: { Location: "Where it is." } },
  200: {
    description: "The case had this file already.",
    example: { ...schemas.REGISTERED_EXAMPLE, repeated: true, earlierUploads: 0 },
  },
};

export function referenceRoutes(api: Api, parts: Parts, readings: Readings): void {
  const { pool, config } = parts;
  const claim = { claimMs: longestScanMs(config) + 60_000 };

  api.get(
    "/references",
    {
      onRequest: needs("cases:read"),
      schema: {
        operationId: "listReferences",
        tags,
        summary: "List known material, newest first",
        description: "Active references unless asked otherwise. `text` is looked for in the label, the case and the list entry.",
        right: "cases:read",
        querystring: z.strictObject({
          ...pageQuery,
          caseId: caseId.optional(),
          provenance: text(128).min(1).optional(),
          class: z.enum(CASE_CLASSES).optional(),
          state: z.enum(["active", "retired", "all"]).default("active"),
          text: text(200).optional(),
        }),
        response: { 200: pageOf(schemas.referenceRowSchema) },
        answers: { 200: { description: "A page.", example: { items: [schemas.REFERENCE_ROW_EXAMPLE] } } },
      },
    },
    async (request, reply) => {
      const { limit, cursor, ...filter } = request.query;
      const { known, next } = await listKnown(pool, filter, { after: positionOf(cursor), limit });
      return page(request, reply, known, next);
    },
  );

  api.get(
    "/references/:referenceId",
    {
      onRequest: needs("cases:read"),
      schema: {
        operationId: "readReference",
        tags,
        summary: "Read a reference",
        description:
          "With its provenance and what it was found in. Its hashes are not given out here; an export of hash lists does that.",
        right: "cases:read",
        params,
        response: { 200: schemas.referenceSchema },
        problems: [404],
        answers,
      },
    },
    async (request) => found(await readReference(pool, request.params.referenceId), "reference"),
  );

  api.post(
    "/references",
    {
      onRequest: needs("cases:write"),
      bodyLimit: HASHES_BODY_BYTES,
      config: claim,
      schema: {
        operationId: "registerReference",
        tags,
        summary: "Register known material by address or by hashes",
        description:
          "Reads it, makes it known to every scan, and looks back over past submissions; the answer comes when that is done.",
        right: "cases:write",
        body: schemas.referenceInput,
        bodyExample: { caseId: "C-17", label: "chair.jpg", media: HASHES_EXAMPLE },
        response: { 201: schemas.registeredSchema, 200: schemas.registeredSchema },
        answers: registered,
      },
    },
    async (request, reply) => {
      const { media, ...about } = request.body;
      const made = await register(request, mediaOf(media as ScanJob["media"]), about);
      return reply
        .code(made.repeated ? 200 : 201)
        .header("location", `/v1/references/${made.id}`)
        .send(made);
    },
  );

  api.post(
    "/references/upload",
    {
      onRequest: needs("cases:write"),
      preValidation: receiveUpload(config),
      bodyLimit: config.mediaMaxBytes,
      config: claim,
      schema: {
        operationId: "registerFile",
        tags,
        summary: "Register a file",
        description: "As by address. The file is read while you wait and never kept.",
        right: "cases:write",
        consumes: ["multipart/form-data"],
        body: schemas.referenceForm,
        response: { 201: schemas.registeredSchema, 200: schemas.registeredSchema },
        answers: registered,
      },
    },
    async (request, reply) => {
      const { file: _, label, ...about } = request.body;
      const upload = request.upload!;
      const made = await register(request, { path: upload.path }, { ...about, label: label ?? upload.name.slice(0, 200) });
      return reply
        .code(made.repeated ? 200 : 201)
        .header("location", `/v1/references/${made.id}`)
        .send(made);
    },
  );

  api.patch(
    "/references/:referenceId",
    {
      onRequest: needs("cases:write"),
      bodyLimit: SMALL_BODY_BYTES,
      schema: {
        operationId: "updateReference",
        tags,
        summary: "Change what is said of a reference",
        description:
          "Only what is given changes. A `class` or `retainUntil` of null and an empty `legalBasis` mean that the case's hold.",
        right: "cases:write",
        params,
        body: schemas.referenceChange,
        bodyExample: { label: "chair, first seen", class: "national" },
        response: { 200: schemas.referenceSchema },
        problems: [404],
        answers,
      },
    },
    async (request) => {
      found(await readReference(pool, request.params.referenceId), "reference");
      return updateReference(pool, request.params.referenceId, withDate(request.body), askerOf(request));
    },
  );

  api.post(
    "/references/:referenceId/retire",
    {
      onRequest: needs("cases:write"),
      schema: {
        operationId: "retireReference",
        tags,
        summary: "Stop a reference from matching",
        description:
          "From the answer on. Its row stays, so that past verdicts keep their meaning; a retired one is refused (409).",
        right: "cases:write",
        params,
        response: { 200: schemas.referenceSchema },
        problems: [404],
        answers,
      },
    },
    async (request) => {
      const { referenceId } = request.params;
      found(await readReference(pool, referenceId), "reference");
      await retireReference(pool, referenceId, askerOf(request)).catch((error) => {
        throw error instanceof UsageError ? new ProblemError(409, "the reference is retired already") : error;
      });
      return (await readReference(pool, referenceId))!;
    },
  );

  async function register(
    request: FastifyRequest,
    media: MediaSource,
    {
      caseId: id,
      provenance,
      label,
      ...rest
    }: { caseId: string; provenance: string; label: string } & Omit<z.output<typeof schemas.referenceChange>, "label">,
  ) {
    const place = await caseForMaterial(pool, id);
    const { reference, earlierUploads } = await readings.register(request, media, { caseId: place.id, label, provenance });
    const actor = askerOf(request);
    const fields = withDate(rest) as Partial<ReferenceFields>;
    if (!reference.repeated) {
      await audit(pool, {
        actor,
        act: "reference registered",
        subject: `reference:${reference.id}`,
        detail: { case: place.id, provenance },
      });
      if (Object.values(fields).some((value) => value !== undefined)) await updateReference(pool, reference.id, fields, actor);
    }
    return { ...(await readReference(pool, reference.id))!, repeated: reference.repeated, earlierUploads };
  }
}
