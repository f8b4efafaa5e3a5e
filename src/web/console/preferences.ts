import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { transaction } from "../../platform/database.js";
import { needsPerson } from "../access/guard.js";
import type { Parts } from "../parts.js";
import { optional, read, whoOf } from "./input.js";
import { page, readerOf, redirectBack } from "./page.js";

const form = z.object({
  breaks: optional(z.literal("1")),
  shortcuts: optional(z.literal("1")),
  /** The link under a reminder: turns off that one and leaves the rest. */
  only: optional(z.literal("breaks")),
});

/** `/preferences`: what of the console a person can turn off for themselves. Kept in `account.settings`. */
export function preferenceRoutes(pages: FastifyInstance, { pool }: Parts): void {
  pages.get("/preferences", { preHandler: needsPerson() }, async (request, reply) => {
    const who = whoOf(request);
    const settings = who.kind === "person" ? who.settings : {};
    return page(request, reply, "preferences", {
      title: readerOf(request).t.preferences.title,
      wanted: { breaks: settings.breaks !== false, shortcuts: settings.shortcuts !== false },
    });
  });

  pages.post("/preferences", { preHandler: needsPerson(), bodyLimit: 4_096 }, async (request, reply) => {
    const { breaks, shortcuts, only } = read(form, request.body);
    const changed = only ? { breaks: false } : { breaks: breaks === "1", shortcuts: shortcuts === "1" };
    const who = whoOf(request);
    if (who.kind === "person")
      await transaction(pool, (tx) =>
        tx.query("update account set settings = settings || $2 where id = $1", [who.accountId, changed]),
      );
    return redirectBack(request, reply, "/preferences", "saved");
  });
}
