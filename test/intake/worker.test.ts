import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type App, openApp } from "../../src/app.js";
import { createIntakeClient, SUBMISSIONS } from "../../src/intake/client.js";
import type { ScanJob } from "../../src/intake/job.js";
import { listParked } from "../../src/intake/park.js";
import { createLog } from "../../src/platform/log.js";
import { createQueues, jobIdFor } from "../../src/platform/queues.js";
import { register } from "../../src/register.js";
import { type Service, startService } from "../../src/service.js";
import { dir, image, make, video } from "../media/support.js";
import { BACKENDS, delivered, mediaServer, ONE_OF_EACH, PATIENCE, rowsOf, send, verdictOn } from "../stories/support.js";
import { testConfig } from "../support/config.js";
import { type TestDatabase, testDatabase } from "../support/database.js";

const log = createLog("silent");
const ATTEMPTS = 3;

const picture = make("-i", image("butterfly.jpg"), "-vf", "scale=400:-2", "-q:v", "6", "picture.jpg");
const clip = make("-i", video("friday.mp4"), "-an", "-vf", "hflip,scale=320:-2", "-preset", "ultrafast", "clip.mp4");
const innocent = make("-i", image("teapot.jpg"), "innocent.jpg");
const black = make("-f", "lavfi", "-i", "color=black:s=160x120:d=2:r=5", "-preset", "ultrafast", "black.mp4");
const broken = join(dir, "broken.mp4");
writeFileSync(broken, "this is not a video");

let made = 0;

