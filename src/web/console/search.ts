import multipart from "@fastify/multipart";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { readCase } from "../../casework/cases.js";
import { submissionReport } from "../../casework/report.js";
import { ALGORITHM } from "../../fingerprint/fingerprint-frame.js";
import { MAX_WITHIN_BITS } from "../../hash-index/lookup.js";
import { audit } from "../../platform/audit.js";
import { needs } from "../access/guard.js";
import { createReadings } from "../api/readings.js";
import { addUploads, multipartLimits, receiveUpload } from "../api/upload.js";
import type { Parts } from "../parts.js";
import { changesOf, reasonsOf } from "./explain.js";
import { actor, optional, read, words } from "./input.js";
import { knownNear, type NearKnown, submissionsOf } from "./known-by-hash.js";
import { page, readerOf } from "./page.js";

const query = z.object({ q: optional(words(200)) });
const HEX = /^[0-9a-f]{64}$/i;

interface Found {
  known: NearKnown[];
  submissions: { id: string; alertId: string | null; kind: string | null }[];
  caseId?: string;
}

/** `/search`: "is this known?", by hash, by number, or by a file that is read once and removed. */
export async function searchRoutes(pages: FastifyInstance, parts: Parts): Promise<void> {
  pages.get("/search", { preHandler: needs("hashes:read") }, async (request, reply) => {
    const { q } = read(query, request.query);
    const found = q === undefined ? undefined : await findBy(parts, q);
    // What was asked may be a hash, and hashes stay out of the log.
    if (q !== undefined) await audit(parts.pool, { actor: actor(request), act: "searched", subject: "search" });
    return page(request, reply, "search", {
      title: readerOf(request).t.search.title,
      q,
      found,
      maxBytes: parts.config.mediaMaxBytes,
    });
  });

  const readings = createReadings(parts);
  await pages.register(async (uploads) => {
    await uploads.register(multipart, { limits: multipartLimits(parts.config) });
    addUploads(uploads);
    const options = {
      preValidation: receiveUpload(parts.config),
      preHandler: needs("hashes:read"),
      bodyLimit: parts.config.mediaMaxBytes + 1_048_576,
    };
    uploads.post("/search", options, async (request, reply) => {
      const upload = request.upload!;
      const { verdict, reading } = await readings.check(request, { path: upload.path });
      await audit(parts.pool, {
        actor: actor(request),
        act: "file checked",
        subject: "search",
        detail: { verdict: verdict.kind },
      });
      const reader = readerOf(request);
      const matches = verdict.matches.map((match) => ({
        ...match,
        reasons: reasonsOf(match, reader),
        changes: changesOf(match.transform, reader),
      }));
      const checked = { name: upload.name, kind: verdict.kind, matches, reasons: verdict.reasons };
      const found = { known: [], submissions: await submissionsOf(parts.pool, reading.sha256) };
      return page(request, reply, "search", {
        title: reader.t.search.title,
        checked,
        found,
        maxBytes: parts.config.mediaMaxBytes,
      });
    });
  });
}

/** A hash of 64 digits may be either kind, so both are looked for. */
async function findBy({ pool }: Parts, q: string): Promise<Found> {
  if (HEX.test(q)) {
    const known = await knownNear(pool, q.toLowerCase(), ALGORITHM, MAX_WITHIN_BITS);
    return { known, submissions: await submissionsOf(pool, q.toLowerCase()) };
  }
  const [report, found] = [await submissionReport(pool, q), await readCase(pool, q)];
  const submissions = report ? [{ id: report.submissionId, alertId: report.alertId ?? null, kind: report.verdict }] : [];
  return { known: [], submissions, caseId: found?.id };
}
