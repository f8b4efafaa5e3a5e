import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createAjv, type Json, type OpenApi, type Operation, standalone } from "./openapi-check.js";
import { type TestApi, testApi } from "./support.js";

let api: TestApi;
let document: OpenApi;
let operations: { name: string; operation: Operation }[];

beforeAll(async () => {
  api = await testApi();
  document = (await api.server.inject("/v1/openapi.json")).json();
  operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, operation })),
  );
});

afterAll(() => api.close());

const schemasOf = ({ requestBody, responses }: Operation) =>
  [requestBody, ...Object.values(responses)].flatMap((part) => Object.values(part?.content ?? {}));

/** Every object below a value, with where it is. */
function* within(value: unknown, path = "#"): Generator<[string, Json]> {
  if (typeof value !== "object" || value === null) return;
  yield [path, value as Json];
  for (const [key, part] of Object.entries(value)) yield* within(part, `${path}/${key}`);
}

describe("the OpenAPI document", () => {
  test("is 3.1, names this installation, and is the same every time", async () => {
    expect(document.openapi).toBe("3.1.0");
    expect(document).toMatchObject({ info: { title: "reupload", version: expect.any(String) }, servers: [{ url: "/" }] });
    expect((await api.server.inject("/v1/openapi.json")).json()).toEqual(document);
  });

  test("has every route of the API but its own pages, and nothing else", () => {
    const documented = operations.map(({ name }) => name.replace(/\{([^}]+)\}/g, ":$1"));
    const own = /^HEAD |\/v1\/openapi\.json$|\/v1\/reference(\/|$)/;
    expect(documented.sort()).toEqual([...new Set(api.routes)].filter((route) => !own.test(route)).sort());
    expect(documented.length).toBeGreaterThan(30);
  });

  test("describes every operation, its right, and every answer", () => {
    for (const { name, operation } of operations) {
      expect(operation.summary, name).toMatch(/^[A-Z]/);
      expect(operation.description, name).toMatch(/ Right: `[a-z:]+`\.$/);
      expect(
        document.tags.map((tag) => tag.name),
        name,
      ).toContain(operation.tags?.[0]);
      for (const status of ["401", "403", "422", "500"]) expect(operation.responses, name).toHaveProperty(status);
      for (const [status, response] of Object.entries(operation.responses))
        expect(response.description, `${name} ${status}`).not.toMatch(/^(Default Response)?$/);
    }
    const ids = operations.map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test("names the parameters of every path, and the Idempotency-Key of every POST", () => {
    for (const { name, operation } of operations) {
      const inPath = (operation.parameters ?? []).filter((p) => p.in === "path").map((p) => p.name);
      expect(inPath.sort(), name).toEqual([...name.matchAll(/\{([^}]+)\}/g)].map(([, one]) => one).sort());
      const keys = (operation.parameters ?? []).filter((p) => p.in === "header").map((p) => p.name);
      expect(keys, name).toEqual(name.startsWith("POST") ? ["Idempotency-Key"] : []);
    }
  });

  test("gives an example of every body and of every good answer, and each is valid", () => {
    const ajv = createAjv(document);
    for (const { name, operation } of operations) {
      const good = Object.entries(operation.responses).filter(([status]) => status.startsWith("2"));
      expect(good.length, name).toBeGreaterThan(0);
      const parts = [
        ...Object.entries(operation.requestBody?.content ?? {}),
        ...good.flatMap(([, r]) => Object.entries(r.content ?? {})),
      ];
      if (!("204" in operation.responses)) expect(parts.length, name).toBeGreaterThan(0);
      for (const [type, { schema, example }] of parts) {
        // The parts of a form have examples of their own: a file cannot be shown.
        if (type === "multipart/form-data") continue;
        expect(example, `${name} ${type}`).toBeDefined();
        const validate = ajv.compile(standalone(schema));
        validate(example);
        expect(validate.errors ?? [], `${name} ${type}`).toEqual([]);
      }
    }
  });

  test("has only valid JSON Schemas (2020-12), and every reference leads somewhere", () => {
    const ajv = createAjv(document);
    const schemas = [
      ...Object.values(document.components.schemas),
      ...operations.flatMap(({ operation }) => schemasOf(operation).map((m) => m.schema)),
    ];
    for (const schema of schemas) expect(ajv.validateSchema(schema as Json), JSON.stringify(schema).slice(0, 200)).toBe(true);
    for (const [path, part] of within(document)) {
      const ref = part.$ref;
      if (typeof ref !== "string") continue;
      expect(document.components.schemas, path).toHaveProperty([ref.replace("#/components/schemas/", "")]);
    }
  });

  test("keeps nothing of JSON Schema's that OpenAPI 3.1 does not know, and no leftovers of its making", () => {
    for (const [path, part] of within(document)) {
      for (const key of ["nullable", "$id", "$schema", "answers", "problems", "right", "bodyExample"]) {
        if (/\/(properties|example|examples|value)(\/|$)/.test(path)) continue;
        expect(part, path).not.toHaveProperty(key);
      }
    }
  });

  test("is read without signing in, and says nothing about what is kept here", async () => {
    const response = await api.server.inject("/v1/openapi.json");
    expect(response.statusCode).toBe(200);
    expect(response.headers["content-type"]).toBe("application/json; charset=utf-8");
    expect(response.body).not.toContain(api.database.connectionString);
  });
});
