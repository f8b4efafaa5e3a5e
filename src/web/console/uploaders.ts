import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { finishErasure } from "../../casework/erase/finish.js";
import { eraseUploader } from "../../casework/erase.js";
import { listUploaders, platformStatistics, readUploader } from "../../casework/statistics.js";
import { UsageError } from "../../errors.js";
import { audit } from "../../platform/audit.js";
import { needs } from "../access/guard.js";
import type { Parts } from "../parts.js";
import { NotFound } from "./errors.js";
import { actor, optional, read, words } from "./input.js";
import { page, readerOf, redirectBack, urlWith } from "./page.js";

const PAGE_LENGTH = 50;
const listQuery = z.object({ platform: optional(words(200)), after: optional(z.string().max(1_000)) });
const erasing = z.object({ confirm: z.string(), reason: words(1_000) });

/** `*` takes what follows as it is: an uploader's id may have slashes in it. An empty platform is written "-". */
type ByProfile = { Params: { platform: string; "*": string } };

/** Where an uploader's page is. */
export const uploaderUrl = (platform: string | null, id: string): string =>
  `/uploaders/${encodeURIComponent(platform || "-")}/${encodeURIComponent(id)}`;

/** `/uploaders` (with the platforms' figures) and `/uploaders/:platform/:id`. */
export function uploaderRoutes(pages: FastifyInstance, { pool, queues }: Parts): void {
  pages.get("/uploaders", { preHandler: needs("alerts:read") }, async (request, reply) => {
    const asked = read(listQuery, request.query);
    const { uploaders, next } = await listUploaders(pool, { ...asked, limit: PAGE_LENGTH });
    return page(request, reply, "uploaders", {
      title: readerOf(request).t.cases.uploaders.title,
      ...{ asked, uploaders, uploaderUrl, next: next && urlWith(request, { after: next }) },
      platforms: asked.after ? [] : await platformStatistics(pool),
    });
  });

  const profileOf = (params: ByProfile["Params"]) => ({
    platform: params.platform === "-" ? "" : params.platform,
    id: params["*"],
  });

  pages.get<ByProfile>("/uploaders/:platform/*", { preHandler: needs("alerts:read") }, async (request, reply) => {
    const { platform, id } = profileOf(request.params);
    const uploader = await readUploader(pool, platform, id);
    if (!uploader) throw new NotFound();
    await audit(pool, { actor: actor(request), act: "uploader read", subject: `uploader:${platform}` });
    const title = readerOf(request).t.cases.uploaders.one(id);
    return page(request, reply, "uploader", { title, uploader, here: uploaderUrl(platform, id) });
  });

  pages.post<ByProfile>("/uploaders/:platform/*", { preHandler: needs("admin"), bodyLimit: 16_384 }, async (request, reply) => {
    const { platform, id } = profileOf(request.params);
    const { confirm, reason } = read(erasing, request.body);
    if (confirm !== id) throw new UsageError(readerOf(request).t.cases.eraseMismatch);
    const { inQueues } = await eraseUploader(pool, platform, id, actor(request), reason);
    await finishErasure(pool, queues, inQueues);
    return redirectBack(request, reply, "/uploaders", "erased");
  });
}
