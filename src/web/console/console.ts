import formbody from "@fastify/formbody";
import type { FastifyInstance } from "fastify";
import { readVersion } from "../../platform/version.js";
import type { Parts } from "../parts.js";
import { webhookRoutes } from "../webhook-pages.js";
import { alertRoutes } from "./alert.js";
import { alertListRoutes } from "./alert-list.js";
import { assetRoutes, readAssets, versionOf } from "./assets.js";
import { caseRoutes } from "./cases.js";
import { showErrors } from "./errors.js";
import { createLive, liveRoutes } from "./live.js";
import { preferenceRoutes } from "./preferences.js";
import { previewRoutes } from "./preview.js";
import { referenceRoutes } from "./reference.js";
import { searchRoutes } from "./search.js";
import { systemRoutes } from "./system.js";
import { takedownRoutes } from "./takedowns.js";
import { uploaderRoutes } from "./uploaders.js";

/** The pages for people. They know of errors and forms what the API must not, so they have a scope of their own. */
export async function consoleRoutes(server: FastifyInstance, parts: Parts): Promise<void> {
  const assets = readAssets();
  const live = createLive(parts.pool, parts.log);
  server.decorate("consoleState", {
    timeZone: parts.config.consoleTimeZone,
    version: readVersion(),
    assetsVersion: versionOf(assets),
    openAlerts: live.openAlerts,
    mark: live.mark,
  });
  server.addHook("onReady", async () => live.start());
  // Before the server waits for its connections: those of /events end only when we end them.
  server.addHook("preClose", () => live.close());
  await server.register(async (pages) => {
    if (!pages.hasContentTypeParser("application/x-www-form-urlencoded")) await pages.register(formbody);
    showErrors(pages, parts.log);
    assetRoutes(pages, assets);
    liveRoutes(pages, live);
    alertListRoutes(pages, parts);
    alertRoutes(pages, parts);
    caseRoutes(pages, parts);
    referenceRoutes(pages, parts);
    takedownRoutes(pages, parts);
    uploaderRoutes(pages, parts);
    await searchRoutes(pages, parts);
    systemRoutes(pages, parts);
    preferenceRoutes(pages, parts);
    previewRoutes(pages, parts);
    webhookRoutes(pages, parts);
  });
}
