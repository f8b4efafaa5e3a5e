import type { FastifyRequest } from "fastify";
import { longestScanMs } from "../../config.js";
import { ALGORITHM } from "../../fingerprint/fingerprint-frame.js";
import { hashFromHex } from "../../fingerprint/hash.js";
import type { ScanJob } from "../../intake/job.js";
import type { Found, MediaSource } from "../../model.js";
import { audit } from "../../platform/audit.js";
import { needs } from "../access/guard.js";
import type { Parts } from "../parts.js";
import { mediaOf } from "./hashes.js";
import type { Readings } from "./readings.js";
import { type Api, askerOf, HASHES_BODY_BYTES } from "./routes.js";
import { sameFile } from "./rows/same-file.js";
import { LOOKUP_EXAMPLE, lookupForm, lookupInput, lookupSchema } from "./schemas/lookup.js";
import { receiveUpload } from "./upload.js";

const MOST_NEAREST = 20;
const tags = ["lookup"];
const answers = { 200: { description: "What is known.", example: LOOKUP_EXAMPLE } };

export function lookupRoutes(api: Api, parts: Parts, readings: Readings): void {
  const { pool, config } = parts;

  api.post(
    "/lookup",
    {
      onRequest: needs("hashes:read"),
      bodyLimit: HASHES_BODY_BYTES,
      config: { claimMs: longestScanMs(config) + 60_000 },
      schema: {
        operationId: "lookup",
        tags,
        summary: "Is this known? By hash or by address",
        description: "Compares with all known material as a scan does, and records nothing but that somebody asked.",
        right: "hashes:read",
        body: lookupInput,
        bodyExample: { pdq: "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22" },
        response: { 200: lookupSchema },
        answers,
      },
    },
    async (request) => {
      const { pdq, quality = 100, sha256, media } = request.body;
      if (sha256 !== undefined) return lookUpFile(request, sha256);
      const source = pdq === undefined ? mediaOf(media as ScanJob["media"]) : pictureOf(pdq, quality);
      return lookUp(request, source, pdq === undefined ? "media" : "pdq");
    },
  );

  api.post(
    "/lookup/upload",
    {
      onRequest: needs("hashes:read"),
      preValidation: receiveUpload(config),
      bodyLimit: config.mediaMaxBytes,
      config: { claimMs: config.scanTimeoutMs + 60_000 },
      schema: {
        operationId: "lookupFile",
        tags,
        summary: "Is this file known?",
        description: "The file is read while you wait and never kept.",
        right: "hashes:read",
        consumes: ["multipart/form-data"],
        body: lookupForm,
        response: { 200: lookupSchema },
        answers,
      },
    },
    async (request) => lookUp(request, { path: request.upload!.path }, "file"),
  );

  async function lookUp(request: FastifyRequest, media: MediaSource, by: string) {
    const { reading, found, verdict } = await readings.check(request, media);
    const same = reading.sha256 === "" ? [] : await sameFile(pool, reading.sha256);
    const known = same.length > 0 || verdict.kind === "match" || verdict.kind === "review";
    await note(request, by, known);
    return {
      known,
      verdict: verdict.kind,
      reasons: verdict.reasons,
      matches: verdict.matches,
      nearest: nearestOf(found),
      sameFile: same,
      sha256: reading.sha256 || null,
    };
  }

  async function lookUpFile(request: FastifyRequest, sha256: string) {
    const same = await sameFile(pool, sha256);
    await note(request, "sha256", same.length > 0);
    return { known: same.length > 0, verdict: null, reasons: [], matches: [], nearest: [], sameFile: same, sha256 };
  }

  const note = (request: FastifyRequest, by: string, known: boolean) =>
    audit(pool, { actor: askerOf(request), act: "looked up", subject: "lookup", detail: { by, known } });
}

/** One picture of which only the PDQ is known. */
const pictureOf = (pdq: string, quality: number): MediaSource => ({
  sha256: "",
  kind: "image",
  durationMs: 0,
  fingerprints: [
    { algorithm: ALGORITHM, variant: "full", atMs: 0, untilMs: 0, pdq: hashFromHex(pdq), blockhash: new Uint8Array(0), quality },
  ],
  patchSets: [],
});

function nearestOf({ hits, references }: Found) {
  const nearest = new Map<string, number>();
  for (const { referenceId, pdqDistance } of hits)
    nearest.set(referenceId, Math.min(nearest.get(referenceId) ?? 256, pdqDistance));
  return [...nearest]
    .sort((a, b) => a[1] - b[1])
    .flatMap(([referenceId, distanceBits]) => {
      const reference = references.get(referenceId);
      return reference ? [{ caseId: reference.caseId, referenceId, label: reference.label, distanceBits }] : [];
    })
    .slice(0, MOST_NEAREST);
}
