import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { FastifyInstance } from "fastify";

export interface Asset {
  name: string;
  type: string;
  content: Buffer;
}

/** One sheet for browsers, several for whoever edits them; later ones go before earlier ones. */
const SHEETS = ["base", "frame", "badges", "forms", "lists", "facts", "acts", "drawings"];

const own = (name: string) => readFileSync(fileURLToPath(new URL(`./assets/${name}`, import.meta.url)));

/** htmx lies in its package, ready for browsers. */
const htmx = () => readFileSync(join(dirname(createRequire(import.meta.url).resolve("htmx.org")), "htmx.min.js"));

/** All that pages load besides themselves: few and small, so they are read once and kept. */
export function readAssets(): Asset[] {
  return [
    { name: "console.css", type: "text/css; charset=utf-8", content: Buffer.concat(SHEETS.map((name) => own(`${name}.css`))) },
    { name: "console.js", type: "text/javascript; charset=utf-8", content: own("console.js") },
    { name: "htmx.js", type: "text/javascript; charset=utf-8", content: htmx() },
    { name: "icon.svg", type: "image/svg+xml", content: own("icon.svg") },
  ];
}

/** Twelve digits that change when any asset does: pages put them into addresses, so a browser may keep what it has. */
export function versionOf(assets: Asset[]): string {
  const hash = createHash("sha256");
  for (const { content } of assets) hash.update(content);
  return hash.digest("hex").slice(0, 12);
}

export function assetRoutes(server: FastifyInstance, assets: Asset[]): void {
  for (const { name, type, content } of assets) {
    server.get(`/assets/${name}`, async (_request, reply) =>
      reply.header("cache-control", "public, max-age=31536000, immutable").type(type).send(content),
    );
  }
}
