import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import type { FastifyInstance } from "fastify";
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { type App, openApp } from "../../../src/app.js";
import { createWithPassword } from "../../../src/people/links.js";
import type { PersonRole } from "../../../src/people/rights.js";
import { createLog } from "../../../src/platform/log.js";
import { type Service, startService } from "../../../src/service.js";
import type { Parts } from "../../../src/web/parts.js";
import { testConfig } from "../../support/config.js";
import { type TestDatabase, testDatabase } from "../../support/database.js";
import { CHROMIUM, CHROMIUM_ARGS, serveConsole } from "./serve.js";

const FIXTURES = fileURLToPath(new URL("../../../fixtures", import.meta.url));

export const PASSWORD = "correct horse battery staple";

/** Why tests in a real browser cannot run here; empty when they can. */
export const browserMissing = CHROMIUM ? "" : "no chromium on this machine: apt-get install chromium, or set CHROMIUM_PATH";

export function startBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_ARGS });
}

export interface TestConsole {
  database: TestDatabase;
  app: App;
  parts: Parts;
  server: FastifyInstance;
  address: string;
  /** What the server logged at warn and above, a line of JSON each. */
  logged: string[];
  addPerson(name: string, role: PersonRole, language?: "en" | "sq"): Promise<void>;
  close(): Promise<void>;
}

/** The console on the real database and the real queue, with a worker and a relay when asked for. */
export async function openConsole(
  options: { roles?: ("worker" | "relay")[]; variables?: NodeJS.ProcessEnv } = {},
): Promise<TestConsole> {
  const database = await testDatabase({ poolSize: 8 });
  const config = testConfig({
    DATABASE_URL: database.connectionString,
    MEDIA_ROOTS: FIXTURES,
    MEDIA_ALLOW_PRIVATE_ADDRESSES: "1",
    WORKER_BACKOFF_MS: "20",
    ...options.variables,
  });
  const logged: string[] = [];
  const log = createLog("warn", { write: (line: string) => void logged.push(line) });
  const app = await openApp(config, log);
  const service: Service | undefined = options.roles ? await startService(app, options.roles) : undefined;
  const { parts, server, web } = await serveConsole(app);
  return {
    ...{ database, app, parts, server, logged, address: web.address },
    addPerson: async (name, role, language = "en") => {
      await createWithPassword(database.pool, { name, role, language }, PASSWORD, "cli");
    },
    close: async () => {
      await web.close();
      await service?.stop();
      await app.close();
      await database.close();
    },
  };
}

export interface Visitor {
  context: BrowserContext;
  page: Page;
  /** What went wrong in the page: uncaught errors, refused by its policy, requests that failed. */
  problems: string[];
}

/** What axe-core finds against WCAG 2.2 A and AA and its best practices, a line each. */
export async function axeViolations(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const results = await page.evaluate<AxeResults>("axe.run()");
  return results.violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 160)}`));
}

interface AxeResults {
  violations: { id: string; nodes: { html: string }[] }[];
}

/** Evaluated by the debugger, which the page's policy does not bind. */
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** A browser window of its own, in which `name` is signed in. */
export async function signIn(
  browser: Browser,
  { address }: Pick<TestConsole, "address">,
  name: string,
  options: BrowserContextOptions = {},
): Promise<Visitor> {
  const context = await browser.newContext({ baseURL: address, viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on("pageerror", (error) => problems.push(`uncaught: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error") problems.push(message.text());
  });
  await page.goto("/sign-in");
  await page.locator("input[name=name]").fill(name);
  await page.locator("input[name=password]").fill(PASSWORD);
  await page.locator("main form button:not([type=button])").first().click();
  await page.waitForURL(/\/alerts/);
  return { context, page, problems };
}

export interface Client {
  get(path: string): Promise<{ status: number; html: string; headers: Headers; url: string }>;
  /** Posts a form as the pages do, with the token of the person's session, and follows where it leads. */
  post(path: string, fields: Record<string, string | string[]>): ReturnType<Client["get"]>;
}

/** Signs in without a browser: for what needs none. */
export async function clientOf({ address }: Pick<TestConsole, "address">, name: string): Promise<Client> {
  const cookies = new Map<string, string>();
  const ask = async (path: string, init: RequestInit = {}): ReturnType<Client["get"]> => {
    const cookie = [...cookies].map(([key, value]) => `${key}=${value}`).join("; ");
    const headers = { accept: "text/html", ...(cookie ? { cookie } : {}), ...init.headers };
    const response = await fetch(new URL(path, address), { redirect: "manual", ...init, headers });
    for (const set of response.headers.getSetCookie()) {
      const [key, value] = set.split(";")[0].split("=");
      cookies.set(key, value);
    }
    const location = response.headers.get("location");
    if (location) return ask(location);
    return { status: response.status, html: await response.text(), headers: response.headers, url: path };
  };
  const send = (path: string, fields: Record<string, string | string[]>) => {
    const pairs = Object.entries(fields).flatMap(([key, value]) => [value].flat().map((one): [string, string] => [key, one]));
    return ask(path, {
      method: "POST",
      body: new URLSearchParams(pairs).toString(),
      headers: { "content-type": "application/x-www-form-urlencoded" },
    });
  };
  const { html } = await send("/sign-in", { name, password: PASSWORD });
  const csrf = /name="_csrf" value="([^"]+)"/.exec(html)?.[1] ?? "";
  return { get: (path) => ask(path), post: (path, fields) => send(path, { _csrf: csrf, ...fields }) };
}
