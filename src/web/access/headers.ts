import type { FastifyInstance } from "fastify";
import type { Config } from "../../config.js";
import { isSecure } from "./cookies.js";

const YEAR_SECONDS = 31_536_000;

/** For every answer, besides those of `server.ts`. What a page may load stands in its own policy, see `PAGE_HEADERS`. */
const HEADERS = {
  "cross-origin-opener-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
  "x-frame-options": "DENY",
  "x-robots-tag": "noindex, nofollow",
};

export function addHeaders(server: FastifyInstance, config: Pick<Config, "cookieSecure" | "publicUrl">): void {
  server.addHook("onRequest", async (request, reply) => {
    reply.headers(HEADERS);
    if (isSecure(request, config)) reply.header("strict-transport-security", `max-age=${YEAR_SECONDS}`);
  });
}
