import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { firstAdminLink } from "../../../src/people/links.js";
import { createToken } from "../../../src/people/tokens.js";
import { audited, openSite, PASSWORD, type Site } from "./support.js";

let site: Site;

beforeAll(async () => {
  site = await openSite({ PUBLIC_URL: "https://console.example.org", COOKIE_SECURE: "0" });
});
afterAll(() => site.close());

const secretIn = (html: string) => /<code class="secret wrap">([^<]+)<\/code>/.exec(html)?.[1] ?? "";
const idOf = async (name: string) =>
  (await site.pool.query("select id from account where name = $1", [name])).rows[0]?.id as string;
const NEW = "a sentence nobody else has";

describe("a one-time link", () => {
  it("makes the first admin, who lands in the console, signed in", async () => {
    const fresh = await openSite();
    const secret = await firstAdminLink(fresh.pool);
    const browser = fresh.browser();
    const form = await browser.get(`/welcome/${secret}?lang=sq`);
    expect(form.statusCode).toBe(200);
    expect(form.body).toContain("Krijoni llogarinë e parë");
    const weak = await browser.post(`/welcome/${secret}?lang=sq`, {
      name: "ana",
      password: "123456789012",
      again: "123456789012",
    });
    expect(weak.statusCode).toBe(422);
    expect(weak.body).toContain("ndër të parët që provohen");
    expect(weak.body).toContain('value="ana"');
    const unequal = await browser.post(`/welcome/${secret}`, { name: "ana", password: NEW, again: `${NEW}.` });
    expect(unequal.body).toContain("not the same both times");
    const done = await browser.post(`/welcome/${secret}?lang=sq`, { name: "ana", password: NEW, again: NEW });
    expect(done.headers.location).toBe("/alerts");
    expect((await browser.get("/alerts")).json()).toEqual({ who: "ana" });
    expect((await browser.get("/account")).body).toContain("administrator");
    expect((await fresh.browser().get(`/welcome/${secret}`)).statusCode).toBe(410);
    await fresh.close();
  });

  it("that is unknown or used is gone, in words", async () => {
    for (const secret of ["x", "A".repeat(43), "%00", "a".repeat(99)]) {
      const response = await site.browser().get(`/welcome/${secret}`);
      expect(response.statusCode).toBe(410);
      expect(response.body).toContain("can no longer be used");
    }
  });
});

describe("the page of people", () => {
  it("invites someone by a link that is shown once, in their language", async () => {
    const admin = await site.signedIn("root", "admin");
    const invited = await admin.submit("/people", "/people", { name: "bora", role: "viewer", language: "sq", email: "" });
    const link = secretIn(invited.body);
    expect(link).toMatch(/^https:\/\/console\.example\.org\/welcome\/[\w-]{43}$/);
    expect((await admin.get("/people")).body).not.toContain(link);
    const browser = site.browser();
    const path = new URL(link).pathname;
    expect((await browser.get(path)).headers.location).toBe(`${path}?lang=sq`);
    expect((await browser.get(`${path}?lang=sq`)).body).toContain("Mirë se vini, bora");
    expect((await browser.post(path, { password: NEW, again: NEW })).headers.location).toBe("/alerts");
    expect(await audited(site.pool, "account made")).toContainEqual({
      actor: "person:root",
      subject: "person:bora",
      detail: { role: "viewer" },
    });
  });

  it("says what is wrong with an invitation, and keeps what was typed", async () => {
    const admin = await site.signedIn("root", "admin");
    const refused = await admin.submit("/people", "/people", {
      name: "ROOT",
      role: "viewer",
      language: "en",
      email: "r@example.org",
    });
    expect(refused.statusCode).toBe(422);
    expect(refused.body).toContain("Someone has this name");
    expect(refused.body).toContain('value="r@example.org"');
  });

  it("changes roles, disables, enables and resets", async () => {
    const admin = await site.signedIn("root", "admin");
    const dren = await site.signedIn("dren", "viewer");
    const id = await idOf("dren");
    expect((await admin.submit("/people", `/people/${id}/role`, { role: "caseworker" })).headers.location).toBe(
      "/people?done=saved",
    );
    expect((await dren.submit("/account", "/v1/alerts")).json()).toEqual({ who: "dren" });
    await admin.submit("/people", `/people/${id}/disable`);
    expect((await dren.get("/account")).statusCode).toBe(303);
    expect((await admin.get("/people")).body).toContain("disabled");
    await admin.submit("/people", `/people/${id}/enable`);
    const link = secretIn((await admin.submit("/people", `/people/${id}/link`)).body);
    const browser = site.browser();
    await browser.post(new URL(link).pathname, { password: NEW, again: NEW });
    expect((await browser.get("/account")).statusCode).toBe(200);
  });

  it("keeps the last admin", async () => {
    const admin = await site.signedIn("root", "admin");
    const refused = await admin.submit("/people", `/people/${await idOf("root")}/disable`);
    expect(refused.statusCode).toBe(422);
    expect(refused.body).toContain("last admin");
  });

  it("is for admins: others are told so, strangers are led to sign in, tokens stay out", async () => {
    const caseworker = await site.signedIn("era", "caseworker");
    const { secret } = await createToken(site.pool, { name: "all", scopes: ["admin"] }, "cli");
    for (const path of ["/people", "/tokens", "/audit"]) {
      const refused = await caseworker.get(path);
      expect(refused.statusCode).toBe(403);
      expect(refused.body).toContain("<html");
      expect((await site.browser().get(path)).statusCode).toBe(303);
      expect((await site.browser().get(path, { authorization: `Bearer ${secret}`, accept: "*/*" })).statusCode).toBe(403);
    }
    for (const path of ["/people", "/tokens", "/audit/verify", `/people/${await idOf("era")}/role`])
      expect((await caseworker.submit("/account", path, { role: "admin" })).statusCode).toBe(403);
    expect((await caseworker.get("/account")).body).toContain("caseworker");
  });

  it("escapes what people are called", async () => {
    const admin = await site.signedIn("root", "admin");
    await admin.submit("/people", "/people", { name: "<script>alert(1)</script>", role: "viewer", language: "en" });
    const { body } = await admin.get("/people");
    expect(body).toContain("&lt;script&gt;alert(1)&lt;/script&gt;");
    expect(body).not.toContain("<script>alert");
  });
});

