import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type App, openApp } from "../../src/app.js";
import { createIntakeClient } from "../../src/intake/client.js";
import { createLog } from "../../src/platform/log.js";
import { type Service, startService } from "../../src/service.js";
import { dir, image, make } from "../media/support.js";
import { BACKENDS, mediaServer, PATIENCE, send, sendSome, verdictOn } from "../stories/support.js";
import { testConfig } from "../support/config.js";
import { type TestDatabase, testDatabase } from "../support/database.js";

const innocent = make("-i", image("teapot.jpg"), "innocent.jpg");

for (const { name, missing, open } of BACKENDS) {
  describe.skipIf(missing !== "")(`one worker with queues on ${name} ${missing}`, () => {
    let database: TestDatabase;
    let backend: Awaited<ReturnType<typeof open>>;
    let server: Awaited<ReturnType<typeof mediaServer>>;
    let app: App;
    let service: Service;

    beforeAll(async () => {
      [database, backend, server] = await Promise.all([
        testDatabase(),
        open(),
        mediaServer((path, _, response) => {
          if (path.startsWith("/hangs")) sendSome(response, innocent);
          else if (path.startsWith("/fails")) response.writeHead(503).end();
          else send(response, innocent);
        }),
      ]);
      const config = testConfig({
        ...backend.variables,
        ...{ DATABASE_URL: database.connectionString, MEDIA_ROOTS: dir, MEDIA_ALLOW_PRIVATE_ADDRESSES: "1" },
        ...{ WORKER_CONCURRENCY: "1", WORKER_ATTEMPTS: "100", WORKER_BACKOFF_MS: "1000", FETCH_TIMEOUT_MS: "1000" },
      });
      app = await openApp(config, createLog("silent"));
      service = await startService(app, ["worker"]);
    });
    afterAll(async () => {
      await service.stop();
      await app.close();
      await Promise.all([database.close(), backend.close(), server.close()]);
    });

    test("what hangs or fails each time blocks nobody: what comes after it is scanned while that is tried again and again", async () => {
      const client = createIntakeClient(app.queues, database.pool);
      const submit = (submissionId: string) =>
        client.submit({ version: 1, submissionId, media: { url: `${server.url}/${submissionId}` } });
      for (const id of ["hangs-1", "fails-1", "hangs-2", "fails-2", "well-1", "well-2", "well-3"]) await submit(id);
      for (const id of ["well-1", "well-2", "well-3"]) expect((await verdictOn(database.pool, id)).verdict).toBe("clear");
      const { rows } = await database.pool.query<{ id: string }>("select submission_id as id from intake order by 1");
      expect(rows.map(({ id }) => id)).toEqual(["fails-1", "fails-2", "hangs-1", "hangs-2"]);
      for (const path of ["/fails-1", "/hangs-1"])
        await vi.waitFor(() => expect(server.asked(path)).toBeGreaterThan(1), PATIENCE);
    });
  });
}
