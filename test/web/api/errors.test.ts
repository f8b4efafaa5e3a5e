import { randomUUID } from "node:crypto";
import { readdirSync } from "node:fs";
import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { TransientError } from "../../../src/errors.js";
import type { Right } from "../../../src/people/rights.js";
import { PATIENCE } from "../../stories/support.js";
import { form, type TestApi, testApi } from "./support.js";

let api: TestApi;

beforeAll(async () => {
  api = await testApi({ variables: { MEDIA_MAX_BYTES: "100000" } });
});

afterAll(() => api.close());

const NOBODY = randomUUID();

describe("a problem document (RFC 9457)", () => {
  test("is what nobody gets who shows no token, or one that is none of ours", async () => {
    for (const headers of [{}, { authorization: "Bearer rup_nonsense" }, { authorization: "Basic dTpw" }]) {
      const response = await api.server.inject({ url: "/v1/alerts", headers: headers as Record<string, string> });
      expect(response.statusCode).toBe(401);
      expect(response.headers["content-type"]).toContain("application/problem+json");
      expect(response.headers["www-authenticate"]).toContain("Bearer");
      expect(response.json()).toMatchObject({
        type: "about:blank",
        title: "Unauthorized",
        status: 401,
        detail: expect.any(String),
      });
    }
  });

  test("comes before the body is read: a stranger does not learn what is valid", async () => {
    const response = await api.server.inject({ method: "POST", url: "/v1/submissions", payload: { no: 1 } });
    expect(response.statusCode).toBe(401);
  });

  test.each<[string, "GET" | "POST", Right]>([
    ["/v1/alerts", "GET", "submissions:read"],
    [`/v1/alerts/${NOBODY}`, "GET", "cases:read"],
    ["/v1/alerts/acts", "POST", "alerts:read"],
    ["/v1/cases", "POST", "cases:read"],
    ["/v1/references", "POST", "hashes:write"],
    ["/v1/submissions", "POST", "submissions:read"],
    [`/v1/takedowns/${NOBODY}/results`, "POST", "takedowns:read"],
    ["/v1/lookup", "POST", "submissions:write"],
  ])("says that %s (%s) needs another right than %s", async (url, method, right) => {
    const response = await api.ask({ method, url, rights: [right], ...(method === "POST" ? { payload: {} } : {}) });
    expect(response.statusCode).toBe(403);
    expect(response.json().detail).toMatch(/needs the right/);
  });

  test.each([
    `/v1/alerts/${NOBODY}`,
    "/v1/cases/nowhere",
    "/v1/cases/nowhere/timeline",
    "/v1/cases/nowhere/evidence",
    `/v1/references/${NOBODY}`,
    `/v1/takedowns/${NOBODY}`,
    `/v1/verdicts/${NOBODY}`,
    "/v1/uploaders/site/nobody",
    "/v1/submissions/nothing",
    "/v1/nothing",
  ])("says that there is nothing at %s", async (url) => {
    const response = await api.ask({ url });
    expect(response.statusCode).toBe(404);
    expect(response.json()).toMatchObject({ status: 404, detail: expect.any(String) });
  });

  test.each([
    ["/v1/alerts?limit=0", "limit"],
    ["/v1/alerts?limit=ten", "limit"],
    ["/v1/alerts?order=oldest", "order"],
    ["/v1/alerts?colour=red", "colour"],
    ["/v1/alerts?cursor=guess", "cursor"],
    [`/v1/alerts?cursor=${Buffer.from("1:x").toString("base64url")}`, "after"],
    ["/v1/alerts?mediaSha256=ab", "mediaSha256"],
    ["/v1/alerts/17", "alertId"],
    ["/v1/cases/a%20b", "caseId"],
    ["/v1/takedowns?overdue=maybe", "overdue"],
    ["/v1/uploaders/a%00b/c", "platform"],
  ])("names the parameter: %s -> %s", async (url, field) => {
    const response = await api.ask({ url });
    expect(response.statusCode).toBe(422);
    expect(response.json().errors[0].field).toBe(field);
  });

  const send = (url: string, payload: string | Buffer, type = "application/json") =>
    api.ask({ method: "POST", url, payload, headers: { "content-type": type } });

  test("says what is wrong with a body that cannot be read", async () => {
    expect((await send("/v1/cases", "{")).statusCode).toBe(400);
    expect((await send("/v1/cases", "")).statusCode).toBe(400);
    expect((await send("/v1/cases", '{"__proto__":{"a":1}}')).statusCode).toBe(400);
    expect((await send("/v1/cases", "id=C-1", "application/x-www-form-urlencoded")).statusCode).toBe(415);
    expect((await send("/v1/cases", "C-1", "text/plain")).statusCode).toBe(415);
    const deep = `${'{"a":'.repeat(50_000)}1${"}".repeat(50_000)}`;
    expect((await send("/v1/submissions", deep)).statusCode).toBe(422);
    const large = await send("/v1/cases", JSON.stringify({ id: "C-1", title: "x".repeat(300_000) }));
    expect(large.statusCode).toBe(413);
    const list = await send("/v1/cases", "[]");
    expect(list.json()).toMatchObject({ status: 422, errors: [{ field: "body" }] });
  });

  test("names every field that is wrong", async () => {
    const response = await send("/v1/cases", JSON.stringify({ id: "a b", class: "odd", retainUntil: "soon", more: 1 }));
    const fields = response.json().errors.map((error: { field: string }) => error.field);
    expect(fields.sort()).toEqual(["class", "id", "more", "retainUntil"]);
  });

  test("asks to come back when something we need is away, and tells nothing of it", async () => {
    const { check } = api.parts;
    api.parts.check = () => Promise.reject(new TransientError("database: connect ECONNREFUSED 10.1.2.3:5432"));
    try {
      const response = await send("/v1/lookup", JSON.stringify({ pdq: "00".repeat(32) }));
      expect(response.statusCode).toBe(503);
      expect(Number(response.headers["retry-after"])).toBeGreaterThan(0);
      expect(response.body).not.toContain("10.1.2.3");
      expect(api.logged.join()).toContain("10.1.2.3");
      api.parts.check = () => Promise.reject(new Error("a bug in /srv/secret.ts"));
      const bug = await send("/v1/lookup", JSON.stringify({ pdq: "00".repeat(32) }));
      expect(bug.json()).toEqual({ type: "about:blank", title: "Internal Server Error", status: 500 });
    } finally {
      api.parts.check = check;
    }
  });
});

