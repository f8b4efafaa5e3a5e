import formbody from "@fastify/formbody";
import type { FastifyInstance, LightMyRequestResponse } from "fastify";
import { serializerCompiler, validatorCompiler } from "fastify-type-provider-zod";
import type { Pool } from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { listWebhooks } from "../../src/delivery/webhook-registry.js";
import { createWithPassword } from "../../src/people/links.js";
import type { Right } from "../../src/people/rights.js";
import { createToken } from "../../src/people/tokens.js";
import { listAudit } from "../../src/platform/audit.js";
import { createLog } from "../../src/platform/log.js";
import { createMetrics } from "../../src/platform/metrics.js";
import { accessRoutes } from "../../src/web/access/access.js";
import { answerApiError } from "../../src/web/api/errors.js";
import type { Api } from "../../src/web/api/routes.js";
import { webhookApi } from "../../src/web/api/webhooks.js";
import { showErrors } from "../../src/web/console/errors.js";
import { startWeb, type Web } from "../../src/web/server.js";
import { webhookRoutes } from "../../src/web/webhook-pages.js";
import { testConfig } from "../support/config.js";
import { type TestDatabase, testDatabase } from "../support/database.js";

const PASSWORD = "correct horse battery staple";
const GOOD = { name: "police desk", url: "https://hooks.example/in", events: ["alert.raised", "case.reupload"] };

let database: TestDatabase;
let pool: Pool;
let web: Web;
let server: FastifyInstance;

beforeAll(async () => {
  database = await testDatabase();
  pool = database.pool;
  const config = testConfig({ DATABASE_URL: database.connectionString });
  const log = createLog("silent");
  const surfaces = async (made: FastifyInstance) => {
    server = made;
    await accessRoutes(made, { config, log, pool });
    await made.register(async (pages) => {
      await pages.register(formbody);
      showErrors(pages, log);
      webhookRoutes(pages, { pool, config });
    });
    const addApi = async (scope: FastifyInstance) => {
      scope
        .setValidatorCompiler(validatorCompiler)
        .setSerializerCompiler(serializerCompiler)
        .setErrorHandler(answerApiError(log));
      webhookApi(scope as unknown as Api, { pool, config });
    };
    await made.register(addApi, { prefix: "/v1" });
  };
  web = await startWeb({ config, log, metrics: createMetrics(), checks: [], isDraining: () => false, surfaces });
});
afterAll(async () => {
  await web.close();
  await database.close();
});
beforeEach(() => pool.query("delete from webhook"));

/** Someone who is signed in with a browser. */
async function signedIn(name: string, role: "viewer" | "caseworker" | "admin", language: "en" | "sq" = "en") {
  const { rowCount } = await pool.query("select from account where name = $1", [name]);
  if (!rowCount) await createWithPassword(pool, { name, role }, PASSWORD, "cli");
  await pool.query("update account set language = $2 where name = $1", [name, language]);
  const cookies = new Map<string, string>();
  const send = async (method: "GET" | "POST", url: string, form?: URLSearchParams) => {
    const cookie = [...cookies].map(([key, value]) => `${key}=${value}`).join("; ");
    const response = await server.inject({
      method,
      url,
      headers: { accept: "text/html", cookie, ...(form ? { "content-type": "application/x-www-form-urlencoded" } : {}) },
      payload: form?.toString(),
    });
    for (const { name: key, value } of response.cookies) cookies.set(key, value);
    return response;
  };
  await send("POST", "/sign-in", new URLSearchParams({ name, password: PASSWORD }));
  const get = (url: string) => send("GET", url);
  return {
    get,
    /** Posts a form with the token that stands on `page`. */
    post: async (page: string, url: string, fields: Record<string, string | string[]> = {}) => {
      const [, csrf = ""] = /name="_csrf" value="([^"]+)"/.exec((await get(page)).body) ?? [];
      const pairs = Object.entries({ _csrf: csrf, ...fields }).flatMap(([key, value]) =>
        [value].flat().map((v): [string, string] => [key, v]),
      );
      return send("POST", url, new URLSearchParams(pairs));
    },
    postWithout: (url: string, fields: Record<string, string>) => send("POST", url, new URLSearchParams(fields)),
  };
}

