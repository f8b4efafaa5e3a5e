import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { firstAdminLink } from "../../../src/people/links.js";
import { axeViolations, browserMissing, openConsole, PASSWORD, startBrowser, type TestConsole } from "../console/support.js";

const NEW = "a sentence nobody else has";

describe.skipIf(browserMissing)(`signing in with a real browser${browserMissing && `: ${browserMissing}`}`, () => {
  let site: TestConsole;
  let browser: Browser;

  beforeAll(async () => {
    [site, browser] = [await openConsole(), await startBrowser()];
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
  });

  const visit = async (options: BrowserContextOptions = {}) => {
    const context = await browser.newContext({ baseURL: site.address, viewport: { width: 1280, height: 900 }, ...options });
    return context.newPage();
  };

  /** Fits the window, says everything, and axe finds nothing. */
  async function expectSound(page: Page, what: string): Promise<void> {
    await page.evaluate("for (const details of document.querySelectorAll('details')) details.open = true");
    expect(await page.evaluate<number>("document.documentElement.scrollWidth - window.innerWidth"), what).toBeLessThanOrEqual(0);
    expect(await page.locator("body").textContent(), what).not.toMatch(/undefined|\[object|NaN|null/);
    expect(await axeViolations(page), what).toEqual([]);
  }

  test("from the first link to a caseworker at work, with the keyboard and without JavaScript", async () => {
    const admin = await visit({ javaScriptEnabled: false });
    await admin.goto(`/welcome/${await firstAdminLink(site.app.database.pool)}`);
    await admin.getByLabel("Name").focus();
    for (const text of ["Ana", NEW, NEW]) {
      await admin.keyboard.type(text);
      await admin.keyboard.press("Tab");
    }
    await admin.keyboard.press("Enter");
    await admin.waitForURL(/\/alerts$/);

    await admin.goto("/people");
    await admin.getByLabel("Name").fill("Besa");
    await admin.getByLabel("Language").selectOption("sq");
    await admin.getByRole("button", { name: "Make the link" }).click();
    const link = await admin.locator("code.secret").textContent();

    const caseworker = await visit({ javaScriptEnabled: false });
    await caseworker.goto(link!);
    expect(await caseworker.locator("h1").textContent()).toBe("Mirë se vini, Besa");
    await caseworker.getByLabel("Fjalëkalimi i ri", { exact: true }).fill(NEW);
    await caseworker.getByLabel("Fjalëkalimi i ri, edhe një herë").fill(NEW);
    await caseworker.getByRole("button", { name: "Hyni" }).click();
    await caseworker.waitForURL(/\/alerts$/);

    await caseworker.getByRole("button", { name: "Dil" }).click();
    await caseworker.waitForURL(/\/sign-in/);
    await caseworker.goto("/alerts?state=all");
    await caseworker.locator("input[name=name]").fill("besa");
    await caseworker.locator("input[name=password]").fill(NEW);
    await caseworker.keyboard.press("Enter");
    await caseworker.waitForURL(/\/alerts\?state=all$/);
    await caseworker.goto("/people");
    expect(await caseworker.locator("main").textContent()).toContain("Roli juaj nuk e lejon këtë");
    await admin.context().close();
    await caseworker.context().close();
  });

  test.each([
    { language: "en", width: 1440, scheme: "light" },
    { language: "sq", width: 360, scheme: "dark" },
  ] as const)("every page is sound in $language at $width px ($scheme)", async ({ language, width, scheme }) => {
    const name = `Admin ${language}`;
    await site.addPerson(name, "admin", language);
    const page = await visit({ viewport: { width, height: 900 }, colorScheme: scheme, locale: language });
    const problems: string[] = [];
    page.on("pageerror", (error) => problems.push(error.message));
    page.on("console", (message) => {
      if (message.type() === "error" && !message.text().includes("status of 4")) problems.push(message.text());
    });
    await page.goto("/sign-in");
    await expectSound(page, "sign-in");
    const signIn = async (password: string) => {
      await page.locator("input[name=name]").fill(name);
      await page.locator("input[name=password]").fill(password);
      await page.locator("main form button").click();
    };
    await signIn("wrong");
    await page.locator("[role=alert]").waitFor();
    await expectSound(page, "sign-in, refused");
    await signIn(PASSWORD);
    await page.waitForURL(/\/alerts/);
    for (const path of ["/account", "/people", "/tokens", "/audit", "/sign-out", "/welcome/gone"]) {
      await page.goto(path);
      await expectSound(page, path);
    }
    await page.goto("/tokens");
    await page.locator("input[name=name]").fill(`intake-${language}`);
    await page.locator("input[value='submissions:write']").check();
    await page.locator("main form[action='/tokens'] button").click();
    await page.locator("code.secret").waitFor();
    await expectSound(page, "/tokens, made");
    await page.goto("/audit");
    await page.locator("details:has(form[action='/audit/verify']) > summary").click();
    await page.locator("form[action='/audit/verify'] button").click();
    await page.locator("code.secret").waitFor();
    await expectSound(page, "/audit, checked");
    expect(problems).toEqual([]);
    await page.context().close();
  });
});
