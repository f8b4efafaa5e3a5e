import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type App, openApp } from "../../src/app.js";
import { createIntakeClient } from "../../src/intake/client.js";
import { createLog } from "../../src/platform/log.js";
import { startService } from "../../src/service.js";
import { dir, image, make } from "../media/support.js";
import { testConfig } from "../support/config.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { mediaServer, send, verdictOn } from "./support.js";

const log = createLog("silent");
const signal = new AbortController().signal;
const picture = make("-i", image("teapot.jpg"), "-vf", "scale=400:-2", "slow.jpg");

/** A picture takes a fraction of it. */
const SCAN_TIMEOUT_MS = 5_000;

let database: TestDatabase;
let app: App;
beforeAll(async () => {
  database = await testDatabase();
  const limits = { SCAN_TIMEOUT_MS: String(SCAN_TIMEOUT_MS), FETCH_TIMEOUT_MS: "60000" };
  const variables = { DATABASE_URL: database.connectionString, MEDIA_ALLOW_PRIVATE_ADDRESSES: "1", WORKER_ATTEMPTS: "2" };
  app = await openApp(testConfig({ ...variables, ...limits }), log);
});
afterAll(async () => {
  await app.close();
  await database.close();
});

test("a server that needs more time than a scan may take leaves the scan all of its own", async () => {
  const server = await mediaServer((_path, _nth, response) => {
    setTimeout(() => send(response, picture), SCAN_TIMEOUT_MS + 500);
  });
  const service = await startService(app, ["worker"]);
  await createIntakeClient(app.queues).submit({ version: 1, submissionId: "slow", media: { url: `${server.url}/slow.jpg` } });
  expect(await verdictOn(app.database.pool, "slow")).toMatchObject({ verdict: "clear" });
  await service.stop();
  await server.close();
});

test("what takes too long once the media is there is stopped", async () => {
  const hasty = await openApp({ ...app.config, scanTimeoutMs: 1, mediaRoots: [dir] }, log);
  await expect(hasty.scanSteps.read({ path: picture }, signal)).rejects.toMatchObject({
    reason: "reading it takes longer than 0.001 s (SCAN_TIMEOUT_MS)",
  });
  await hasty.close();
});

test("what takes too long before the media is there is for another try, and says so", async () => {
  const large = join(dir, "large.mp4");
  await writeFile(large, "");
  await truncate(large, 64_000_000);
  const hasty = await openApp({ ...app.config, fetchTimeoutMs: 0.5, mediaRoots: [dir] }, log);
  await expect(hasty.scanSteps.read({ path: large }, signal)).rejects.toMatchObject({
    name: "TransientError",
    message: "fetching it takes longer than 0.001 s (twice FETCH_TIMEOUT_MS)",
  });
  await hasty.close();
});
