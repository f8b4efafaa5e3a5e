import type { LightMyRequestResponse } from "fastify";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { invite } from "../../../src/people/links.js";
import { CLIENT, type Claims, type Provider, startProvider } from "./oidc-provider.js";
import { audited, type Browser, openSite, type Site } from "./support.js";

const open: { close(): Promise<void> }[] = [];
let provider: Provider;

beforeEach(async () => {
  provider = await startProvider();
  open.push(provider);
});
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

async function siteWith(variables: NodeJS.ProcessEnv = {}): Promise<Site> {
  const site = await openSite({
    PUBLIC_URL: "http://console.test",
    OIDC_ISSUER: provider.issuer,
    OIDC_CLIENT_ID: CLIENT.id,
    OIDC_CLIENT_SECRET: CLIENT.secret,
    ...variables,
  });
  open.push(site);
  return site;
}

/** Goes to the provider and stands before the console's door again. */
async function cameBack(browser: Browser, next = "/alerts"): Promise<URL> {
  const away = await browser.get(`/sign-in/oidc?next=${encodeURIComponent(next)}`);
  expect(away.statusCode).toBe(303);
  const back = await fetch(String(away.headers.location), { redirect: "manual" });
  return new URL(back.headers.get("location")!);
}

async function signInAs(browser: Browser, claims: Claims, next?: string): Promise<LightMyRequestResponse> {
  provider.claims = claims;
  const url = await cameBack(browser, next);
  return browser.get(url.pathname + url.search);
}

describe("with a claim for roles", () => {
  it("someone comes in as what the provider says, at each sign-in anew", async () => {
    const site = await siteWith({ OIDC_ROLE_CLAIM: "realm_access.roles" });
    const browser = site.browser();
    expect((await browser.get("/sign-in")).body).toContain('href="/sign-in/oidc?next=%2Falerts"');
    const claims = {
      sub: "a-1",
      preferred_username: "ana",
      locale: "sq-XK",
      realm_access: { roles: ["other", "viewer", "caseworker"] },
    };
    const response = await signInAs(browser, claims, "/alerts?state=all");
    expect(response.statusCode).toBe(303);
    expect(response.headers.location).toBe("/alerts?state=all");
    expect((await browser.get("/alerts")).json()).toEqual({ who: "ana" });
    const account = async () => (await site.pool.query("select name, role, language, password_hash from account")).rows;
    expect(await account()).toEqual([{ name: "ana", role: "caseworker", language: "sq", password_hash: null }]);
    await signInAs(site.browser(), { ...claims, preferred_username: "renamed", realm_access: { roles: "viewer" } });
    expect(await account()).toEqual([{ name: "ana", role: "viewer", language: "sq", password_hash: null }]);
    expect(await audited(site.pool, "role changed")).toEqual([
      { actor: "oidc", subject: "person:ana", detail: { from: "caseworker", to: "viewer" } },
    ]);
  });

  it("the role may be told only at the userinfo endpoint", async () => {
    const site = await siteWith({ OIDC_ROLE_CLAIM: "roles" });
    provider.onlyInUserinfo = ["roles", "name"];
    const browser = site.browser();
    await signInAs(browser, { sub: "b-1", name: "Bora", roles: ["admin"] });
    expect((await browser.get("/people")).statusCode).toBe(200);
  });

  it("nobody comes in without a role, or by the name of someone else here", async () => {
    const site = await siteWith({ OIDC_ROLE_CLAIM: "roles" });
    await site.signedIn("dren");
    const without = await signInAs(site.browser(), { sub: "d-1", preferred_username: "x", roles: ["owner"] });
    expect(without.statusCode).toBe(403);
    expect(without.body).toContain("has no role here");
    const taken = await signInAs(site.browser(), { sub: "d-2", preferred_username: "DREN", roles: ["admin"] });
    expect(taken.statusCode).toBe(403);
    expect(taken.body).toContain("already has the name");
    expect((await audited(site.pool, "sign-in failed")).map(({ detail }) => detail.reason)).toEqual(["noRole", "nameTaken"]);
    expect((await site.pool.query("select name, role from account")).rows).toEqual([{ name: "dren", role: "caseworker" }]);
  });
});