const tokens = new Map<Right, string>();
async function ask(
  method: "GET" | "POST" | "PATCH" | "DELETE",
  url: string,
  payload?: object,
  right: Right = "admin",
): Promise<LightMyRequestResponse> {
  const token = tokens.get(right) ?? (await createToken(pool, { name: `t-${tokens.size}`, scopes: [right] }, "test")).secret;
  tokens.set(right, token);
  return server.inject({ method, url: `/v1${url}`, headers: { authorization: `Bearer ${token}` }, payload });
}

const idIn = async () => (await listWebhooks(pool))[0].id;
const bury = () =>
  pool.query("update webhook_delivery set state = 'dead', finished_at = now(), last_error = 'answered 500', last_status = 500");
const stateOf = async () =>
  (await pool.query<{ state: string }>("select state from webhook_delivery order by seq")).rows.map((r) => r.state);

describe("the pages", () => {
  test("an admin adds a webhook and sees its secret once, with markup in its name as text", async () => {
    const ana = await signedIn("ana", "admin");
    const made = await ana.post("/webhooks", "/webhooks", { ...GOOD, name: "<b>desk</b>" });
    expect(made.statusCode).toBe(200);
    const [secret] = /whsec_[A-Za-z0-9+/=]+/.exec(made.body)!;
    expect(made.body).not.toContain("<b>desk</b>");
    const list = await ana.get("/webhooks");
    const one = await ana.get(`/webhooks/${await idIn()}`);
    for (const { body } of [list, one]) {
      expect(body).toContain("https://hooks.example/in");
      expect(body).not.toContain(secret);
      expect(body).not.toContain("undefined");
    }
    expect((await listWebhooks(pool))[0]).toMatchObject({ ...GOOD, name: "<b>desk</b>", createdBy: "person:ana" });
  });

  test("a form with something wrong comes back as it was, and says what", async () => {
    const ana = await signedIn("ana", "admin");
    for (const [wrong, said] of [
      [{ url: "http://hooks.example/in" }, "must start with https://"],
      [{ url: "https://192.168.1.7/in" }, "must not point into a private network"],
      [{ url: "nonsense" }, "This is not an address"],
      [{ events: [] }, "Tick at least one event"],
      [{ name: "" }, "A name has 1 to 128 characters"],
    ] as const) {
      const response = await ana.post("/webhooks", "/webhooks", { ...GOOD, ...wrong } as Record<string, string | string[]>);
      expect(response.statusCode).toBe(422);
      expect(response.body).toContain(said);
      expect(response.body).toMatch(/value="case.reupload"( checked)?>/);
    }
    expect(await listWebhooks(pool)).toEqual([]);
  });

  test("changes, tests, replays, disables, enables and removes", async () => {
    const ana = await signedIn("ana", "admin");
    await ana.post("/webhooks", "/webhooks", GOOD);
    const path = `/webhooks/${await idIn()}`;
    const act = async (url: string, fields = {}) => {
      const response = await ana.post(path, url, fields);
      expect(response.statusCode).toBe(303);
      return (await ana.get(String(response.headers.location))).body;
    };
    expect(await act(path, { ...GOOD, events: "alert.decided" })).toContain("Saved.");
    expect((await listWebhooks(pool))[0].events).toEqual(["alert.decided"]);
    expect(await act(`${path}/test`)).toContain("The test is on its way");
    expect(await act(`${path}/test`)).toContain("webhook.test");
    await bury();
    const [{ id: letter }] = (await pool.query<{ id: string }>("select id from webhook_delivery order by seq limit 1")).rows;
    expect((await ana.get(`${path}?state=dead`)).body).toContain("answered 500");
    expect(await act(`${path}/deliveries/${letter}/replay`)).toContain("One delivery is on its way again");
    expect(await stateOf()).toEqual(["waiting", "dead"]);
    expect(await act(`${path}/replay`)).toContain("One delivery is on its way again");
    expect(await act("/webhooks/replay")).toContain("nothing to replay");
    expect(await act(`${path}/disable`)).toContain("The webhook is disabled");
    expect(await stateOf()).toEqual(["dead", "dead"]);
    expect(await act(`${path}/test`)).toContain("The webhook is disabled");
    expect(await act(`${path}/enable`)).toContain("The webhook is enabled");
    expect(await act("/webhooks/replay")).toContain("2 deliveries are on their way again");
    const rotated = await ana.post(path, `${path}/secret`);
    expect(rotated.body).toMatch(/whsec_/);
    expect(rotated.body).toContain("stays valid until");
    expect(await act(`${path}/remove`)).toContain("The webhook is removed");
    expect((await ana.get(path)).statusCode).toBe(404);
  });

  test("go through deliveries page by page", async () => {
    const ana = await signedIn("ana", "admin");
    await ana.post("/webhooks", "/webhooks", GOOD);
    const id = await idIn();
    await pool.query(
      "insert into webhook_delivery (webhook_id, event, payload) select $1, 'event.' || n, '{}' from generate_series(1, 60) n",
      [id],
    );
    const first = (await ana.get(`/webhooks/${id}`)).body;
    const [, next] = /href="(\/webhooks\/[^"]+after=\d+)" rel="next"/.exec(first)!;
    const second = (await ana.get(next.replaceAll("&amp;", "&"))).body;
    const events = [...`${first}${second}`.matchAll(/event\.\d+/g)].map(([event]) => event);
    expect(new Set(events).size).toBe(60);
    expect(second).not.toContain('rel="next"');
  });

  test("speak Albanian to who reads Albanian, without a word missing", async () => {
    const besa = await signedIn("besa", "admin", "sq");
    await besa.post("/webhooks", "/webhooks", GOOD);
    const path = `/webhooks/${await idIn()}`;
    await besa.post(path, `${path}/test`);
    await bury();
    for (const body of [(await besa.get("/webhooks")).body, (await besa.get(path)).body]) {
      expect(body).toContain('<html lang="sq">');
      expect(body).not.toContain("undefined");
    }
    expect((await besa.get(path)).body).toContain("Ridërgo të gjitha të padorëzuarat");
  });

  test("are for admins, and changes only with the token of a form", async () => {
    const carl = await signedIn("carl", "caseworker");
    expect((await carl.get("/webhooks")).statusCode).toBe(403);
    expect((await server.inject({ url: "/webhooks", headers: { accept: "text/html" } })).headers.location).toContain("/sign-in");
    const ana = await signedIn("ana", "admin");
    expect((await ana.postWithout("/webhooks", { ...GOOD, events: "alert.raised" })).statusCode).toBe(403);
    expect(await listWebhooks(pool)).toEqual([]);
  });
});