describe("the page of service tokens", () => {
  it("makes one, shown once, that works until it is revoked", async () => {
    const admin = await site.signedIn("root", "admin");
    const made = await admin.submit("/tokens", "/tokens", {
      name: "intake-1",
      scopes: ["alerts:read", "submissions:write"],
      days: "30",
    });
    const secret = secretIn(made.body);
    expect(secret).toMatch(/^rup_/);
    expect((await admin.get("/tokens")).body).not.toContain(secret);
    const ask = (authorization: string, path = "/v1/alerts") =>
      site.server.inject({ url: path, headers: { authorization }, remoteAddress: "10.9.9.9" });
    const basic = `Basic ${Buffer.from(`whoever:${secret}`).toString("base64")}`;
    for (const authorization of [`Bearer ${secret}`, `bearer ${secret}`, basic])
      expect((await ask(authorization)).json()).toEqual({ who: "intake-1" });
    const write = await site.server.inject({ method: "POST", url: "/v1/alerts", headers: { authorization: basic } });
    expect(write.statusCode).toBe(403);
    expect(write.json().detail).toContain("alerts:write");
    expect((await admin.submit("/tokens", "/tokens/intake-1/revoke")).headers.location).toBe("/tokens?done=saved");
    const refused = await ask(`Bearer ${secret}`);
    expect(refused.statusCode).toBe(401);
    expect(refused.headers["www-authenticate"]).toContain("Bearer");
    expect(refused.headers["content-type"]).toContain("application/problem+json");
    expect((await admin.get("/tokens")).body).toContain("revoked");
  });

  it("says what is wrong", async () => {
    const admin = await site.signedIn("root", "admin");
    const say = async (fields: Record<string, string | string[]>) => (await admin.submit("/tokens", "/tokens", fields)).body;
    expect(await say({ name: "x y", scopes: "alerts:read", days: "1" })).toContain("A token&#39;s name has");
    expect(await say({ name: "x", days: "1" })).toContain("Tick at least one");
    expect(await say({ name: "x", scopes: "alerts:read", days: "1e3" })).toContain("whole number from 1 to 3660");
  });

  it("a session's cookie does not help a token that is not in use", async () => {
    const browser = await site.signedIn("era");
    const authorization = `Bearer rup_${"A".repeat(43)}`;
    expect((await browser.get("/v1/alerts", { authorization })).statusCode).toBe(401);
    // A password meant for a proxy in front is none of ours.
    expect((await browser.get("/v1/alerts", { authorization: `Basic ${btoa("proxy:password")}` })).statusCode).toBe(200);
  });
});