describe("an upload", () => {
  const left = () => readdirSync(api.parts.config.mediaTmpDir);

  test("that is larger than MEDIA_MAX_BYTES is refused, and gone", async () => {
    const large = form({}, { name: "a.mp4", bytes: Buffer.alloc(200_000, "x") });
    const response = await api.ask({ method: "POST", url: "/v1/lookup/upload", ...large });
    expect(response.statusCode).toBe(413);
    expect(response.json().detail).toContain("MEDIA_MAX_BYTES");
    expect(left()).toEqual([]);
  });

  test("that breaks off half way is gone", async () => {
    const { payload, headers } = form({}, { name: "a.mp4", bytes: Buffer.alloc(50_000, "x") });
    const token = await api.tokenFor(["admin"]);
    const upload = request(`${api.address}/v1/lookup/upload`, {
      method: "POST",
      headers: { ...headers, authorization: `Bearer ${token}`, "content-length": payload.length },
    });
    upload.on("error", () => {});
    upload.write(payload.subarray(0, 30_000));
    await vi.waitFor(() => expect(left()).toHaveLength(1), PATIENCE);
    upload.destroy();
    await vi.waitFor(() => expect(left()).toEqual([]), PATIENCE);
  });

  test("that is larger than what it says of itself, or not a form at all, is refused", async () => {
    const headers = { "content-type": "multipart/form-data; boundary=x" };
    for (const payload of [
      "",
      "nonsense",
      "--x\r\n",
      '--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\nhalf',
    ])
      expect((await api.ask({ method: "POST", url: "/v1/lookup/upload", payload, headers })).statusCode, payload).toBeLessThan(
        500,
      );
    const unbounded = {
      method: "POST" as const,
      url: "/v1/lookup/upload",
      payload: "x",
      headers: { "content-type": "multipart/form-data" },
    };
    expect((await api.ask(unbounded)).statusCode).toBeLessThan(500);
    expect(left()).toEqual([]);
  });
});
