import { existsSync } from "node:fs";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PATIENCE } from "../../stories/support.js";
import { type TestApi, testApi } from "./support.js";

const CHROMIUM = process.env.CHROMIUM_PATH ?? "/usr/bin/chromium";
const missing = existsSync(CHROMIUM) ? "" : "(chromium is not installed: apt-get install chromium)";

describe.skipIf(missing)(`the reference page, in a browser ${missing}`, () => {
  let api: TestApi;
  let browser: Browser;
  let page: Page;
  const complaints: string[] = [];
  const asked: string[] = [];

  beforeAll(async () => {
    api = await testApi();
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
    page = await browser.newPage();
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("request", (request) => asked.push(request.url()));
    await page.goto(`${api.address}/v1/reference`);
    await page.waitForSelector(".opblock-summary", PATIENCE);
  });

  afterAll(async () => {
    await browser.close();
    await api.close();
  });

  test("shows every operation, keeps to its policy, and asks nobody but us", async () => {
    const operations = await page.locator(".opblock-summary").count();
    const { paths } = (await api.server.inject("/v1/openapi.json")).json();
    expect(operations).toBe(Object.values(paths).flatMap((methods) => Object.keys(methods as object)).length);
    expect(complaints).toEqual([]);
    expect(asked.filter((url) => !url.startsWith(api.address) && !url.startsWith("data:"))).toEqual([]);
  });

  test("lets a request be tried with a token", async () => {
    await page.click("button.authorize");
    const field = page.locator(".auth-container", { hasText: "bearer" }).locator("input");
    await field.fill(await api.tokenFor(["submissions:read"]));
    await page.locator(".auth-container", { hasText: "bearer" }).locator("button.authorize").click();
    await page.click("button.btn-done");
    await page.click("#operations-system-readStatus .opblock-summary-control");
    await page.click("#operations-system-readStatus button.execute");
    const answer = page.locator("#operations-system-readStatus .live-responses-table tbody .response-col_status").first();
    await answer.waitFor(PATIENCE);
    expect(await answer.textContent()).toContain("200");
    expect(complaints).toEqual([]);
  });
});
