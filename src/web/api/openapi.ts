import type { SwaggerTransform } from "@fastify/swagger";
import { jsonSchemaTransform, jsonSchemaTransformObject } from "fastify-type-provider-zod";
import { readVersion } from "../../platform/version.js";

type Json = Record<string, unknown>;

export const TAGS = [
  { name: "submissions", description: "Media to be checked, and what became of it." },
  { name: "verdicts", description: "What scans and look-backs concluded, with their reasons." },
  { name: "alerts", description: "Verdicts that a person must see, and what people did about them. Every read is logged." },
  { name: "cases", description: "What a caseworker works on; a case has known material." },
  { name: "references", description: "Known material, by which re-uploads are recognised. The media itself is never kept." },
  { name: "takedowns", description: "Requests to platforms, and what they answered." },
  { name: "lookup", description: "Is this known? Nothing is recorded but that somebody asked." },
  { name: "uploaders", description: "Who put known material on-line, as their platform names them." },
  { name: "webhooks", description: "Who is told of what happens, in the standard-webhooks format, and what became of it." },
  { name: "system", description: "How the installation stands." },
];

/** The head of the OpenAPI 3.1 document; paths and schemas come from the routes. */
export const DOCUMENT = {
  openapi: "3.1.0",
  info: {
    title: "reupload",
    version: readVersion(),
    description:
      "Recognises re-uploads of already reported images and videos. Submit media, read verdicts and alerts, act on them, keep the known material. Errors are problem documents (RFC 9457) that name the field. Lists are pages: give `next` as `cursor`. A POST with an `Idempotency-Key` happens once.",
    license: { name: "Apache-2.0", identifier: "Apache-2.0" },
  },
  servers: [{ url: "/", description: "This installation" }],
  tags: TAGS,
  security: [{ token: [] }, { session: [], csrf: [] }] as Record<string, string[]>[],
  components: {
    securitySchemes: {
      token: { type: "http" as const, scheme: "bearer", description: "A service token." },
      session: {
        type: "apiKey" as const,
        in: "cookie" as const,
        name: "reupload_session",
        description: "A person who has signed in.",
      },
      csrf: {
        type: "apiKey" as const,
        in: "header" as const,
        name: "x-csrf-token",
        description: "With a session, for every change.",
      },
    },
  },
};

const PROBLEMS: Record<number, string> = {
  400: "The request could not be read.",
  401: "Nobody is signed in, or the token is wrong, expired or revoked.",
  403: "The token's scopes or the person's role do not include the right.",
  404: "There is nothing with this id.",
  409: "It conflicts with what is there, or the first request with this `Idempotency-Key` is still under way.",
  413: "The body is too large.",
  415: "The body has another type than this address takes.",
  422: "The request was read, and a field of it is wrong; `errors` names it.",
  429: "Too many requests; `Retry-After` says when to come back.",
  500: "A fault of ours. It is in the log.",
  503: "Not just now; `Retry-After` says when to come back.",
};

const problemOf = (status: number): Json => ({
  description: PROBLEMS[status],
  ...(status === 429 || status === 503 || status === 409
    ? { headers: { "Retry-After": { type: "integer", description: "Seconds." } } }
    : {}),
  content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
});

const IDEMPOTENCY_KEY = {
  type: "string",
  minLength: 1,
  maxLength: 255,
  pattern: "^[\\x21-\\x7e]+$",
  description: "The same request with the same key happens once and gets the same answer for a day. A UUID will do.",
  examples: ["0b8f1c1e-6c2a-4f0e-9d3b-0c9c5f9d7a11"],
};

/** Travels beside the body: where a body is a reference, an example inside it would be lost. */
const BODY_EXAMPLE = "x-body-example";

/** Adds to what the schemas say what `answers`, `problems`, `right` and `bodyExample` of a route say. */
export const transform: SwaggerTransform = (input) => {
  const transformed = jsonSchemaTransform(input as Parameters<typeof jsonSchemaTransform>[0]);
  const { schema, route } = input;
  if (!schema || schema.hide) return transformed;
  const out = { ...(transformed.schema as Json) };
  const { answers = {}, problems = [], right, bodyExample } = schema;
  for (const key of ["answers", "problems", "right", "bodyExample"]) delete out[key];
  const isWrite = route.method !== "GET" && route.method !== "HEAD";
  if (right) out.description = `${schema.description} Right: \`${right}\`.`;
  if (bodyExample !== undefined) out[BODY_EXAMPLE] = bodyExample;
  if (route.method === "POST") out.headers = { type: "object", properties: { "Idempotency-Key": IDEMPOTENCY_KEY } };
  const statuses = [400, 401, 403, ...(isWrite ? [413, 415, 409] : []), 422, 429, 500, 503, ...problems];
  out.response = {
    ...Object.fromEntries([...new Set(statuses)].map((status) => [status, problemOf(status)])),
    ...Object.fromEntries(
      Object.entries((out.response ?? {}) as Json).map(([status, of]) => [status, answerOf(of, answers[Number(status)])]),
    ),
  };
  return { schema: out, url: transformed.url };
};

function answerOf(of: unknown, answer: NonNullable<import("fastify").FastifySchema["answers"]>[number] | undefined): Json {
  const { description = "Done.", example, contentType = "application/json", headers } = answer ?? {};
  if ((of as Json).type === "null") return { description, type: "null" };
  const schema = contentType === "application/json" ? of : { type: "string", contentMediaType: contentType };
  return {
    description,
    ...(headers
      ? {
          headers: Object.fromEntries(
            Object.entries(headers).map(([name, text]) => [name, { type: "string", description: text }]),
          ),
        }
      : {}),
    content: { [contentType]: { schema, ...(example === undefined ? {} : { example }) } },
  };
}

interface Operation extends Json {
  requestBody?: { content: Record<string, Json> };
}

/** Puts examples where they belong. Components by name, less those that nothing refers to: every schema is offered as an input and as an output, and most are one. */
export const transformObject: typeof jsonSchemaTransformObject = (input) => {
  const document = jsonSchemaTransformObject(input) as unknown as {
    components: { schemas: Json };
    paths: Record<string, Record<string, Operation>>;
  };
  for (const operation of Object.values(document.paths).flatMap((path) => Object.values(path))) {
    if (!(BODY_EXAMPLE in operation)) continue;
    for (const media of Object.values(operation.requestBody?.content ?? {})) media.example = operation[BODY_EXAMPLE];
    delete operation[BODY_EXAMPLE];
  }
  const { schemas } = document.components;
  const used = new Set<string>();
  const visit = (value: unknown): void => {
    for (const [, name] of JSON.stringify(value ?? null).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      if (used.has(name)) continue;
      used.add(name);
      visit(schemas[name]);
    }
  };
  visit(document.paths);
  document.components.schemas = Object.fromEntries(Object.entries(schemas).filter(([name]) => used.has(name)));
  return document as unknown as ReturnType<typeof jsonSchemaTransformObject>;
};
