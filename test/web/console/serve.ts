import { existsSync } from "node:fs";
import type { FastifyInstance } from "fastify";
import type { App } from "../../../src/app.js";
import { createIntakeClient } from "../../../src/intake/client.js";
import type { MediaSource } from "../../../src/model.js";
import { createMetrics } from "../../../src/platform/metrics.js";
import { register } from "../../../src/register.js";
import { judge } from "../../../src/scan.js";
import type { Parts } from "../../../src/web/parts.js";
import { startWeb, type Web } from "../../../src/web/server.js";
import { addSurfaces } from "../../../src/web/surfaces.js";

/** Where Debian's and Ubuntu's packages put it; another place is named by CHROMIUM_PATH. */
export const CHROMIUM = [
  process.env.CHROMIUM_PATH ?? "",
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
].find((path) => path !== "" && existsSync(path));

export const CHROMIUM_ARGS = ["--no-sandbox", "--disable-dev-shm-usage"];

/** The web role's server with all its surfaces, on any free port. */
export async function serveConsole(app: App): Promise<{ server: FastifyInstance; parts: Parts; web: Web }> {
  const parts = partsOf(app);
  let server: FastifyInstance | undefined;
  const web = await startWeb({
    ...{ config: { ...app.config, httpPort: 0 }, log: app.log, metrics: createMetrics(), checks: [], isDraining: () => false },
    surfaces: async (made) => {
      server = made;
      await addSurfaces(made, parts);
    },
  });
  return { server: server!, parts, web };
}

/** As the service makes them. */
function partsOf(app: App): Parts {
  const { config, log, queues, scanSteps, registerSteps } = app;
  return {
    ...{ config, log, queues, pool: app.database.pool, intake: createIntakeClient(queues) },
    ...{ settings: app.casework, acts: app.learnSteps },
    check: async (media, signal) => {
      const reading = await app.readReceived(media, "all of it", signal);
      return judge(scanSteps, reading);
    },
    register: (media, reference, signal) => {
      const read = (source: MediaSource) => app.readReceived(source, "as a reference", signal);
      return register({ ...registerSteps, read }, media, reference, signal);
    },
  };
}
