import type { IncomingMessage, ServerResponse } from "node:http";
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest, RawServerDefault } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import { actorOf, type Right, type Who } from "../../people/rights.js";
import { ProblemError } from "../problem.js";

/** The server as routes see it: bodies, parameters and answers have the types of their schemas. */
export type Api = FastifyInstance<RawServerDefault, IncomingMessage, ServerResponse, FastifyBaseLogger, ZodTypeProvider>;

declare module "fastify" {
  /** What the OpenAPI document says beside the schemas; see openapi.ts. */
  interface FastifySchema {
    /** The right that a token or a role must carry. */
    right?: Right;
    bodyExample?: unknown;
    /** By status: what the answer means, and one that might be given. */
    answers?: Record<number, { description: string; example?: unknown; contentType?: string; headers?: Record<string, string> }>;
    /** Statuses of problem documents beyond those that every route has. */
    problems?: number[];
  }
}

/** Bodies without hashes or media are small. */
export const SMALL_BODY_BYTES = 256 * 1024;
/** As a scan job: about 100,000 fingerprints. */
export const HASHES_BODY_BYTES = 32 * 1024 * 1024;

/** Who asks. The guard has let nobody else through. */
export function whoOf(request: FastifyRequest): Who {
  if (!request.who) throw new ProblemError(401, "send a service token as Authorization: Bearer, or sign in");
  return request.who;
}

/** As it stands in the audit log. */
export const askerOf = (request: FastifyRequest): string => actorOf(whoOf(request));

/** The value, or 404 in the caller's words: "there is no alert with this id". */
export function found<T>(value: T | undefined | null, what: string): T {
  if (value === undefined || value === null) throw new ProblemError(404, `there is no ${what} with this id`);
  return value;
}
