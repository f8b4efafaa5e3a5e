import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { audited, csrfIn, openSite, PASSWORD, type Site } from "./support.js";

let site: Site;

beforeAll(async () => {
  site = await openSite();
});
afterAll(() => site.close());

const SESSION = "reupload_session";

describe("signing in", () => {
  it("leads a browser from a page to the sign-in page and back to it", async () => {
    await site.signedIn("ana");
    const browser = site.browser();
    const asked = await browser.get("/alerts?state=all");
    expect(asked.statusCode).toBe(303);
    expect(asked.headers.location).toBe("/sign-in?next=%2Falerts%3Fstate%3Dall");
    const form = await browser.get(String(asked.headers.location));
    expect(form.body).toContain('name="next" value="/alerts?state=all"');
    const response = await browser.post("/sign-in", { name: "Ana ", password: PASSWORD, next: "/alerts?state=all" });
    expect(response.statusCode).toBe(303);
    expect(response.headers.location).toBe("/alerts?state=all");
    expect((await browser.get("/alerts")).json()).toEqual({ who: "ana" });
  });

  it("goes only to pages of our own afterwards", async () => {
    await site.signedIn("ana");
    for (const next of ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", ""]) {
      const response = await site.browser().post("/sign-in", { name: "ana", password: PASSWORD, next });
      expect(response.headers.location).toBe("/alerts");
    }
  });

  it("gives a cookie that no script reads and no other site's form sends, over TLS only when it came over TLS", async () => {
    await site.signedIn("ana");
    const signIn = async (headers: Record<string, string>) => {
      const response = await site.browser().post("/sign-in", { name: "ana", password: PASSWORD }, headers);
      return String(response.headers["set-cookie"]);
    };
    const plain = await signIn({});
    expect(plain).toMatch(/^reupload_session=[\w-]{43}; Max-Age=604800; Path=\/; HttpOnly; SameSite=Lax$/);
    expect(await signIn({ "x-forwarded-proto": "https" })).toContain("; Secure");
  });

  it("keeps of the session's secret only a hash, and gives another secret each time", async () => {
    const browser = await site.signedIn("ana");
    const first = browser.cookies.get(SESSION)!;
    await browser.post("/sign-in", { name: "ana", password: PASSWORD });
    const second = browser.cookies.get(SESSION)!;
    expect(second).not.toBe(first);
    const { rows } = await site.pool.query("select row_to_json(s)::text as row from session s");
    for (const { row } of rows) expect(row.includes(first) || row.includes(second)).toBe(false);
    // The earlier session of the same browser is over.
    const old = site.browser();
    old.cookies.set(SESSION, first);
    expect((await old.get("/alerts")).statusCode).toBe(303);
  });

  it("says the same of a wrong password and of an unknown name", async () => {
    await site.signedIn("ana");
    const wrong = await site.browser().post("/sign-in", { name: "ana", password: "wrong password here" });
    const unknown = await site.browser().post("/sign-in", { name: "nobody", password: "wrong password here" });
    expect(wrong.statusCode).toBe(403);
    expect(unknown.statusCode).toBe(403);
    expect(wrong.body.replaceAll("ana", "nobody")).toBe(unknown.body);
    expect(wrong.body).toContain('role="alert"');
    expect(wrong.cookies).toEqual([]);
  });

  it("speaks Albanian to a browser that prefers it, and when asked to", async () => {
    const browser = site.browser();
    expect((await browser.get("/sign-in", { "accept-language": "sq-AL,sq;q=0.9,en;q=0.5" })).body).toContain("Fjalëkalimi");
    expect((await browser.get("/sign-in?lang=sq")).body).toContain("Fjalëkalimi");
    expect((await browser.get("/sign-in")).body).toContain("Password");
  });

  it("writes down sign-ins and failures, and never what was typed as the name of nobody", async () => {
    await site.signedIn("bora");
    const browser = site.browser();
    await browser.post("/sign-in", { name: "bora", password: "wrong password here" });
    await browser.post("/sign-in", { name: "my secret password", password: "x" });
    expect(await audited(site.pool, "signed in")).toContainEqual(
      expect.objectContaining({
        actor: "person:bora",
        subject: "person:bora",
        detail: expect.objectContaining({ by: "password" }),
      }),
    );
    const failures = (await audited(site.pool, "sign-in failed")).filter(({ detail }) => detail.address === browser.address);
    expect(failures).toEqual([
      { actor: "anonymous", subject: "person:bora", detail: { address: browser.address, failures: 1 } },
      { actor: "anonymous", subject: "person", detail: { address: browser.address } },
    ]);
    expect(site.lines.join("")).not.toMatch(/secret password|wrong password/);
  });

  it("lets one address try only so often", async () => {
    const browser = site.browser();
    const statuses: number[] = [];
    for (let i = 0; i < 31; i++)
      statuses.push((await browser.post("/sign-in", { name: `stranger ${i}`, password: "x" })).statusCode);
    expect(statuses).toEqual([...Array(30).fill(403), 429]);
    const refused = await browser.post("/sign-in", { name: "stranger", password: "x" });
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0);
    expect((await site.browser().post("/sign-in", { name: "stranger", password: "x" })).statusCode).toBe(403);
  });
});