for (const { name, missing, open } of BACKENDS) {
  describe.skipIf(missing !== "")(`with queues on ${name} ${missing}`, () => {
    let database: TestDatabase;
    let backend: Awaited<ReturnType<typeof open>>;
    let app: App;
    let service: Service;
    let server: Awaited<ReturnType<typeof mediaServer>>;

    beforeAll(async () => {
      [database, backend, server] = await Promise.all([testDatabase(), open(), mediaServer(answer)]);
      const config = testConfig({
        ...backend.variables,
        DATABASE_URL: database.connectionString,
        MEDIA_ROOTS: dir,
        MEDIA_ALLOW_PRIVATE_ADDRESSES: "1",
        WORKER_ATTEMPTS: String(ATTEMPTS),
        WORKER_BACKOFF_MS: "20",
      });
      app = await openApp(config, log);
      const { signal } = new AbortController();
      await register(
        app.registerSteps,
        { path: image("butterfly.jpg") },
        { caseId: "C-1", label: "b", provenance: "own" },
        signal,
      );
      await register(app.registerSteps, { path: video("friday.mp4") }, { caseId: "C-2", label: "f", provenance: "own" }, signal);
      service = await startService(app, ["worker", "relay"]);
    });

    afterAll(async () => {
      await service.stop();
      await app.close();
      await Promise.all([database.close(), backend.close(), server.close()]);
    });

    /** What the server does: `/down` never works, `/flaky` works the third time, `/gone` is not there, `/interrupted` drops every database connection first. */
    const answer: Parameters<typeof mediaServer>[0] = (path, nth, response) => {
      if (path === "/down" || (path === "/flaky" && nth <= 2)) response.writeHead(503).end();
      else if (path === "/gone") response.writeHead(404).end();
      else if (path === "/later") response.writeHead(429, { "retry-after": "600" }).end();
      else if (path === "/interrupted") void dropConnections().then(() => send(response, picture));
      else send(response, picture);
    };

    const dropConnections = () =>
      app.database.pool.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
      );

    const job = (media: ScanJob["media"], over: object = {}): ScanJob => ({
      version: 1,
      submissionId: `s-${++made}`,
      media,
      platform: "videosite",
      pageUrl: "https://videosite.example/watch",
      uploader: { id: "profile-1" },
      ...over,
    });
    const submit = (of: ScanJob) => createIntakeClient(app.queues).submit(of);
    const add = (data: unknown, options?: object) => app.queues.queue<unknown>(SUBMISSIONS).add("scan", data, options);
    const parked = (jobId: string) =>
      vi.waitFor(async () => {
        const found = (await listParked(app.database.pool, 100)).find((p) => p.jobId === jobId);
        expect(found, `parked job ${jobId}`).toBeDefined();
        return found!;
      }, PATIENCE);
    const become = (jobId: string, state: string) =>
      vi.waitFor(async () => expect(await app.queues.queue(SUBMISSIONS).getJobState(jobId)).toBe(state), PATIENCE);

    test("a server that asks to wait is not asked before", async () => {
      const of = job({ url: `${server.url}/later` });
      await submit(of);
      const jobId = jobIdFor(of.submissionId);
      await become(jobId, "delayed");
      const waiting = await app.queues.queue(SUBMISSIONS).getJob(jobId);
      expect(waiting?.delay).toBe(600_000);
      await waiting?.remove();
    });

    test.each([
      ["video", clip, "C-2"],
      ["picture", picture, "C-1"],
    ])("a re-uploaded %s is recognised, and its alert and takedown reach their queues once", async (_, path, caseId) => {
      const of = job({ path });
      await submit(of);
      const report = await verdictOn(app.database.pool, of.submissionId);
      expect(report).toMatchObject({ verdict: "match", caseIds: [caseId], reuploadNumber: 1 });
      const [alerts, takedowns] = await Promise.all(
        ["alerts", "takedowns"].map((queue) => delivered(app.database.pool, app.queues, queue, of.submissionId)),
      );
      expect(alerts).toMatchObject([{ alertId: report.alertId, kind: "match", cases: [caseId], verdict: "match" }]);
      expect(takedowns).toMatchObject([{ takedownId: report.takedownId, case: caseId, platform: "videosite", attempt: 1 }]);
    });

    test("an innocent picture is clear, and nobody hears of it", async () => {
      const of = job({ path: innocent });
      await submit(of);
      expect((await verdictOn(app.database.pool, of.submissionId)).verdict).toBe("clear");
      expect(await rowsOf(app.database.pool, of.submissionId)).toEqual({ verdicts: 1, alerts: 0, takedowns: 0 });
    });

    test("one submission that arrives as five jobs has one verdict, one alert and one takedown", async () => {
      const of = job({ path: picture });
      await Promise.all([submit(of), submit(of), ...["x", "y", "z"].map((id) => add(of, { jobId: `${of.submissionId}-${id}` }))]);
      for (const id of ["x", "y", "z"]) await become(`${of.submissionId}-${id}`, "completed");
      expect((await verdictOn(app.database.pool, of.submissionId)).verdict).toBe("match");
      expect(await rowsOf(app.database.pool, of.submissionId)).toEqual(ONE_OF_EACH);
      expect(await delivered(app.database.pool, app.queues, "alerts", of.submissionId)).toHaveLength(1);
      expect(await delivered(app.database.pool, app.queues, "takedowns", of.submissionId)).toHaveLength(1);
    });

    test("an id that was used for other content is parked, and the first outcome stays", async () => {
      const of = job({ path: innocent });
      await submit(of);
      await verdictOn(app.database.pool, of.submissionId);
      const { id } = await add({ ...of, media: { path: picture } });
      expect(await parked(id!)).toMatchObject({ submissionId: of.submissionId, field: "submissionId" });
      expect((await parked(id!)).reason).toContain("media.path differs");
      expect((await verdictOn(app.database.pool, of.submissionId)).verdict).toBe("clear");
    });

    test("the intake client says so at once when the queue has the id with other content", async () => {
      const of = job({ path: innocent });
      await submit(of);
      await expect(submit({ ...of, media: { path: picture } })).rejects.toMatchObject({ field: "submissionId" });
      await expect(submit({ ...of, priority: 3 })).resolves.toBeUndefined();
    });

    test.each([
      ["an address that is a script", { url: "javascript:alert(1)" }, {}, "media.url"],
      ["an address with a password", { url: "https://user:secret@cdn.example/a.mp4" }, {}, "media.url"],
      ["a file outside MEDIA_ROOTS", { path: "/etc/hostname" }, {}, "media.path"],
      ["a folder", { path: dirname(dir) }, {}, "media.path"],
      ["a field that does not exist", { path: picture }, { colour: "red" }, "colour"],
    ])("%s is parked by the name of the field, and the next job goes on", async (_, media, over, field) => {
      const wrong = await add(job(media, over));
      const right = job({ path: innocent });
      await submit(right);
      expect(await parked(wrong.id!)).toMatchObject({ queue: SUBMISSIONS, field });
      await become(wrong.id!, "failed");
      expect((await verdictOn(app.database.pool, right.submissionId)).verdict).toBe("clear");
    });

    test("a payload that is no job at all is parked too", async () => {
      const { id } = await add(["not", "a", "job", "😀".repeat(40_000)]);
      expect(await parked(id!)).toMatchObject({ submissionId: null, field: "job" });
    });

    test("a parked submission that is mended and sent again is scanned", async () => {
      const of = job({ path: "/etc/hostname" });
      await submit(of);
      await vi.waitFor(async () => {
        const reasons = (await listParked(app.database.pool, 100)).filter((p) => p.submissionId === of.submissionId);
        expect(reasons).toHaveLength(1);
      }, PATIENCE);
      await vi.waitFor(async () => expect(await submit({ ...of, media: { path: picture } })).toBeUndefined(), PATIENCE);
      expect((await verdictOn(app.database.pool, of.submissionId)).verdict).toBe("match");
    });

    test.each([
      ["a file that is no video", { path: broken }],
      ["a video that is all black", { path: black }],
      ["a file that is not there", { path: join(dir, "missing.mp4") }],
      ["an address that answers 404", { url: "/gone" }],
    ])("%s is unscannable, with the reason, and a person sees it", async (_, media) => {
      const of = job("url" in media ? { url: `${server.url}${media.url}` } : media);
      await submit(of);
      const report = await verdictOn(app.database.pool, of.submissionId);
      expect(report).toMatchObject({ verdict: "unscannable", caseIds: [], alerts: [{ kind: "unscannable", state: "open" }] });
      const [alert] = await delivered(app.database.pool, app.queues, "alerts", of.submissionId);
      expect(alert).toMatchObject({ kind: "unscannable", reasons: [expect.stringMatching(/\w{3}/)] });
      expect(report.takedown).toBeUndefined();
    });

    test("a job from a client that asked for no retries still gets them", async () => {
      const foreign = createQueues(app.config, database.connectionString, log);
      const of = job({ url: `${server.url}/flaky` });
      await foreign.queue(SUBMISSIONS).add("scan", of);
      await foreign.close();
      expect((await verdictOn(app.database.pool, of.submissionId)).verdict).toBe("match");
      expect(server.asked("/flaky")).toBe(3);
      expect(await rowsOf(app.database.pool, of.submissionId)).toEqual(ONE_OF_EACH);
    });

    test("a job that cannot be parked, because the database is in trouble, comes back until it is", async () => {
      await app.database.pool.query("alter table parked_job rename to parked_job_away");
      const { id } = await add(job({ url: "javascript:alert(1)" }));
      await vi.waitFor(async () => {
        expect((await app.queues.queue(SUBMISSIONS).getJob(id!))!.attemptsMade).toBeGreaterThan(0);
      }, PATIENCE);
      await app.database.pool.query("alter table parked_job_away rename to parked_job");
      expect(await parked(id!)).toMatchObject({ field: "media.url" });
      await become(id!, "failed");
    });

    test("a scan in the middle of which every database connection drops is recorded once", async () => {
      const of = job({ url: `${server.url}/interrupted` });
      await submit(of);
      expect(await verdictOn(app.database.pool, of.submissionId)).toMatchObject({ verdict: "match" });
      expect(server.asked("/interrupted")).toBeGreaterThan(0);
      expect(await rowsOf(app.database.pool, of.submissionId)).toEqual(ONE_OF_EACH);
    });

    test("what fails every time becomes unscannable, and says how often it was tried", async () => {
      const of = job({ url: `${server.url}/down` });
      await submit(of);
      const report = await verdictOn(app.database.pool, of.submissionId);
      expect(report.verdicts[0].reasons[0]).toMatch(/answered 503 .*tried 3 times/);
      expect(report.alerts).toMatchObject([{ kind: "unscannable" }]);
      expect(server.asked("/down")).toBe(ATTEMPTS);
    });
  });
}
