import type { FastifyInstance } from "fastify";
import { readAlert } from "../../casework/alerts.js";
import { TransientError, UnscannableError } from "../../errors.js";
import { audit } from "../../platform/audit.js";
import { needs } from "../access/guard.js";
import type { Parts } from "../parts.js";
import { NotFound } from "./errors.js";
import { headlineOf } from "./explain.js";
import { actor } from "./input.js";
import { page, readerOf } from "./page.js";
import { stripOf } from "./preview-strip.js";

type ById = { Params: { id: string } };

/**
 * `POST /alerts/:id/preview`: fetches the media now and shows a coarse strip of it, without colour. Off unless configured. It is logged
 * before anything is fetched, and nothing of it is kept. It makes looking less sharp; nobody should take that for protection.
 */
export function previewRoutes(pages: FastifyInstance, parts: Parts): void {
  if (parts.config.consolePreview === "off") return;
  const act = { preHandler: needs("alerts:write"), bodyLimit: 4_096 };
  pages.post<ById>("/alerts/:id/preview", act, async (request, reply) => {
    const alert = await readAlert(parts.pool, request.params.id);
    if (!alert?.submission.mediaUrl) throw new NotFound();
    await audit(parts.pool, { actor: actor(request), act: "preview shown", subject: `alert:${alert.id}` });
    const reader = readerOf(request);
    const image = await fetched(parts, alert.submission.mediaUrl);
    return page(request, reply, "preview", {
      title: reader.t.alert.preview.title,
      headline: headlineOf(alert, reader),
      alert,
      image,
    });
  });
}

/** The strip as the address of a data: image; undefined when the media is gone or cannot be read. */
async function fetched({ config, log }: Parts, url: string): Promise<string | undefined> {
  try {
    const png = await stripOf(config, url);
    return `data:image/png;base64,${png.toString("base64")}`;
  } catch (error) {
    if (!(error instanceof UnscannableError || error instanceof TransientError)) throw error;
    log.info({ reason: error.name }, "a preview could not be fetched");
    return undefined;
  }
}
