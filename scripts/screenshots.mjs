/**
 * Makes docs/screenshots/*.png, which the README shows: the console with made-up, harmless data.
 *
 *     node --import ./test/support/typescript.mjs scripts/screenshots.mjs
 *
 * Needs chromium (CHROMIUM_PATH names it if it is not in its usual place).
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { openApp } from "../src/app.ts";
import { actOnAlerts } from "../src/casework/acts.ts";
import { reportTakedown } from "../src/casework/takedowns.ts";
import { loadConfig } from "../src/config.ts";
import { createWithPassword } from "../src/people/links.ts";
import { createLog } from "../src/platform/log.ts";
import { seed } from "../test/web/console/seed.ts";
import { CHROMIUM, CHROMIUM_ARGS, serveConsole } from "../test/web/console/serve.ts";

const OUT = join(dirname(dirname(fileURLToPath(import.meta.url))), "docs", "screenshots");
const PASSWORD = "a sentence for screenshots only";
const DESK = { width: 1280, height: 860 };
const PHONE = { width: 360, height: 760 };

/** Uploads lie some days apart, and some have been seen to. */
async function makeHistory(app, { alerts }) {
  const { pool } = app.database;
  await pool.query(
    `update submission set received_at = now() - interval '36 days' * power(1 - (seq - 1)::float8 / (select max(seq) from submission), 2) - interval '20 minutes'`,
  );
  await pool.query("update alert a set created_at = s.received_at from submission s where s.id = a.submission_id");
  await pool.query("update takedown t set created_at = s.received_at from submission s where s.id = t.submission_id");
  const { rows } = await pool.query("select id from alert where kind = 'match' order by seq limit 3");
  await actOnAlerts(
    pool,
    rows.map(({ id }) => id),
    "person:Arta",
    { kind: "confirm" },
    app.casework,
  );
  const takedowns = await pool.query("select id from takedown order by created_at limit 4");
  for (const [i, state] of ["removed", "removed", "acknowledged", "sent"].entries())
    await reportTakedown(pool, { takedownId: takedowns.rows[i].id, state }, "token:sender");
  await actOnAlerts(
    pool,
    [alerts.mirrored],
    "person:Arta",
    { kind: "note", text: "Asked the platform by telephone." },
    app.casework,
  );
}

async function shoot(browser, address, name, viewport, colorScheme, pages) {
  const context = await browser.newContext({ baseURL: address, viewport, colorScheme });
  const page = await context.newPage();
  await page.goto("/sign-in");
  await page.locator("input[name=name]").fill(name);
  await page.locator("input[name=password]").fill(PASSWORD);
  await page.locator("main form button:not([type=button])").first().click();
  await page.waitForURL(/\/alerts/);
  for (const [file, path, fullPage = false] of pages) {
    await page.goto(path);
    await page.screenshot({ path: join(OUT, `${file}.png`), fullPage });
  }
  await context.close();
}

if (!CHROMIUM) throw new Error("screenshots need chromium: apt-get install chromium, or set CHROMIUM_PATH");
const folder = mkdtempSync(join(tmpdir(), "reupload-screenshots-"));
chmodSync(folder, 0o711);
mkdirSync(OUT, { recursive: true });
const config = loadConfig({ REUPLOAD_DATA_DIR: join(folder, "data"), MEDIA_ROOTS: folder, LOG_LEVEL: "warn" });
const app = await openApp(config, createLog("warn"));
const { web } = await serveConsole(app);
const browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_ARGS });
try {
  const { pool } = app.database;
  await createWithPassword(pool, { name: "Arta", role: "caseworker", language: "en" }, PASSWORD, "cli");
  await createWithPassword(pool, { name: "Besa", role: "caseworker", language: "sq" }, PASSWORD, "cli");
  const seeded = await seed(pool);
  await makeHistory(app, seeded);
  const takedown = (await pool.query("select id from takedown order by created_at limit 1")).rows[0].id;
  await shoot(browser, web.address, "Arta", DESK, "light", [
    ["alerts", "/alerts"],
    ["alert", `/alerts/${seeded.alerts.mirrored}`],
    ["case", "/cases/C-17"],
    ["takedown", `/takedowns/${takedown}`],
    ["uploaders", "/uploaders"],
    ["system", "/system"],
  ]);
  await shoot(browser, web.address, "Besa", DESK, "dark", [["alert-sq-dark", `/alerts/${seeded.alerts.mirrored}`]]);
  await shoot(browser, web.address, "Besa", PHONE, "light", [
    ["phone-alerts-sq", "/alerts"],
    ["phone-alert-sq", `/alerts/${seeded.alerts.mirrored}`],
  ]);
} finally {
  await browser.close();
  await web.close();
  await app.close();
  rmSync(folder, { recursive: true, force: true });
}