describe("the API", () => {
  const add = async () => (await ask("POST", "/webhooks", GOOD)).json() as { webhook: { id: string }; secret: string };

  test("adds, reads, changes and removes; the secret is given once, and the log knows who asked", async () => {
    const made = await ask("POST", "/webhooks", GOOD);
    expect(made.statusCode).toBe(201);
    const { webhook, secret } = made.json();
    expect(secret).toMatch(/^whsec_/);
    expect(made.headers.location).toBe(`/v1/webhooks/${webhook.id}`);
    expect((await ask("GET", "/webhooks")).json().items).toEqual([webhook]);
    const changed = await ask("PATCH", `/webhooks/${webhook.id}`, { events: ["alert.decided"], enabled: false });
    expect(changed.json()).toMatchObject({ events: ["alert.decided"], disabledReason: "by hand", name: GOOD.name });
    expect((await ask("PATCH", `/webhooks/${webhook.id}`, { enabled: true })).json()).toMatchObject({ disabledAt: null });
    expect((await ask("GET", `/webhooks/${webhook.id}`)).body).not.toContain(secret);
    expect((await ask("DELETE", `/webhooks/${webhook.id}`)).statusCode).toBe(204);
    expect((await ask("GET", `/webhooks/${webhook.id}`)).statusCode).toBe(404);
    const acts = await listAudit(pool, { subject: `webhook:${webhook.id}`, limit: 10 });
    expect(new Set(acts.map((a) => a.actor))).toEqual(new Set(["token:t-0"]));
    expect(acts.map((a) => a.act)).toContain("webhook removed");
  });

  test.each([
    [{ ...GOOD, url: "http://hooks.example" }, "url"],
    [{ ...GOOD, events: ["alert.exploded"] }, "events.0"],
    [{ ...GOOD, events: [] }, "events"],
    [{ ...GOOD, secret: "whsec_mine" }, ""],
    [{}, "name"],
  ])("refuses %j and names the field", async (body, field) => {
    const response = await ask("POST", "/webhooks", body);
    expect(response.statusCode).toBe(422);
    const fields = (response.json().errors as { field: string }[]).map((e) => e.field);
    expect(fields.join(" ")).toContain(field);
    expect(await listWebhooks(pool)).toEqual([]);
  });

  test("replaces a secret, tests, lists deliveries and replays dead letters", async () => {
    const { webhook, secret } = await add();
    const path = `/webhooks/${webhook.id}`;
    const replaced = await ask("POST", `${path}/secret`, { overlapHours: 2 });
    expect(replaced.json().secret).not.toBe(secret);
    expect((await ask("POST", `${path}/secret`, { overlapHours: 200 })).statusCode).toBe(422);
    const tested = await ask("POST", `${path}/test`);
    expect(tested.statusCode).toBe(202);
    const { deliveryId } = tested.json();
    expect((await ask("POST", `${path}/deliveries/${deliveryId}/replay`)).statusCode).toBe(409);
    await bury();
    const { items } = (await ask("GET", `${path}/deliveries?state=dead`)).json();
    expect(items).toMatchObject([{ id: deliveryId, event: "webhook.test", state: "dead", lastStatus: 500 }]);
    expect((await ask("POST", `${path}/deliveries/${deliveryId}/replay`)).json()).toEqual({ replayed: 1 });
    await bury();
    expect((await ask("POST", `${path}/replay`)).json()).toEqual({ replayed: 1 });
    await ask("PATCH", path, { enabled: false });
    expect((await ask("POST", `${path}/replay`)).statusCode).toBe(409);
    expect((await ask("POST", `${path}/test`)).statusCode).toBe(409);
    const other = await add();
    expect((await ask("POST", `/webhooks/${other.webhook.id}/deliveries/${deliveryId}/replay`)).statusCode).toBe(404);
  });

  test("gives deliveries page by page", async () => {
    const { webhook } = await add();
    for (let i = 0; i < 3; i++) await ask("POST", `/webhooks/${webhook.id}/test`);
    const first = (await ask("GET", `/webhooks/${webhook.id}/deliveries?limit=2`)).json();
    const second = (await ask("GET", `/webhooks/${webhook.id}/deliveries?limit=2&cursor=${first.next}`)).json();
    expect(new Set([...first.items, ...second.items].map((d: { id: string }) => d.id)).size).toBe(3);
    expect(second.next).toBeUndefined();
  });

  test("is closed to everyone but admins", async () => {
    const { webhook } = await add();
    const routes = [
      ["GET", "/webhooks"],
      ["POST", "/webhooks"],
      ["GET", `/webhooks/${webhook.id}`],
      ["PATCH", `/webhooks/${webhook.id}`],
      ["DELETE", `/webhooks/${webhook.id}`],
      ["POST", `/webhooks/${webhook.id}/secret`],
      ["POST", `/webhooks/${webhook.id}/test`],
      ["GET", `/webhooks/${webhook.id}/deliveries`],
      ["POST", `/webhooks/${webhook.id}/replay`],
    ] as const;
    for (const [method, url] of routes) {
      expect((await ask(method, url, undefined, "alerts:write")).statusCode, `${method} ${url}`).toBe(403);
      expect((await server.inject({ method, url: `/v1${url}` })).statusCode, `${method} ${url}`).toBe(401);
    }
    expect(await listWebhooks(pool)).toHaveLength(1);
  });
});
