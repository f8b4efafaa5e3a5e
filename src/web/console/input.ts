import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { UsageError } from "../../errors.js";
import { actorOf, type Who } from "../../people/rights.js";

/** Of a form or an address: a field that was left empty was not given. */
export const optional = <T extends z.ZodType>(type: T) => z.preprocess((v) => (v === "" ? undefined : v), type.optional());

export const words = (max: number) => z.string().trim().min(1, "must not be empty").max(max, `must be at most ${max} characters`);

export const uuid = z.uuid("must be an id such as 3f0c1a52-…");

/** A field that a form may send once or several times. */
export const several = <T extends z.ZodType>(type: T) =>
  z.preprocess((v) => (v === undefined || v === "" ? [] : Array.isArray(v) ? v : [v]), z.array(type));

/**
 * What the form or the address says, by its schema.
 *
 * @throws UsageError that names the fields that are wrong and what they must be.
 */
export function read<T extends z.ZodType>(schema: T, given: unknown): z.output<T> {
  const parsed = schema.safeParse(given ?? {});
  if (parsed.success) return parsed.data;
  throw new UsageError(parsed.error.issues.map((issue) => `${issue.path.join(".")} ${issue.message}`).join("; "));
}

/** Who asks. A guard stands before every route that calls this. */
export function whoOf(request: FastifyRequest): Who {
  if (!request.who) throw Object.assign(new Error("nobody is signed in"), { statusCode: 401 });
  return request.who;
}

export const actor = (request: FastifyRequest): string => actorOf(whoOf(request));

/** Of `<input type="date">`: the end of that day in UTC, or null when it was left empty. */
export const dayOrNone = z.preprocess(
  (v) => (v === "" || v === undefined ? null : v),
  z.iso
    .date("must be a day such as 2030-12-31")
    .transform((day) => new Date(`${day}T23:59:59Z`))
    .nullable(),
);
