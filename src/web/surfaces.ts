import type { FastifyInstance } from "fastify";
import { accessRoutes } from "./access/access.js";
import { apiRoutes } from "./api/api.js";
import { boardRoutes } from "./board.js";
import { consoleRoutes } from "./console/console.js";
import { hmaRoutes } from "./hma/hma.js";
import type { Parts } from "./parts.js";
import { traceRequests } from "./trace-requests.js";

/** Who is there first, then what they may use: the console, the API, and the API that speaks as HMA does. */
export async function addSurfaces(server: FastifyInstance, parts: Parts): Promise<void> {
  await accessRoutes(server, parts);
  traceRequests(server);
  await consoleRoutes(server, parts);
  await boardRoutes(server, parts);
  await apiRoutes(server, parts);
  await hmaRoutes(server, parts);
}
