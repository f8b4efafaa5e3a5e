import { z } from "zod";
import { listUploaders, platformStatistics, readUploader } from "../../casework/statistics.js";
import { platformFigures } from "../../casework/takedowns.js";
import { audit } from "../../platform/audit.js";
import { needs } from "../access/guard.js";
import type { Parts } from "../parts.js";
import { page, pageOf, pageQuery, positionOf } from "./pages.js";
import { type Api, askerOf, found } from "./routes.js";
import { instant, platform, text } from "./schemas/common.js";

const months = z.array(z.object({ month: z.string().meta({ description: "In UTC.", examples: ["2026-11"] }), uploads: z.int() }));

const row = {
  platform: z.string().meta({ description: "Empty for submissions that came without one." }),
  id: z.string(),
  url: z.string().nullable(),
  reuploads: z.int(),
  lastAt: instant,
};

const uploaderRowSchema = z.object({ ...row, cases: z.int() }).meta({ id: "UploaderRow" });

const uploaderSchema = z
  .object({
    ...row,
    submissions: z.int(),
    firstAt: instant,
    cases: z.array(z.object({ caseId: z.string(), title: z.string(), uploads: z.int(), lastAt: instant })),
    takedowns: z.record(z.string(), z.int()).meta({ description: "By state." }),
    byMonth: months,
  })
  .meta({ id: "Uploader" });

const platformSchema = z
  .object({
    platform: z.string(),
    reuploads: z.int(),
    uploaders: z.int(),
    cases: z.int(),
    takedowns: z.int(),
    removed: z.int(),
    rejected: z.int(),
    open: z.int(),
    overdue: z.int(),
    cameBack: z.int().meta({ description: "Removed, and there again when it was looked for later." }),
    shareRemoved: z.number().nullable(),
    medianHoursUntilRemoved: z.number().nullable(),
    meanAttempts: z.number().nullable(),
    byMonth: months,
  })
  .meta({ id: "PlatformStatistics" });

const ROW = {
  platform: "youtube",
  id: "channel-9",
  url: "https://youtube.example/c/9",
  reuploads: 3,
  lastAt: "2026-11-24T10:00:05.000Z",
};

const DETAIL = {
  ...ROW,
  submissions: 5,
  firstAt: "2026-10-02T09:00:00.000Z",
  cases: [{ caseId: "C-17", title: "The chair", uploads: 3, lastAt: "2026-11-24T10:00:05.000Z" }],
  takedowns: { removed: 2, sent: 1 },
  byMonth: [
    { month: "2026-10", uploads: 1 },
    { month: "2026-11", uploads: 2 },
  ],
};

const PLATFORM = {
  platform: "youtube",
  reuploads: 12,
  uploaders: 4,
  cases: 2,
  takedowns: 12,
  removed: 9,
  rejected: 1,
  open: 2,
  overdue: 1,
  cameBack: 1,
  shareRemoved: 0.75,
  medianHoursUntilRemoved: 5.5,
  meanAttempts: 1.3,
  byMonth: DETAIL.byMonth,
};

const tags = ["uploaders"];

export function uploaderRoutes(api: Api, { pool }: Parts): void {
  api.get(
    "/uploaders",
    {
      onRequest: needs("cases:read"),
      schema: {
        operationId: "listUploaders",
        tags,
        summary: "Who re-uploads most",
        description: "Uploaders of re-uploads, those with most first.",
        right: "cases:read",
        querystring: z.strictObject({ ...pageQuery, platform: platform.optional() }),
        response: { 200: pageOf(uploaderRowSchema) },
        answers: { 200: { description: "A page.", example: { items: [{ ...ROW, cases: 1 }] } } },
      },
    },
    async (request, reply) => {
      const { limit, cursor, platform: of } = request.query;
      const { uploaders, next } = await listUploaders(pool, { platform: of, after: positionOf(cursor), limit });
      return page(request, reply, uploaders, next);
    },
  );

  api.get(
    "/uploaders/:platform/:uploaderId",
    {
      onRequest: needs("cases:read"),
      schema: {
        operationId: "readUploader",
        tags,
        summary: "Read an uploader",
        description: "Everything that is counted of one uploader on one platform. The reading is logged.",
        right: "cases:read",
        params: z.object({
          platform,
          uploaderId: text(512)
            .min(1)
            .meta({ examples: ["channel-9"] }),
        }),
        response: { 200: uploaderSchema },
        problems: [404],
        answers: { 200: { description: "The uploader.", example: DETAIL } },
      },
    },
    async (request) => {
      const { platform: of, uploaderId } = request.params;
      const uploader = found(await readUploader(pool, of, uploaderId), "uploader");
      await audit(pool, { actor: askerOf(request), act: "uploader read", subject: `uploader:${of}/${uploaderId}` });
      return uploader;
    },
  );

  api.get(
    "/platforms",
    {
      onRequest: needs("cases:read"),
      schema: {
        operationId: "listPlatforms",
        tags,
        summary: "What platforms did",
        description: "Re-uploads and takedowns by platform, most re-uploads first.",
        right: "cases:read",
        response: { 200: z.object({ items: z.array(platformSchema) }) },
        answers: { 200: { description: "Every platform that had a re-upload.", example: { items: [PLATFORM] } } },
      },
    },
    async () => {
      const figures = new Map((await platformFigures(pool)).map((of) => [of.platform ?? "", of]));
      const items = await platformStatistics(pool);
      return {
        items: items.map((of) => ({
          ...of,
          overdue: figures.get(of.platform)?.overdue ?? 0,
          cameBack: figures.get(of.platform)?.cameBack ?? 0,
        })),
      };
    },
  );
}
