import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { OpenApi } from "./openapi-check.js";
import { type TestApi, testApi } from "./support.js";

let api: TestApi;
let document: OpenApi;

beforeAll(async () => {
  api = await testApi({ variables: { FETCH_TIMEOUT_MS: "500" } });
  document = (await api.server.inject("/v1/openapi.json")).json();
});

afterAll(() => api.close());

/** Real field names of all bodies, so that random objects get past the first check. */
const names = () => [
  ...new Set([...JSON.stringify(document.components.schemas).matchAll(/"([a-z][A-Za-z0-9]{1,20})":\{/g)].map(([, name]) => name)),
];

/** What breaks parsers and databases: NUL, half characters, huge and odd numbers, things of the wrong kind. */
const odd = fc.oneof(
  fc.constantFrom("", "\u0000", "\ud800", "a\u0000b", "../../etc/passwd", "%00", "' or 1=1 --", "\u202e", "1e999", "-0", "null"),
  fc.constantFrom(0, -1, 1.5, 2 ** 31, 2 ** 53, 1e308, null, true, [], {}),
  fc.constantFrom(
    "confirm",
    "dismiss",
    "match",
    "removed",
    "C-1",
    "2099-01-01T00:00:00Z",
    "http://127.0.0.1:1/x",
    "00".repeat(32),
  ),
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.uuid(),
);

const paths = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => ({ path, method: method.toUpperCase() })),
  );

/** A valid body with some of its parts replaced: gets further than a random one. */
function mutated(example: unknown, changes: { at: number; value: unknown }[]): unknown {
  const body = { body: structuredClone(example) };
  for (const { at, value } of changes) {
    const places: [Record<string, unknown>, string][] = [];
    const visit = (of: unknown): void => {
      if (typeof of !== "object" || of === null) return;
      for (const key of Object.keys(of)) {
        places.push([of as Record<string, unknown>, key]);
        visit((of as Record<string, unknown>)[key]);
      }
    };
    visit(body);
    const [parent, key] = places[at % places.length];
    parent[key] = value;
  }
  return body.body;
}

test("no body, parameter or path makes the service fail: never a 5xx but for what it could not fetch", async () => {
  const known = names();
  const statuses = new Set<number>();
  const value = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      odd,
      fc.dictionary(fc.constantFrom(...known), tie("value"), { maxKeys: 6 }),
      fc.array(tie("value"), { maxLength: 4 }),
    ),
  })).value;
  const request = fc.record({
    route: fc.constantFrom(...paths()),
    path: fc.array(odd, { minLength: 2, maxLength: 2 }),
    body: fc.option(value, { freq: 1, nil: undefined }),
    changes: fc.array(fc.record({ at: fc.nat(), value }), { maxLength: 2 }),
    query: fc.dictionary(fc.constantFrom(...known, "limit", "cursor", "order"), odd, { maxKeys: 3 }),
    key: fc.option(
      fc.string({ unit: "binary-ascii", minLength: 1, maxLength: 20 }).map((text) => text.replace(/[^\x20-\x7e]/g, "_")),
    ),
  });
  await fc.assert(
    fc.asyncProperty(request, async ({ route, path, body, changes, query, key }) => {
      const parts = path.map((part) => encodeURIComponent(Buffer.from(String(part)).toString()) || "x");
      let nth = 0;
      const url = route.path.replace(/\{[^}]+\}/g, () => parts[nth++ % parts.length]);
      const search = new URLSearchParams(
        Object.entries(query).map(([name, text]): [string, string] => [name, Buffer.from(String(text)).toString()]),
      );
      const content = document.paths[route.path][route.method.toLowerCase()].requestBody?.content["application/json"];
      const payload = JSON.stringify(body ?? mutated(content?.example ?? {}, changes));
      const response = await api.ask({
        method: route.method as "GET",
        url: `${url}?${search}`,
        ...(route.method === "GET" ? {} : { payload, headers: { "content-type": "application/json" } }),
        ...(key ? { headers: { "content-type": "application/json", "idempotency-key": key } } : {}),
      });
      statuses.add(response.statusCode);
      // An address that nobody answers at is the one thing that may be "not now".
      if (response.statusCode >= 500)
        expect([response.statusCode, response.json().detail]).toEqual([503, expect.stringContaining("could not be fetched")]);
    }),
    { numRuns: 500 },
  );
  // It got through to what it was meant to shake.
  for (const status of [200, 404, 422]) expect(statuses).toContain(status);
}, 240_000);
