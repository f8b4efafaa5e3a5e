import multipart from "@fastify/multipart";
import type { FastifyInstance } from "fastify";
import { needs } from "../access/guard.js";
import { createReadings } from "../api/readings.js";
import { multipartLimits } from "../api/upload.js";
import type { Parts } from "../parts.js";
import { curateRoutes } from "./curate-routes.js";
import { speakAsHmaDoes } from "./errors.js";
import { createHasher, hashRoutes } from "./hash-routes.js";
import { matchRoutes } from "./match-routes.js";
import { CONTENT_TYPES, SIGNAL_TYPES } from "./signals.js";

/**
 * The API of Meta's Hasher-Matcher-Actioner, so that whoever asks it can ask us by changing an address, and sending a token: it has no
 * authentication, and we have. What is the same and what is not stands in docs/exchange.md.
 */
export async function hmaRoutes(server: FastifyInstance, parts: Parts): Promise<void> {
  await server.register(async (hma) => {
    await hma.register(multipart, { limits: multipartLimits(parts.config) });
    speakAsHmaDoes(hma, parts.log);
    const routes: string[] = [];
    hma.addHook("onRoute", ({ method, path }) => {
      if (method !== "HEAD") routes.push(`${[method].flat().join(",")} ${path}`);
    });
    // A file passes through to disk; what is held in memory is small.
    hma.addHook("onRoute", (route) => {
      route.bodyLimit =
        route.path.endsWith("/content") || /^\/[hm]\/(hash|lookup)$/.test(route.path) ? parts.config.mediaMaxBytes : LARGEST_JSON;
    });
    const readings = createReadings(parts);
    const hasher = createHasher(parts, readings);
    statusRoutes(hma, parts, routes);
    hashRoutes(hma, hasher);
    matchRoutes(hma, parts, hasher);
    curateRoutes(hma, parts, readings);
  });
}

/** Two vPDQs of 10,000 frames. */
const LARGEST_JSON = 4 * 1024 * 1024;

const ALIVE = "I-AM-ALIVE";

/** Who watches HMA asks these without a token; they tell nothing else. */
function statusRoutes(server: FastifyInstance, { pool }: Parts, routes: string[]): void {
  const read = { onRequest: needs("hashes:read") };
  server.get("/status", async (_request, reply) => {
    const isReady = await pool.query("select 1 from posted_until").then(
      () => true,
      () => false,
    );
    return reply
      .code(isReady ? 200 : 503)
      .type("text/plain; charset=utf-8")
      .send(isReady ? ALIVE : "INDEX-NOT-LOADED");
  });
  server.get("/status/live", async (_request, reply) => reply.type("text/plain; charset=utf-8").send(ALIVE));
  server.get("/site-map", read, async () => [...routes].sort());
  server.get("/c/signal_type", read, async () => SIGNAL_TYPES.map((name) => ({ name, enabled_ratio: 1 })));
  server.get("/c/content_type", read, async () => Object.keys(CONTENT_TYPES).map((name) => ({ name, enabled: true })));
}