describe("the page of the audit log", () => {
  it("shows who did what, filtered, and checks the chain against an earlier head", async () => {
    const admin = await site.signedIn("root", "admin");
    await site.signedIn("flaka");
    const all = await admin.get("/audit");
    expect(all.body).toContain("signed in");
    const one = await admin.get("/audit?actor=person%3Aflaka");
    expect(one.body).toContain("person:flaka");
    expect(one.body).not.toContain('href="/audit?actor=person%3Aroot"');
    const checked = await admin.submit("/audit", "/audit/verify");
    const head = secretIn(checked.body);
    expect(head).toMatch(/^[0-9a-f]{64}$/);
    expect(checked.body).toContain("The log is whole");
    expect((await admin.submit("/audit", "/audit/verify", { head })).body).toContain("nothing up to there was changed");
    expect((await admin.submit("/audit", "/audit/verify", { head: "0".repeat(64) })).body).toContain("not in the log");
  });
});

describe("a person's own page", () => {
  it("changes the password, and says what is wrong with one", async () => {
    const [here, there] = [await site.signedIn("gent"), await site.signedIn("gent")];
    const wrong = await here.submit("/account", "/account/password", { current: "wrong", password: NEW, again: NEW });
    expect(wrong.statusCode).toBe(422);
    expect(wrong.body).toContain("current password is not right");
    const done = await here.submit("/account", "/account/password", { current: PASSWORD, password: NEW, again: NEW });
    expect(done.headers.location).toBe("/account?done=saved");
    expect((await there.get("/account")).statusCode).toBe(303);
    expect((await here.get("/account")).statusCode).toBe(200);
  });

  it("lists where one is signed in, and ends one or all others", async () => {
    const browsers = [await site.signedIn("hana"), await site.signedIn("hana"), await site.signedIn("hana")];
    const [here, there] = browsers;
    const { body } = await here.get("/account");
    for (const { address } of browsers) expect(body).toContain(address);
    const path = new RegExp(`<td>${there.address.replaceAll(".", "\\.")}</td>[^]*?action="(/account/sessions/[^"]+/end)"`).exec(
      body,
    )?.[1];
    await here.submit("/account", path!);
    expect((await there.get("/account")).statusCode).toBe(303);
    await here.submit("/account", "/account/sessions/end-others");
    expect((await browsers[2].get("/account")).statusCode).toBe(303);
    const own = /action="(\/account\/sessions\/[^"]+\/end)"/.exec((await here.get("/account")).body)?.[1];
    expect((await here.submit("/account", own!)).headers.location).toBe("/sign-in");
    expect((await here.get("/account")).statusCode).toBe(303);
  });

  it("never ends a session of someone else's", async () => {
    const [ilir, jon] = [await site.signedIn("ilir"), await site.signedIn("jon")];
    const { rows } = await site.pool.query(
      "select s.id from session s join account a on a.id = s.account_id where a.name = 'jon'",
    );
    await ilir.submit("/account", `/account/sessions/${rows[0].id}/end`);
    expect((await jon.get("/account")).statusCode).toBe(200);
    expect((await ilir.get("/account")).body).not.toContain(jon.address);
  });

  it("speaks the language that was chosen from then on", async () => {
    const browser = await site.signedIn("lira");
    await browser.submit("/account", "/account/profile", { language: "sq", email: "" });
    expect((await browser.get("/account?lang=en")).body).toContain("Ndryshoni fjalëkalimin");
    expect((await browser.submit("/account", "/account/profile", { language: "de", email: "" })).body).toContain(
      "Zgjidhni një gjuhë",
    );
  });
});

describe("a guard", () => {
  it("tells htmx to load the sign-in page instead of swapping it in", async () => {
    const response = await site.browser().get("/alerts", { "hx-request": "true" });
    expect(response.statusCode).toBe(401);
    expect(response.headers["hx-redirect"]).toBe("/sign-in?next=%2Falerts");
  });

  it("gives programs a problem document", async () => {
    for (const headers of [{ accept: "application/json" }, { accept: "*/*" }] as Record<string, string>[]) {
      const response = await site.browser().get("/alerts", headers);
      expect(response.statusCode).toBe(401);
      expect(response.json()).toMatchObject({ status: 401, title: "Unauthorized", detail: expect.stringContaining("Bearer") });
    }
    expect((await site.browser().get("/v1/alerts")).statusCode).toBe(401);
  });
});
