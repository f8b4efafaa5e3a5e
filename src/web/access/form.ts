import type { FastifyReply, FastifyRequest } from "fastify";
import { RefusedError } from "../../people/refused.js";

/** No form here is longer: a password of 256 characters takes at most 3 kB. */
export const FORM = { bodyLimit: 16_384 };

/** A field of a form, as it was sent; "" when it was not. */
export function field(request: FastifyRequest, name: string): string {
  const value = fields(request, name)[0];
  return value ?? "";
}

/** A field that may be sent several times, such as a row of boxes. */
export function fields(request: FastifyRequest, name: string): string[] {
  const { body } = request;
  const value = typeof body === "object" && body !== null ? (body as Record<string, unknown>)[name] : undefined;
  return (Array.isArray(value) ? value : [value]).filter((one) => typeof one === "string");
}

/** A parameter of the address; undefined when it is missing, empty, or there twice. */
export function parameter(request: FastifyRequest, name: string): string | undefined {
  const value = (request.query as Record<string, unknown>)[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** Does what a form asks for; when that is refused, answers with `again`, which says why (422). */
export async function orShowAgain(
  reply: FastifyReply,
  act: () => Promise<FastifyReply>,
  again: (refused: RefusedError) => Promise<FastifyReply> | FastifyReply,
): Promise<FastifyReply> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    reply.code(422);
    return again(error);
  }
}
