import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { createToken } from "../../src/people/tokens.js";
import { maskJobs } from "../../src/web/board-mask.js";
import { BACKENDS, PATIENCE } from "../stories/support.js";
import { browserMissing, clientOf, openConsole, signIn, startBrowser, type TestConsole } from "./console/support.js";

const SECRETS = ["media-secret", "page-secret", "profile-secret", "note-secret", "f".repeat(64)];

const JOB = {
  version: 1,
  submissionId: "intake-77",
  media: { url: "https://cdn.example/media-secret.mp4" },
  platform: "videosite",
  pageUrl: "https://videosite.example/page-secret",
  uploader: { id: "profile-secret" },
  metadata: { note: "note-secret" },
};

const hashJob = {
  version: 1,
  submissionId: "intake-78",
  media: { sha256: "f".repeat(64), kind: "image", fingerprints: [{ pdq: "f".repeat(64) }, {}], patchSets: [] },
};

describe.each(BACKENDS)("the board of queues in $name $missing", (backend) => {
  if (backend.missing) return it.skip("is not opened");
  let server: Awaited<ReturnType<typeof backend.open>>;
  let site: TestConsole;
  let browser: Browser | undefined;

  beforeAll(async () => {
    server = await backend.open();
    site = await openConsole({ variables: server.variables });
    await site.addPerson("ana", "admin");
    await site.addPerson("ben", "caseworker");
    const queue = site.app.queues.queue("submissions");
    await queue.add("scan", JOB, { jobId: "s-77" });
    await queue.add("scan", hashJob, { jobId: "s-78" });
    const failing = site.app.queues.worker("alerts", async () => {
      throw new Error(`cannot fetch ${JOB.media.url}`);
    });
    await site.app.queues.queue("alerts").add("alert", { alertId: "1", reasons: [`see ${JOB.pageUrl}`] }, { jobId: "a-1" });
    await vi.waitFor(
      async () => expect(await site.app.queues.queue("alerts").getJobCounts("failed")).toEqual({ failed: 1 }),
      PATIENCE,
    );
    await failing.close();
    browser = browserMissing ? undefined : await startBrowser();
  });

  afterAll(async () => {
    await browser?.close();
    await site.close();
    await server.close();
  });

  it.skipIf(browserMissing)(`shows queues and jobs to an admin, with no network but ours ${browserMissing}`, async () => {
    const { context, page, problems } = await signIn(browser!, site, "ana");
    const elsewhere: string[] = [];
    page.on("request", (request) => {
      if (!request.url().startsWith(site.address)) elsewhere.push(request.url());
    });
    await page.locator("header nav a[href='/admin/queues/']").click();
    await page.getByText("takedown-results").first().waitFor();
    await page.goto("/admin/queues/queue/submissions?status=latest");
    await page.getByText("intake-77").first().waitFor();
    for (const secret of SECRETS) expect(await page.content()).not.toContain(secret);
    await page.goto("/admin/queues/queue/alerts/a-1");
    await page.getByText("a-1").first().waitFor();
    for (const secret of SECRETS) expect(await page.content()).not.toContain(secret);
    // Nothing to change anything with.
    for (const name of [/^retry/i, /^promote/i, /^clean/i, /^pause/i, /^empty/i, /^add job/i, /^obliterate/i])
      expect(await page.getByRole("button", { name }).count(), String(name)).toBe(0);
    expect(elsewhere).toEqual([]);
    expect(problems).toEqual([]);
    await context.close();
  });

  it("says what waits, hides what the log hides, and writes down who looked, once", async () => {
    const admin = await clientOf(site, "ana");
    for (let again = 0; again < 2; again++) {
      const queues = JSON.parse((await admin.get("/admin/queues/api/queues?activeQueue=submissions&page=1&jobsPerPage=10")).html);
      const submissions = queues.queues.find((queue: { name: string }) => queue.name === "submissions");
      expect(submissions).toMatchObject({ counts: { waiting: 2 }, readOnlyMode: true });
      const data = submissions.jobs.find((job: { id: string }) => job.id === "s-77").data;
      expect(data).toMatchObject({ submissionId: "intake-77", platform: "videosite", uploader: "[hidden]" });
    }
    const failed = await admin.get("/admin/queues/api/queues/alerts/a-1");
    expect(JSON.parse(failed.html)).toMatchObject({ status: "failed", job: { failedReason: "cannot fetch [hidden url]" } });
    for (const path of ["queues?activeQueue=submissions&page=1&jobsPerPage=10", "queues/submissions/s-78", "queues/alerts/a-1"]) {
      const { html, status } = await admin.get(`/admin/queues/api/${path}`);
      expect(status).toBe(200);
      for (const secret of SECRETS) expect(html).not.toContain(secret);
    }
    const { rows } = await site.database.pool.query(
      "select actor, act, subject, count(*)::int as n from audit_log where act in ('queues read', 'queue read') group by 1, 2, 3",
    );
    const subjects = Object.fromEntries(rows.map((row) => [row.subject, row.n]));
    expect(subjects).toMatchObject({ "queue:submissions": 1, "job:submissions/s-78": 1, "job:alerts/a-1": 1 });
    expect(new Set(rows.map((row) => row.actor))).toEqual(new Set(["person:ana"]));
  });

  it("has the figures of its server, and no route that changes anything", async () => {
    const admin = await clientOf(site, "ana");
    const stats = JSON.parse((await admin.get("/admin/queues/api/redis/stats")).html);
    expect(stats.version).toMatch(/^\d+\./);
    for (const path of ["queues/submissions/s-77/clean", "queues/submissions/empty", "queues/submissions/add"]) {
      const { status } = await admin.post(`/admin/queues/api/${path}`, {});
      expect([403, 404], path).toContain(status);
    }
    expect(await site.app.queues.queue("submissions").getJobCounts("waiting")).toEqual({ waiting: 2 });
  });

  it("is closed to everyone else", async () => {
    const worker = await clientOf(site, "ben");
    const { secret } = await createToken(site.database.pool, { name: `all-${backend.name}`, scopes: ["admin"] }, "test");
    for (const path of ["/admin/queues/", "/admin/queues/api/queues", "/admin/queues/static/images/logo.svg"]) {
      expect((await worker.get(path)).status, path).toBe(403);
      expect((await fetch(site.address + path, { redirect: "manual" })).status, path).toBe(401);
      const token = await fetch(site.address + path, { headers: { authorization: `Bearer ${secret}` } });
      expect(token.status, path).toBe(403);
    }
    const asked = await fetch(`${site.address}/admin/queues/`, { headers: { accept: "text/html" }, redirect: "manual" });
    expect(asked.headers.get("location")).toBe("/sign-in?next=%2Fadmin%2Fqueues%2F");
    expect((await worker.get("/alerts")).html).not.toContain("/admin/queues");
  });

  it("hands out the files that belong to it, and no others", async () => {
    const admin = await clientOf(site, "ana");
    const logo = await admin.get("/admin/queues/static/images/logo.svg");
    expect(logo.headers.get("content-type")).toBe("image/svg+xml");
    for (const path of ["..%2findex.ejs", "%2e%2e%2f%2e%2e%2fpackage.json", "js/none.js", "js"])
      expect((await admin.get(`/admin/queues/static/${path}`)).status, path).toBe(404);
    const { html, headers } = await admin.get("/admin/queues/");
    expect(html).not.toMatch(/<%|https?:|<style/);
    expect(headers.get("content-security-policy")).toContain("default-src 'none'; script-src 'self'; style-src 'self' 'sha256-");
  });
});

it("hides what is deep inside, keeps the names of jobs, and counts long lists", () => {
  const id = `s-${"a".repeat(64)}`;
  const job = { id, opts: { jobId: id, note: id }, data: hashJob, stacktrace: [`Error: ${JOB.pageUrl}\n at x`] };
  expect(maskJobs(job)).toEqual({
    id,
    opts: { jobId: id, note: "s-[hidden hash]" },
    data: { ...hashJob, media: { sha256: "[hidden]", kind: "image", fingerprints: "2 hidden", patchSets: "0 hidden" } },
    stacktrace: ["Error: [hidden url]\n at x"],
  });
});
