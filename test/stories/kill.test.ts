import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type App, openApp } from "../../src/app.js";
import { createIntakeClient, SUBMISSIONS } from "../../src/intake/client.js";
import { createLog } from "../../src/platform/log.js";
import { jobIdFor } from "../../src/platform/queues.js";
import { register } from "../../src/register.js";
import { dir, ffmpegsReading, image, make, video } from "../media/support.js";
import { testConfig } from "../support/config.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import {
  BACKENDS,
  delivered,
  mediaServer,
  ONE_OF_EACH,
  PATIENCE,
  rowsOf,
  type ServiceProcess,
  send,
  sendSome,
  serviceProcess,
  verdictOn,
} from "./support.js";

const log = createLog("silent");

/** Every step starts a process, which takes its time on a busy machine. */
vi.setConfig({ testTimeout: 180_000 });

const ATTEMPTS = 2;

const picture = make("-i", image("butterfly.jpg"), "-q:v", "6", "picture.jpg");
/** Long enough to be caught in the middle of it. */
const long = make("-stream_loop", "15", "-i", video("friday.mp4"), "-an", "-c", "copy", "long.mp4");

for (const { name, missing, open } of BACKENDS) {
  describe.skipIf(missing !== "")(`with queues on ${name} ${missing}`, () => {
    let database: TestDatabase;
    let backend: Awaited<ReturnType<typeof open>>;
    let server: Awaited<ReturnType<typeof mediaServer>>;
    let app: App;
    let env: NodeJS.ProcessEnv;
    const processes: ServiceProcess[] = [];
    /** How many requests for a path are answered in part, and then with silence; and how many after them with 503. */
    const troubles = new Map<string, { silent: number; failing?: number }>();

    beforeAll(async () => {
      [database, backend, server] = await Promise.all([
        testDatabase(),
        open(),
        mediaServer((path, nth, response) => {
          const { silent = 0, failing = 0 } = troubles.get(path) ?? {};
          if (nth <= silent) sendSome(response, picture);
          else if (nth <= silent + failing) response.writeHead(503).end();
          else send(response, picture);
        }),
      ]);
      const config = testConfig({ ...backend.variables, DATABASE_URL: database.connectionString });
      env = {
        ...backend.variables,
        DATABASE_URL: database.connectionString,
        REUPLOAD_DATA_DIR: config.dataDir,
        MEDIA_TMP_DIR: config.mediaTmpDir,
        MEDIA_ROOTS: dir,
        MEDIA_ALLOW_PRIVATE_ADDRESSES: "1",
        WORKER_LOCK_MS: "2000",
        WORKER_BACKOFF_MS: "100",
        WORKER_ATTEMPTS: String(ATTEMPTS),
      };
      app = await openApp(config, log);
      const { signal } = new AbortController();
      await register(
        app.registerSteps,
        { path: image("butterfly.jpg") },
        { caseId: "C-1", label: "b", provenance: "own" },
        signal,
      );
      await register(app.registerSteps, { path: video("friday.mp4") }, { caseId: "C-2", label: "f", provenance: "own" }, signal);
    });

    afterAll(async () => {
      for (const process of processes) process.child.kill("SIGKILL");
      await app.close();
      await Promise.all([database.close(), backend.close(), server.close()]);
    });

    const start = async (over: NodeJS.ProcessEnv = {}) => {
      const started = await serviceProcess({ ...env, ...over });
      processes.push(started);
      return started;
    };
    const submitUrl = async (submissionId: string, trouble: { silent: number; failing?: number }) => {
      troubles.set(`/${submissionId}`, trouble);
      await submit(submissionId, { url: `${server.url}/${submissionId}` });
    };
    const submit = (submissionId: string, media: { url: string } | { path: string }) =>
      createIntakeClient(app.queues).submit({ version: 1, submissionId, media, platform: "videosite" });
    const asked = (submissionId: string, times: number) =>
      vi.waitFor(() => expect(server.asked(`/${submissionId}`)).toBeGreaterThanOrEqual(times), PATIENCE);

    async function expectOneOfEach(submissionId: string): Promise<void> {
      expect((await verdictOn(database.pool, submissionId)).verdict).toBe("match");
      for (const queue of ["alerts", "takedowns"]) {
        expect(await delivered(database.pool, app.queues, queue, submissionId)).toHaveLength(1);
      }
      expect(await rowsOf(database.pool, submissionId)).toEqual(ONE_OF_EACH);
    }

    test("a worker killed while it fetches and decodes is replaced by another, with one verdict, alert and takedown each", async () => {
      const first = await start();
      await submitUrl("fetching", { silent: 1 });
      await submit("decoding", { path: long });
      await asked("fetching", 1);
      await vi.waitFor(() => expect(ffmpegsReading(long)).not.toEqual([]), PATIENCE);
      expect(await first.end("SIGKILL")).toBe("SIGKILL");
      await vi.waitFor(() => expect(ffmpegsReading(long)).toEqual([]), PATIENCE);
      const second = await start();
      await expectOneOfEach("fetching");
      await expectOneOfEach("decoding");
      expect(await second.end("SIGTERM")).toBe(0);
    });

    test("told to stop, it finishes the scan under way, delivers what came of it, and exits with 0", async () => {
      const service = await start();
      await submit("drained", { path: long });
      await vi.waitFor(() => expect(ffmpegsReading(long)).not.toEqual([]), PATIENCE);
      expect(await service.end("SIGTERM")).toBe(0);
      expect(ffmpegsReading(long)).toEqual([]);
      expect(await rowsOf(database.pool, "drained")).toEqual(ONE_OF_EACH);
      expect(await delivered(database.pool, app.queues, "takedowns", "drained")).toHaveLength(1);
    });

    test("told to stop without time for it, it hands the job back, and that is no attempt", async () => {
      for (let stop = 1; stop <= ATTEMPTS; stop++) {
        const service = await start({ SHUTDOWN_GRACE_MS: "0" });
        if (stop === 1) await submitUrl("handed-back", { silent: ATTEMPTS, failing: 1 });
        await asked("handed-back", stop);
        expect(await service.end("SIGTERM")).toBe(0);
        expect(await rowsOf(database.pool, "handed-back")).toMatchObject({ verdicts: 0 });
      }
      const last = await start();
      await expectOneOfEach("handed-back");
      await last.end("SIGTERM");
    });

    test("a submission that brings down worker after worker ends before a person, not in silence", async () => {
      await submitUrl("deadly", { silent: Number.POSITIVE_INFINITY });
      for (let death = 1; death <= ATTEMPTS + 1; death++) {
        const worker = await start();
        await asked("deadly", death);
        await worker.end("SIGKILL");
      }
      const last = await start();
      const report = await verdictOn(database.pool, "deadly");
      expect(report).toMatchObject({ verdict: "unscannable", alerts: [{ kind: "unscannable" }] });
      expect(report.verdicts[0].reasons[0]).toMatch(/^the program died \d times while scanning it$/);
      await vi.waitFor(
        async () => expect(await app.queues.queue(SUBMISSIONS).getJobState(jobIdFor("deadly"))).toBe("completed"),
        PATIENCE,
      );
      await last.end("SIGTERM");
    });
  });
}
