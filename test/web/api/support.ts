import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from "fastify";
import { expect } from "vitest";
import { type App, openApp } from "../../../src/app.js";
import type { Right } from "../../../src/people/rights.js";
import { createToken } from "../../../src/people/tokens.js";
import { createLog } from "../../../src/platform/log.js";
import { createMetrics } from "../../../src/platform/metrics.js";
import { partsOf, type Service, startService } from "../../../src/service.js";
import { accessRoutes } from "../../../src/web/access/access.js";
import { apiRoutes } from "../../../src/web/api/api.js";
import type { Parts } from "../../../src/web/parts.js";
import { startWeb, type Web } from "../../../src/web/server.js";
import { testConfig } from "../../support/config.js";
import { type TestDatabase, testDatabase } from "../../support/database.js";
import { createResponseCheck, type ResponseCheck } from "./openapi-check.js";

/** The API on the real database and the real queue, with a worker and a relay when asked for. */
export interface TestApi {
  database: TestDatabase;
  app: App;
  parts: Parts;
  server: FastifyInstance;
  /** Every route of the API, as "GET /v1/alerts/:alertId". */
  routes: string[];
  address: string;
  /** What the server logged at warn and above. */
  logged: string[];
  /** Sends a request as the holder of a token with these rights, and holds the answer against the OpenAPI document. */
  ask(options: InjectOptions & { rights?: Right[]; token?: string }): Promise<LightMyRequestResponse>;
  tokenFor(rights: Right[]): Promise<string>;
  close(): Promise<void>;
}

const ALL: Right[] = ["admin"];

export async function testApi(options: { roles?: ("worker" | "relay")[]; variables?: NodeJS.ProcessEnv } = {}): Promise<TestApi> {
  const database = await testDatabase({ poolSize: 8 });
  const config = testConfig({
    DATABASE_URL: database.connectionString,
    MEDIA_ALLOW_PRIVATE_ADDRESSES: "1",
    WORKER_BACKOFF_MS: "20",
    ...options.variables,
  });
  const logged: string[] = [];
  const log = createLog("warn", { write: (line: string) => void logged.push(line) });
  const app = await openApp(config, log);
  const service: Service | undefined = options.roles ? await startService(app, options.roles) : undefined;
  const parts = partsOf(app);
  let server: FastifyInstance | undefined;
  const routes: string[] = [];
  const web: Web = await startWeb({
    config,
    log,
    metrics: createMetrics(),
    checks: [],
    isDraining: () => false,
    surfaces: async (made) => {
      server = made;
      await accessRoutes(made, parts);
      made.addHook("onRoute", ({ method, url }) => void routes.push(`${String(method)} ${url}`));
      await apiRoutes(made, parts);
    },
  });
  const tokens = new Map<string, string>();
  const tokenFor = async (rights: Right[]) => {
    const key = [...rights].sort().join(" ");
    const known = tokens.get(key);
    if (known) return known;
    const { secret } = await createToken(database.pool, { name: `test-${tokens.size}`, scopes: rights }, "test");
    tokens.set(key, secret);
    return secret;
  };
  let check: ResponseCheck | undefined;
  return {
    database,
    app,
    parts,
    server: server!,
    routes,
    address: web.address,
    logged,
    tokenFor,
    async ask({ rights = ALL, token, ...request }) {
      const authorization = `Bearer ${token ?? (await tokenFor(rights))}`;
      const response = await server!.inject({ ...request, headers: { authorization, ...request.headers } });
      check ??= createResponseCheck((await server!.inject("/v1/openapi.json")).json());
      const wrong = check(request.method ?? "GET", String(request.url), response);
      expect(wrong, `${request.method ?? "GET"} ${request.url}: ${response.body.slice(0, 500)}`).toEqual([]);
      return response;
    },
    async close() {
      await web.close();
      await service?.stop();
      await app.close();
      await database.close();
    },
  };
}

/** A multipart body: text fields, and a file as the part `file`. */
export function form(fields: Record<string, string>, file?: { name: string; bytes: Buffer<ArrayBuffer>; field?: string }) {
  const boundary = "----reupload-test";
  const parts = Object.entries(fields).map(([name, value]) =>
    Buffer.from(`--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`),
  );
  if (file) {
    const head = `--${boundary}\r\ncontent-disposition: form-data; name="${file.field ?? "file"}"; filename="${file.name}"\r\ncontent-type: application/octet-stream\r\n\r\n`;
    parts.push(Buffer.from(head), file.bytes, Buffer.from("\r\n"));
  }
  parts.push(Buffer.from(`--${boundary}--\r\n`));
  return { payload: Buffer.concat(parts), headers: { "content-type": `multipart/form-data; boundary=${boundary}` } };
}