describe("without a claim for roles", () => {
  it("only who was invited comes in, by the address that the provider vouches for", async () => {
    const site = await siteWith();
    await invite(site.pool, { name: "era", role: "viewer", email: "Era@example.org" }, "cli");
    const come = (claims: Claims) => signInAs(site.browser(), claims);
    const refusals = [
      await come({ sub: "e-1", email: "era@example.org" }),
      await come({ sub: "e-1", email: "era@example.org", email_verified: false }),
      await come({ sub: "e-2", email: "eve@example.org", email_verified: true }),
    ];
    for (const refused of refusals) {
      expect(refused.statusCode).toBe(403);
      expect(refused.body).toContain("Nobody has invited you");
    }
    const browser = site.browser();
    await signInAs(browser, { sub: "e-1", email: "era@example.org", email_verified: true });
    expect((await browser.get("/alerts")).json()).toEqual({ who: "era" });
    // From now on it is the subject that counts, and the address is no second way in.
    expect((await come({ sub: "e-1" })).statusCode).toBe(303);
    expect((await come({ sub: "e-3", email: "era@example.org", email_verified: true })).statusCode).toBe(403);
    await site.pool.query("update account set disabled_at = now()");
    expect((await come({ sub: "e-1" })).body).toContain("is disabled");
  });
});

describe("what is not as it should be is refused", () => {
  it.each(["key", "nonce", "audience", "issuer"] as const)("a token with another %s", async (wrong) => {
    const site = await siteWith({ OIDC_ROLE_CLAIM: "roles" });
    provider.wrong = wrong;
    const response = await signInAs(site.browser(), { sub: "f-1", name: "f", roles: ["admin"] });
    expect(response.statusCode).toBe(403);
    expect(response.body).toContain("did not work");
    expect((await site.pool.query("select from account")).rowCount).toBe(0);
    expect(site.lines.join("")).toContain("a sign-in through OpenID Connect failed");
    provider.wrong = undefined;
    expect((await signInAs(site.browser(), { sub: "f-1", name: "f", roles: ["admin"] })).statusCode).toBe(303);
  });

  it("another state, another browser's answer, and an answer that comes twice", async () => {
    const site = await siteWith({ OIDC_ROLE_CLAIM: "roles" });
    provider.claims = { sub: "g-1", name: "g", roles: ["admin"] };
    const browser = site.browser();
    const forged = await cameBack(browser);
    forged.searchParams.set("state", "another");
    expect((await browser.get(forged.pathname + forged.search)).statusCode).toBe(403);
    const stolen = await cameBack(browser);
    expect((await site.browser().get(stolen.pathname + stolen.search)).statusCode).toBe(403);
    const other = site.browser();
    await cameBack(other);
    expect((await other.get(stolen.pathname + stolen.search)).statusCode).toBe(403);
    const good = await cameBack(browser);
    expect((await browser.get(good.pathname + good.search)).statusCode).toBe(303);
    expect((await browser.get(good.pathname + good.search)).statusCode).toBe(403);
  });

  it("a provider that is away; it is asked again the next time", async () => {
    const site = await siteWith({ OIDC_ISSUER: `${provider.issuer}/nowhere` });
    const response = await site.browser().get("/sign-in/oidc");
    expect(response.statusCode).toBe(403);
    expect(response.body).toContain("did not work");
    expect(site.lines.join("")).not.toContain(CLIENT.secret);
  });
});

it("without OIDC_ISSUER there is nothing of it", async () => {
  const site = await openSite();
  open.push(site);
  expect((await site.browser().get("/sign-in")).body).not.toContain("oidc");
  expect((await site.browser().get("/sign-in/oidc")).statusCode).toBe(404);
});