describe("signing out", () => {
  it("ends the session on the server, not only in the browser", async () => {
    const browser = await site.signedIn("ana");
    const secret = browser.cookies.get(SESSION)!;
    expect((await browser.get("/sign-out")).statusCode).toBe(200);
    const response = await browser.submit("/sign-out", "/sign-out");
    expect(response.headers.location).toBe("/sign-in");
    expect(browser.cookies.has(SESSION)).toBe(false);
    browser.cookies.set(SESSION, secret);
    expect((await browser.get("/alerts")).statusCode).toBe(303);
    expect((await audited(site.pool, "signed out")).at(-1)).toMatchObject({ actor: "person:ana" });
  });
});

describe("a change in a person's name", () => {
  const wanted = { accept: "application/json" };

  it("needs the session's token, as a field or as a header", async () => {
    const browser = await site.signedIn("ana");
    const csrf = csrfIn((await browser.get("/account")).body);
    expect(csrf).toMatch(/^[\w-]{43}$/);
    const wrong: Record<string, string | string[]>[] = [
      {},
      { _csrf: "" },
      { _csrf: `${csrf.slice(1)}A` },
      { _csrf: [csrf, csrf] },
    ];
    for (const fields of wrong) {
      const response = await browser.post("/v1/alerts", fields, wanted);
      expect(response.statusCode).toBe(403);
    }
    const json = (headers: Record<string, string>) =>
      site.server.inject({
        method: "POST",
        url: "/v1/alerts",
        headers: { cookie: `${SESSION}=${browser.cookies.get(SESSION)}`, "content-type": "application/json", ...headers },
        payload: "{}",
      });
    const refused = await json({});
    expect(refused.statusCode).toBe(403);
    expect(refused.json()).toMatchObject({ status: 403, detail: expect.stringContaining("X-CSRF-Token") });
    expect((await json({ "x-csrf-token": csrf })).json()).toEqual({ who: "ana" });
  });

  it("does not take the token of another session", async () => {
    const [ana, bora] = [await site.signedIn("ana"), await site.signedIn("bora")];
    const csrf = csrfIn((await bora.get("/account")).body);
    expect((await ana.post("/account/sessions/end-others", { _csrf: csrf })).statusCode).toBe(403);
    expect((await bora.post("/account/sessions/end-others", { _csrf: csrf })).statusCode).toBe(303);
  });

  it("is refused when a page of another site asks for it, signing in included", async () => {
    const browser = await site.signedIn("ana");
    const csrf = csrfIn((await browser.get("/account")).body);
    for (const headers of [
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
      { origin: "https://evil.example" },
    ] as Record<string, string>[]) {
      expect((await browser.post("/account/sessions/end-others", { _csrf: csrf }, headers)).statusCode).toBe(403);
      expect((await site.browser().post("/sign-in", { name: "ana", password: PASSWORD }, headers)).statusCode).toBe(403);
    }
    const own: Record<string, string>[] = [
      { "sec-fetch-site": "same-origin" },
      { origin: "http://localhost:8080", host: "localhost:8080" },
      { origin: "null" },
    ];
    for (const headers of own)
      expect((await browser.post("/account/sessions/end-others", { _csrf: csrf }, headers)).statusCode).toBe(303);
  });
});

describe("every answer", () => {
  it("lets a page load only files of our own, and send forms only to us", async () => {
    const policy = String((await site.browser().get("/sign-in")).headers["content-security-policy"]);
    for (const rule of [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "form-action 'self'",
      "frame-ancestors 'none'",
    ])
      expect(policy.split("; ")).toContain(rule);
  });

  it("may not be framed, and asks for TLS from then on when it came over TLS", async () => {
    const { headers } = await site.browser().get("/sign-in", { "x-forwarded-proto": "https" });
    expect(headers["x-frame-options"]).toBe("DENY");
    expect(headers["cross-origin-opener-policy"]).toBe("same-origin");
    expect(headers["strict-transport-security"]).toMatch(/^max-age=\d+$/);
    expect((await site.browser().get("/sign-in")).headers["strict-transport-security"]).toBeUndefined();
  });
});
