import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Seeded, seed } from "./seed.js";
import { axeViolations, browserMissing, openConsole, signIn, startBrowser, type TestConsole } from "./support.js";

/** From the issue, for an old laptop on a slow line. Not compressed. */
const MOST_BYTES = 150_000;

describe.skipIf(browserMissing)(`the pages in a browser${browserMissing && `: ${browserMissing}`}`, () => {
  let site: TestConsole;
  let browser: Browser;
  let seeded: Seeded;
  let paths: string[];
  /** Of an admin only; their tests are elsewhere, their looks are here. */
  const adminPaths = ["/account", "/people", "/tokens", "/audit"];

  beforeAll(async () => {
    [site, browser] = [await openConsole(), await startBrowser()];
    await site.addPerson("Ana", "admin", "en");
    await site.addPerson("Besa", "admin", "sq");
    await site.addPerson("Vera", "viewer", "en");
    seeded = await seed(site.database.pool);
    const { rows } = await site.database.pool.query<{ id: string }>("select id from takedown limit 1");
    await site.database.pool.query(
      `insert into parked_job (queue, job_id, submission_id, field, reason, payload)
       values ('submissions', 'x', 's-parked', 'media.url', 'media.url: must be an address', '{"submissionId": "s-parked"}')`,
    );
    paths = [
      ...["/alerts", "/alerts?order=strongest&state=all", "/alerts?order=repeated", `/alerts?same=${seeded.alerts.match}`],
      ...Object.values(seeded.alerts).map((id) => `/alerts/${id}`),
      ...["/cases", "/cases/C-17", `/references/${seeded.references[0].id}`, "/takedowns", `/takedowns/${rows[0].id}`],
      ...["/uploaders", "/uploaders/videosite/profile-1", "/search", "/search?q=C-17", `/search?q=${"0f".repeat(32)}`],
      ...["/system", "/preferences", "/cases/nothing-here"],
    ];
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
  });

  test.each([
    { name: "Ana", width: 1440, scheme: "light", axe: true },
    { name: "Besa", width: 360, scheme: "dark", axe: true },
    { name: "Vera", width: 360, scheme: "light", axe: false },
  ] as const)(
    "$name at $width px ($scheme): nothing overflows, every text is there, axe finds nothing",
    async (visit) => {
      const viewport = { width: visit.width, height: 900 };
      const { page, context } = await signIn(browser, site, visit.name, { viewport, colorScheme: visit.scheme });
      for (const path of visit.axe ? [...paths, ...adminPaths] : paths) {
        await page.goto(path);
        await page.evaluate("for (const details of document.querySelectorAll('details')) details.open = true");
        const overflow = await page.evaluate<number>("document.documentElement.scrollWidth - window.innerWidth");
        expect(overflow, `${path} is wider than the window by so many pixels`).toBeLessThanOrEqual(0);
        expect(await page.locator("body").textContent(), path).not.toMatch(/undefined|\[object|NaN|null/);
        if (visit.axe) expect(await axeViolations(page), path).toEqual([]);
      }
      await context.close();
    },
    400_000,
  );

  test("a page and all that it loads weigh 150 kB at most, and load nothing from elsewhere", async () => {
    const { context } = await signIn(browser, site, "Ana");
    const heaviest = { path: "", bytes: 0 };
    for (const path of paths) {
      const html = await (await context.request.get(path)).text();
      const loaded = [...html.matchAll(/<(?:script|link|img)[^>]* (?:src|href)="([^"]+)"/g)].map(([, url]) => url);
      expect(
        loaded.every((url) => url.startsWith("/assets/")),
        path,
      ).toBe(true);
      let bytes = Buffer.byteLength(html);
      for (const url of loaded) {
        const asset = await context.request.get(url);
        expect(asset.headers()["cache-control"], url).toContain("immutable");
        bytes += (await asset.body()).length;
      }
      expect(loaded.length, path).toBe(4);
      expect(bytes, path).toBeLessThanOrEqual(MOST_BYTES);
      if (bytes > heaviest.bytes) Object.assign(heaviest, { path, bytes });
    }
    console.info(`heaviest page: ${heaviest.path}, ${heaviest.bytes} bytes with all that it loads, not compressed`);
    await context.close();
  });

  test("pages run without an error and within their policy: no inline script or style, nothing from elsewhere", async () => {
    const { page, context, problems } = await signIn(browser, site, "Ana");
    for (const path of paths.filter((p) => p !== "/cases/nothing-here")) {
      const response = await page.goto(path);
      expect(response?.status(), path).toBe(200);
      expect(response?.headers()["content-security-policy"]).toContain("script-src 'self'");
      const html = (await response?.text()) ?? "";
      expect(html, path).not.toMatch(/<script(?![^>]* src=)|<style|\son\w+=|\sstyle=/i);
    }
    expect(problems).toEqual([]);
    await context.close();
  });

  test("a viewer sees what is there and no button that acts", async () => {
    const { page, context } = await signIn(browser, site, "Vera");
    for (const path of paths) {
      await page.goto(path);
      const forms = page.locator("main form[method=post]");
      const actions = await forms.evaluateAll((all) => all.map((form) => form.getAttribute("action") ?? ""));
      // Asking whether a file is known, and what is of their own, is open to all; a list without buttons is still in its form.
      const acts = actions.filter(
        (action) => !action.startsWith("/search") && !action.startsWith("/preferences") && action !== "/alerts/act",
      );
      expect(acts, path).toEqual([]);
      expect(await page.locator("main [name=act], main [name=one], main [name=dismiss]").count(), path).toBe(0);
    }
    const { request } = context;
    const csrf = await page.locator("input[name=_csrf]").first().inputValue();
    const form = { _csrf: csrf, act: "confirm", id: seeded.alerts.review };
    const refused = await request.post("/alerts/act", { form, headers: { accept: "text/html" } });
    expect(refused.status()).toBe(403);
    await context.close();
  });

  test("no picture of the material is on any page, and addresses are links nowhere but behind a deliberate click", async () => {
    const { page, context } = await signIn(browser, site, "Ana");
    for (const path of paths) {
      await page.goto(path);
      expect(await page.locator("img, video, audio, iframe, object, embed, canvas, picture").count(), path).toBe(0);
      expect(await page.locator("a[href^='http']:visible").count(), path).toBe(0);
    }
    await page.goto(`/alerts/${seeded.alerts.match}`);
    await page.getByText("Show the addresses").click();
    const link = page.locator("a[href^='https://videosite.example/watch']");
    expect(await link.getAttribute("rel")).toBe("noreferrer noopener nofollow");
    expect(await link.getAttribute("target")).toBe("_blank");
    await context.close();
  });
});
