import { existsSync } from "node:fs";
import { type FastifyInstance, fastify } from "fastify";
import type { App } from "../../../src/app.js";
import { createIntakeClient } from "../../../src/intake/client.js";
import type { MediaSource } from "../../../src/model.js";
import { register } from "../../../src/register.js";
import { judge } from "../../../src/scan.js";
import { accessRoutes } from "../../../src/web/access/access.js";
import { consoleRoutes } from "../../../src/web/console/console.js";
import type { Parts } from "../../../src/web/parts.js";

/** Where Debian's and Ubuntu's packages put it; another place is named by CHROMIUM_PATH. */
export const CHROMIUM = [
  process.env.CHROMIUM_PATH ?? "",
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
].find((path) => path !== "" && existsSync(path));

export const CHROMIUM_ARGS = ["--no-sandbox", "--disable-dev-shm-usage"];

/** The console and the pages for signing in, on any free port. */
export async function serveConsole(app: App): Promise<{ server: FastifyInstance; parts: Parts; address: string }> {
  const parts = partsOf(app);
  const server = fastify();
  await accessRoutes(server, parts);
  await consoleRoutes(server, parts);
  return { server, parts, address: await server.listen({ host: "127.0.0.1", port: 0 }) };
}

/** As the service makes them. */
function partsOf(app: App): Parts {
  const { config, log, queues, scanSteps, registerSteps } = app;
  return {
    ...{ config, log, queues, pool: app.database.pool, intake: createIntakeClient(queues) },
    ...{ settings: app.casework, acts: app.learnSteps },
    check: async (media, signal) => {
      const reading = await app.readReceived(media, "as a scan", signal);
      return { reading, ...(await judge(scanSteps, reading)) };
    },
    register: (media, reference, signal) => {
      const read = (source: MediaSource) => app.readReceived(source, "as a reference", signal);
      return register({ ...registerSteps, read }, media, reference, signal);
    },
  };
}
