import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { KNOWN_VIDEO } from "../../../src/cli/demo-media.js";
import { textsOf } from "../../../src/web/console/texts.js";
import { delivered, mediaServer, send, verdictOn } from "../../stories/support.js";
import { browserMissing, openConsole, signIn, startBrowser, type TestConsole } from "./support.js";

const CLIP = KNOWN_VIDEO;
const FOLDER = join(CLIP, "..");

describe.skipIf(browserMissing)(`from a submitted file to a confirmed takedown${browserMissing && `: ${browserMissing}`}`, () => {
  let site: TestConsole;
  let browser: Browser;
  let media: Awaited<ReturnType<typeof mediaServer>>;

  beforeAll(async () => {
    media = await mediaServer((path, _nth, response) => send(response, join(FOLDER, path.split("?")[0].slice(1))));
    [site, browser] = [
      await openConsole({ roles: ["worker", "relay"], variables: { CONSOLE_PREVIEW: "tiles" } }),
      await startBrowser(),
    ];
    await site.addPerson("Ana", "caseworker", "en");
    await site.addPerson("Besa", "caseworker", "sq");
    await site.parts.register(
      { path: CLIP },
      { caseId: "C-17", label: "known.mp4", provenance: "own" },
      AbortSignal.timeout(60_000),
    );
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
    await media?.close();
  });

  const submit = async (submissionId: string) => {
    await site.parts.intake.submit({
      version: 1,
      submissionId,
      media: { url: `${media.url}/friday.mp4?${submissionId}` },
      platform: "videosite",
      pageUrl: `https://videosite.example/watch?v=${submissionId}`,
      uploader: { id: "profile-1" },
    });
    return verdictOn(site.database.pool, submissionId);
  };

  test.each([
    { name: "Ana", language: "en", width: 1440 },
    { name: "Besa", language: "sq", width: 360 },
  ] as const)(
    "$language at $width px: the alert appears by itself, is read, confirmed, and its takedown reported removed",
    async ({ name, language, width }) => {
      const t = textsOf(language);
      const { page, context, problems } = await signIn(browser, site, name, { viewport: { width, height: 800 } });
      const before = await page.locator("[data-row]").count();
      const { alerts, takedown } = await submit(`loop-${language}`);
      // Nobody reloads: the page is told.
      await expect.poll(() => page.locator("[data-row]").count(), { timeout: 45_000 }).toBe(before + 1);
      await page.locator(`#alert-${alerts[0].id} .headline`).click();
      await page.waitForURL(`**/alerts/${alerts[0].id}`);
      expect(await page.locator("h1").textContent()).toBe(t.alerts.headline.match("C-17"));
      expect(await page.locator("html").getAttribute("lang")).toBe(language);
      expect(await page.locator("svg.timeline").count()).toBe(1);
      await page.getByRole("button", { name: t.alerts.acts.confirm, exact: true }).click();
      await page.getByRole("status").getByText(t.flash.confirmed(1)).waitFor();
      expect(await site.database.pool.query("select state from alert where id = $1", [alerts[0].id])).toMatchObject({
        rows: [{ state: "confirmed" }],
      });
      const asked = await delivered(site.database.pool, site.app.queues, "takedowns", `loop-${language}`);
      expect(asked).toMatchObject([{ takedownId: takedown?.id, case: "C-17", attempt: 1 }]);

      await page.goto(`/takedowns/${takedown?.id}`);
      await page.locator("select[name=state]").selectOption("removed");
      await page.getByRole("button", { name: t.takedowns.reportNow }).click();
      await page.getByRole("status").getByText(t.flash.reported).waitFor();
      expect(await page.locator("h1 ~ p .badge, .title .badge").last().textContent()).toBe(t.takedowns.states.removed);
      expect(problems).toEqual([]);
      await context.close();
    },
  );

  test("alerts that come one after another all appear by themselves, and take the focus nowhere", async () => {
    const { page, context, problems } = await signIn(browser, site, "Ana");
    for (const id of ["row-1", "row-2"]) {
      const [alert] = (await submit(id)).alerts;
      await page.locator(`#alert-${alert.id}`).waitFor({ timeout: 45_000 });
      expect(await page.evaluate("document.activeElement === document.body")).toBe(true);
    }
    expect(problems).toEqual([]);
    await context.close();
  });

  test("what somebody enters into the filters stays when an alert comes", async () => {
    const { page, context } = await signIn(browser, site, "Ana");
    await page.locator(".filters summary").click();
    await page.locator("input[name=platform]").fill("video");
    await submit("filter-1");
    await page.locator("[data-changed]").waitFor({ timeout: 45_000 });
    expect(await page.locator("input[name=platform]").inputValue()).toBe("video");
    await context.close();
  });

  test("a file can be asked about: is this known?", async () => {
    const { page, context } = await signIn(browser, site, "Ana");
    await page.goto("/search");
    await page.locator("input[type=file]").setInputFiles(CLIP);
    await page.getByRole("button", { name: "Check the file" }).click();
    await page.getByText("Yes, this is known material.").waitFor();
    await page.goto("/search");
    await page.locator("input[type=file]").setInputFiles(join(FOLDER, "flower.webm"));
    await page.getByRole("button", { name: "Check the file" }).click();
    await page.getByText("No, nothing known resembles it.").waitFor();
    await context.close();
  });

  test("with the keyboard only: from the list to the alert and back, confirm, undo, dismiss with a reason, help", async () => {
    const ids = [];
    for (const id of ["keys-1", "keys-2", "keys-3"]) ids.push((await submit(id)).alerts[0].id);
    const { page, context, problems } = await signIn(browser, site, "Ana");
    const stateOf = async (id: string) =>
      (await site.database.pool.query<{ state: string }>("select state from alert where id = $1", [id])).rows[0].state;
    const focused = (target: Page) => target.evaluate<string>("document.activeElement?.closest('[data-row]')?.id");
    await page.keyboard.press("j");
    expect(await focused(page)).toBe(`alert-${ids[2]}`);
    await page.keyboard.press("j");
    await page.keyboard.press("j");
    expect(await focused(page)).toBe(`alert-${ids[0]}`);
    await page.keyboard.press("k");
    expect(await focused(page)).toBe(`alert-${ids[1]}`);
    await page.keyboard.press("Enter");
    await page.waitForURL(`**/alerts/${ids[1]}`);
    await page.keyboard.press("c");
    await page.getByRole("status").getByText("Confirmed").waitFor();
    expect(await stateOf(ids[1])).toBe("confirmed");
    await page.keyboard.press("u");
    await page.getByRole("status").getByText("Taken back").waitFor();
    expect(await stateOf(ids[1])).toBe("open");

    await page.goto("/alerts");
    await page.keyboard.press("j");
    await page.keyboard.press("d");
    await page.keyboard.press("Enter");
    await page.getByRole("status").getByText("Dismissed").waitFor();
    expect(await stateOf(ids[2])).toBe("dismissed");
    await page.keyboard.press("u");
    await page.getByRole("status").getByText("Taken back").waitFor();
    expect(await stateOf(ids[2])).toBe("open");
    await page.goto("/alerts");
    await page.keyboard.press("j");
    await page.keyboard.press("a");
    await page.getByRole("status").getByText("Assigned").waitFor();
    await page.keyboard.press("?");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    expect(problems).toEqual([]);
    await context.close();
  });

  test("a list that arrives while an alert is being dismissed takes away neither the message nor its undo", async () => {
    const [first] = (await submit("late-1")).alerts;
    const { page, context, problems } = await signIn(browser, site, "Ana");
    const held = new Map<string, () => void>();
    await page.route("**/alerts{,/act}", async (route) => {
      const { pathname } = new URL(route.request().url());
      if (!held.has(pathname)) await new Promise<void>((resolve) => held.set(pathname, resolve));
      await route.continue();
    });
    const isHeld = (path: string) => expect.poll(() => held.has(path), { timeout: 30_000 }).toBe(true);
    await submit("late-2");
    await isHeld("/alerts");
    await page.locator(`#alert-${first.id} input[type=checkbox]`).focus();
    await page.keyboard.press("d");
    await page.keyboard.press("Enter");
    await isHeld("/alerts/act");
    held.get("/alerts")?.();
    await page.locator("[data-changed]").waitFor();
    held.get("/alerts/act")?.();
    await page.getByRole("status").getByText("Dismissed").waitFor();
    await page.keyboard.press("u");
    await page.getByRole("status").getByText("Taken back").waitFor();
    expect(problems).toEqual([]);
    await context.close();
  });

  test("a preview comes on demand only, and one key hides it at once", async () => {
    const { alerts } = await submit("preview-1");
    const { page, context, problems } = await signIn(browser, site, "Ana");
    await page.goto(`/alerts/${alerts[0].id}`);
    expect(await page.locator("img").count()).toBe(0);
    await page.getByRole("button", { name: "Fetch a coarse strip" }).click();
    await page.locator("img.strip").waitFor();
    await page.keyboard.press("Escape");
    expect(await page.locator("img").count()).toBe(0);
    expect(problems).toEqual([]);
    await context.close();
  });

  test("without JavaScript: one confirmed from its line, several dismissed at once, all undone again", async () => {
    const ids: string[] = [];
    for (const id of ["plain-1", "plain-2", "plain-3"]) ids.push((await submit(id)).alerts[0].id);
    const { page, context } = await signIn(browser, site, "Ana", { javaScriptEnabled: false });
    const states = async () => {
      const { rows } = await site.database.pool.query<{ state: string }>(
        "select state from alert where id = any($1::uuid[]) order by seq",
        [ids],
      );
      return rows.map(({ state }) => state);
    };
    await page.locator(`#alert-${ids[0]} button[name=one]`).click();
    await page.getByRole("status").getByText("Confirmed").waitFor();
    expect(await states()).toEqual(["confirmed", "open", "open"]);
    await page.locator(`#alert-${ids[1]} input[type=checkbox]`).check();
    await page.locator(`#alert-${ids[2]} input[type=checkbox]`).check();
    await page.locator("summary", { hasText: "Dismiss" }).click();
    await page.getByRole("button", { name: "Different material" }).click();
    await page.getByRole("status").getByText("2 alerts dismissed").waitFor();
    expect(await states()).toEqual(["confirmed", "dismissed", "dismissed"]);
    await page.locator(".flash button").click();
    await page.getByRole("status").getByText("Taken back").waitFor();
    expect(await states()).toEqual(["confirmed", "open", "open"]);
    await context.close();
  });
});
