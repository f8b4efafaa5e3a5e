import { Ajv2020 } from "ajv/dist/2020.js";
import type { LightMyRequestResponse } from "fastify";

export type Json = Record<string, unknown>;

export interface OpenApi {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Json>; securitySchemes: Json };
  tags: { name: string }[];
  security: Record<string, string[]>[];
}

export interface Operation {
  operationId?: string;
  summary?: string;
  description?: string;
  tags?: string[];
  parameters?: { name: string; in: string; required?: boolean; schema: Json }[];
  requestBody?: { content: Record<string, { schema: Json; example?: unknown; examples?: Json }> };
  responses: Record<string, { description: string; content?: Record<string, { schema: Json; example?: unknown }> }>;
}

const ROOT = "https://openapi.test/document";

/** A validator that knows the document's components. Formats that JSON Schema only annotates are not checked. */
export function createAjv(document: OpenApi): Ajv2020 {
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });
  ajv.addSchema({ $id: ROOT, components: document.components }, ROOT);
  return ajv;
}

/** A schema of the document with its references made absolute, so that it can stand alone. */
export const standalone = (schema: Json): Json =>
  JSON.parse(JSON.stringify(schema).replaceAll('"#/components/', `"${ROOT}#/components/`)) as Json;

export type ResponseCheck = (method: string, url: string, response: LightMyRequestResponse) => string[];

/** Says what of an answer is not as the document says: its status, its type, its body. */
export function createResponseCheck(document: OpenApi): ResponseCheck {
  const ajv = createAjv(document);
  const patterns = Object.keys(document.paths).map((path) => ({
    path,
    pattern: new RegExp(`^${path.replace(/\{[^}]+\}/g, "[^/]+")}$`),
  }));
  return (method, url, response) => {
    const [pathname] = url.split("?");
    // The most literal one: /alerts/acts before /alerts/{alertId}.
    const [known] = patterns
      .filter(({ pattern }) => pattern.test(pathname))
      .sort((a, b) => a.path.split("{").length - b.path.split("{").length);
    const operation = known && document.paths[known.path][method.toLowerCase()];
    if (!operation) return response.statusCode === 404 ? [] : [`${method} ${pathname} is not in the document`];
    const described = operation.responses[String(response.statusCode)];
    if (!described) return [`status ${response.statusCode} is not described`];
    if (!described.content && response.body === "") return [];
    const [type] = String(response.headers["content-type"]).split(";");
    const content = described.content?.[type];
    if (!content) return [`content type ${type} is not described for ${response.statusCode}`];
    if (!type.endsWith("json")) return [];
    const validate = ajv.compile(standalone(content.schema));
    return validate(response.json()) ? [] : (validate.errors ?? []).map((e) => `${e.instancePath} ${e.message}`);
  };
}
