import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { wrongField } from "../problem.js";

const MOST = 200;

/** Query parameters of every list. */
export const pageQuery = {
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(MOST)
    .default(50)
    .meta({ description: `How many to give, at most ${MOST}.`, examples: [50] }),
  cursor: z
    .string()
    .min(1)
    .max(2048)
    .optional()
    .meta({ description: "`next` of the page before; opaque. Leave out for the first page." }),
};

/** A page of `item`s: `next` is missing on the last one. */
export const pageOf = <Item extends z.ZodType>(item: Item) =>
  z.object({ items: z.array(item), next: z.string().optional().meta({ description: "Give it as `cursor` for the next page." }) });

/** Tells a cursor of ours from a guess; what is inside belongs to the list that made it. */
const MARK = "1:";

const seal = (after: string): string => Buffer.from(MARK + after).toString("base64url");

/**
 * The list's own position in a `cursor` parameter.
 *
 * @throws ProblemError (422) when it is not one of ours.
 */
export function positionOf(cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined;
  const text = Buffer.from(cursor, "base64url").toString();
  if (!text.startsWith(MARK) || seal(text.slice(MARK.length)) !== cursor || text.includes("\u0000"))
    throw wrongField("cursor", "is not one that this list gave: use `next` of the page before as it is");
  return text.slice(MARK.length);
}

/** The page as it is answered; where there is another, its address is in the `Link` header as well (RFC 8288). */
export function page<Item>(request: FastifyRequest, reply: FastifyReply, items: Item[], after: string | undefined) {
  if (after === undefined) return { items };
  const next = seal(after);
  const url = new URL(request.url, "http://localhost");
  url.searchParams.set("cursor", next);
  reply.header("link", `<${url.pathname}${url.search}>; rel="next"`);
  return { items, next };
}
