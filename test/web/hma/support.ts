import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from "fastify";
import { type App, openApp } from "../../../src/app.js";
import type { Right } from "../../../src/people/rights.js";
import { createToken } from "../../../src/people/tokens.js";
import { createLog } from "../../../src/platform/log.js";
import { createMetrics } from "../../../src/platform/metrics.js";
import { partsOf } from "../../../src/service.js";
import { accessRoutes } from "../../../src/web/access/access.js";
import { hmaRoutes } from "../../../src/web/hma/hma.js";
import { startWeb } from "../../../src/web/server.js";
import { testConfig } from "../../support/config.js";
import { testDatabase } from "../../support/database.js";

/** The HMA-compatible API on the real database. */
export interface TestHma {
  app: App;
  /** Asks with a token of these rights (reading and writing hashes unless said otherwise; none with `null`). */
  ask(options: InjectOptions, rights?: Right[] | null): Promise<LightMyRequestResponse>;
  close(): Promise<void>;
}

export async function testHma(): Promise<TestHma> {
  const database = await testDatabase({ poolSize: 8 });
  const config = testConfig({
    DATABASE_URL: database.connectionString,
    MEDIA_ALLOW_PRIVATE_ADDRESSES: "1",
    MEDIA_MAX_BYTES: "5000000",
  });
  const app = await openApp(config, createLog("silent"));
  let server: FastifyInstance;
  const web = await startWeb({
    config,
    log: app.log,
    metrics: createMetrics(),
    checks: [],
    isDraining: () => false,
    surfaces: async (made) => {
      server = made;
      await accessRoutes(made, partsOf(app));
      await hmaRoutes(made, partsOf(app));
    },
  });
  const tokens = new Map<string, Promise<{ secret: string }>>();
  return {
    app,
    ask: async (options, rights = ["hashes:read", "hashes:write"]) => {
      if (rights === null) return server.inject(options);
      const key = rights.join(" ");
      if (!tokens.has(key)) tokens.set(key, createToken(database.pool, { name: `t${tokens.size}`, scopes: rights }, "test"));
      const { secret } = await tokens.get(key)!;
      return server.inject({ ...options, headers: { authorization: `Bearer ${secret}`, ...options.headers } });
    },
    close: async () => {
      await web.close();
      await app.close();
      await database.close();
    },
  };
}
