import formbody from "@fastify/formbody";
import type { FastifyInstance, LightMyRequestResponse } from "fastify";
import type { Pool } from "pg";
import type { Config } from "../../../src/config.js";
import { createWithPassword } from "../../../src/people/links.js";
import type { PersonRole } from "../../../src/people/rights.js";
import { createLog } from "../../../src/platform/log.js";
import { createMetrics } from "../../../src/platform/metrics.js";
import { accessRoutes } from "../../../src/web/access/access.js";
import { needs } from "../../../src/web/access/guard.js";
import { startWeb } from "../../../src/web/server.js";
import { testConfig } from "../../support/config.js";
import { testDatabase } from "../../support/database.js";

export const PASSWORD = "correct horse battery staple";

export interface Site {
  server: FastifyInstance;
  pool: Pool;
  /** What was logged, a line of JSON each. */
  lines: string[];
  /** A browser of its own, with no cookies yet, at an address of its own. */
  browser(): Browser;
  /** One with `name` signed in; the account is made if need be. */
  signedIn(name: string, role?: PersonRole): Promise<Browser>;
  close(): Promise<void>;
}

export interface Browser {
  cookies: Map<string, string>;
  address: string;
  get(path: string, headers?: Record<string, string>): Promise<LightMyRequestResponse>;
  /** Posts a form as the page it stands on would: with the token that page carries. */
  submit(page: string, path: string, fields?: Record<string, string | string[]>): Promise<LightMyRequestResponse>;
  /** Posts a form with just these fields. */
  post(
    path: string,
    fields: Record<string, string | string[]>,
    headers?: Record<string, string>,
  ): Promise<LightMyRequestResponse>;
}

let addresses = 0;

/** The real server with the pages for signing in, and `/v1/alerts` and `/alerts` behind guards, on a database of its own. */
export async function openSite(variables: NodeJS.ProcessEnv = {}): Promise<Site> {
  const database = await testDatabase();
  const config: Config = testConfig({ DATABASE_URL: database.connectionString, ...variables });
  const lines: string[] = [];
  const log = createLog("info", { write: (line: string) => void lines.push(line) });
  let server!: FastifyInstance;
  const surfaces = async (instance: FastifyInstance) => {
    server = instance;
    await accessRoutes(server, { config, log, pool: database.pool });
    await server.register(guarded);
  };
  const web = await startWeb({ config, log, metrics: createMetrics(), checks: [], isDraining: () => false, surfaces });
  const browser = () => createBrowser(server);
  const signedIn = async (name: string, role: PersonRole = "caseworker") => {
    const { rowCount } = await database.pool.query("select 1 from account where name = $1", [name]);
    if (!rowCount) await createWithPassword(database.pool, { name, role }, PASSWORD, "cli");
    const own = browser();
    await own.post("/sign-in", { name, password: PASSWORD });
    return own;
  };
  const close = async () => {
    await web.close();
    await database.close();
  };
  return { server, pool: database.pool, lines, browser, signedIn, close };
}

async function guarded(server: FastifyInstance): Promise<void> {
  await server.register(formbody);
  server.get("/alerts", { preHandler: needs("alerts:read") }, async (request) => ({ who: request.who?.name }));
  server.get("/v1/alerts", { preHandler: needs("alerts:read") }, async (request) => ({ who: request.who?.name }));
  server.post("/v1/alerts", { preHandler: needs("alerts:write") }, async (request) => ({ who: request.who?.name }));
}

function createBrowser(server: FastifyInstance): Browser {
  const cookies = new Map<string, string>();
  const address = `10.0.${++addresses >> 8}.${addresses & 255}`;
  const send = async (method: "GET" | "POST", url: string, headers: Record<string, string>, payload?: string) => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const all = { accept: "text/html", "user-agent": "Firefox", ...(cookie ? { cookie } : {}), ...headers };
    const response = await server.inject({ method, url, headers: all, payload, remoteAddress: address });
    for (const { name, value } of response.cookies) value === "" ? cookies.delete(name) : cookies.set(name, value);
    return response;
  };
  const post: Browser["post"] = (path, fields, headers = {}) => {
    const pairs = Object.entries(fields).flatMap(([name, value]) => [value].flat().map((one): [string, string] => [name, one]));
    const form = new URLSearchParams(pairs).toString();
    return send("POST", path, { "content-type": "application/x-www-form-urlencoded", ...headers }, form);
  };
  const get: Browser["get"] = (path, headers = {}) => send("GET", path, headers);
  const submit: Browser["submit"] = async (page, path, fields = {}) =>
    post(path, { _csrf: csrfIn((await get(page)).body), ...fields });
  return { cookies, address, get, post, submit };
}

/** The token in the first form of a page. */
export const csrfIn = (html: string): string => /name="_csrf" value="([^"]+)"/.exec(html)?.[1] ?? "";

/** What of the audit log is about `act`, oldest first. */
export async function audited(
  pool: Pool,
  act: string,
): Promise<{ actor: string; subject: string; detail: Record<string, unknown> }[]> {
  const { rows } = await pool.query("select actor, subject, detail from audit_log where act = $1 order by number", [act]);
  return rows;
}
