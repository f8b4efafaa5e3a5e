import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { image, make } from "../../media/support.js";
import { delivered, mediaServer, PATIENCE, send } from "../../stories/support.js";
import { form, type TestApi, testApi } from "./support.js";

const KNOWN = image("butterfly.jpg");
const copy = make("-i", KNOWN, "-vf", "scale=400:-2", "-q:v", "6", "api-copy.jpg");

let api: TestApi;
let site: Awaited<ReturnType<typeof mediaServer>>;

beforeAll(async () => {
  api = await testApi({ roles: ["worker", "relay"] });
  site = await mediaServer((_path, _nth, response) => send(response, copy));
});

afterAll(async () => {
  await site.close();
  await api.close();
});

const post = (url: string, payload: object) => api.ask({ method: "POST", url, payload });

test("the whole loop over HTTP: known material, submission, verdict, alert, confirmation, takedown, result", async () => {
  const registered = await api.ask({
    method: "POST",
    url: "/v1/references/upload",
    ...form({ caseId: "C-17", class: "baseline" }, { name: "butterfly.jpg", bytes: readFileSync(KNOWN) }),
  });
  expect(registered.statusCode).toBe(201);
  expect(registered.json()).toMatchObject({ caseId: "C-17", label: "butterfly.jpg", class: "baseline", repeated: false });

  const job = {
    submissionId: "intake-1",
    media: { url: `${site.url}/copy.jpg` },
    platform: "videosite",
    pageUrl: "https://videosite.example/1",
    uploader: { id: "profile-1" },
  };
  const accepted = await post("/v1/submissions", job);
  expect(accepted.statusCode).toBe(202);
  expect(accepted.json()).toEqual({ submissionId: "intake-1", state: "queued" });
  expect(accepted.headers.location).toBe("/v1/submissions/intake-1");

  const submission = await vi.waitFor(async () => {
    const report = (await api.ask({ url: String(accepted.headers.location) })).json();
    expect(report.state).toBe("scanned");
    return report;
  }, PATIENCE);
  expect(submission).toMatchObject({ verdict: "match", caseIds: ["C-17"], reuploadNumber: 1, platform: "videosite" });
  expect(submission.verdicts[0].matches[0]).toMatchObject({ caseId: "C-17", verdict: "match" });
  expect(JSON.stringify(submission)).not.toContain(site.url);

  const again = await post("/v1/submissions", job);
  expect(again.statusCode).toBe(200);
  expect(again.json()).toMatchObject({ state: "scanned", verdict: "match", alertId: submission.alertId });

  const { items } = (await api.ask({ url: "/v1/alerts" })).json();
  expect(items).toHaveLength(1);
  const alert = (await api.ask({ url: `/v1/alerts/${items[0].id}` })).json();
  expect(alert).toMatchObject({ state: "open", kind: "match", caseId: "C-17", nthOfCase: 1, nthOfUploader: 1 });

  const confirmed = await post(`/v1/alerts/${alert.id}/acts`, { kind: "confirm" });
  expect(confirmed.statusCode).toBe(200);
  expect(confirmed.json()).toMatchObject({ state: "confirmed", takedown: { state: "queued" } });

  const [message] = await delivered(api.database.pool, api.app.queues, "takedowns", "intake-1");
  const takedownId = String(message.takedownId);
  for (const state of ["sent", "removed"]) {
    const result = await post(`/v1/takedowns/${takedownId}/results`, { state, attempt: 1 });
    expect(result.json()).toEqual({ outcome: "applied", state });
  }
  const takedown = (await api.ask({ url: `/v1/takedowns/${takedownId}` })).json();
  expect(takedown).toMatchObject({ state: "removed", platform: "videosite" });
  expect(takedown.events.map((event: { state: string }) => event.state)).toEqual(expect.arrayContaining(["sent", "removed"]));

  const timeline = (await api.ask({ url: "/v1/cases/C-17/timeline" })).json();
  expect(timeline.summary).toMatchObject({ uploads: 1, uploaders: 1, platforms: 1 });
  const evidence = await api.ask({ url: "/v1/cases/C-17/evidence" });
  expect(evidence.json().entries.map((entry: { about: string }) => entry.about)).toContain("re-upload");
  const pdf = await api.ask({ url: "/v1/cases/C-17/evidence.pdf?language=sq" });
  expect(pdf.rawPayload.subarray(0, 5).toString()).toBe("%PDF-");
  expect((await api.ask({ url: "/v1/uploaders" })).json().items).toMatchObject([
    { platform: "videosite", id: "profile-1", reuploads: 1 },
  ]);
  expect((await api.ask({ url: "/v1/uploaders/videosite/profile-1" })).statusCode).toBe(200);
  expect((await api.ask({ url: "/v1/platforms" })).json().items).toMatchObject([{ platform: "videosite", removed: 1 }]);

  const { rows: reads } = await api.database.pool.query(
    "select act, subject from audit_log where act in ('alert read', 'alerts listed', 'case read') order by number",
  );
  expect(reads).toEqual([
    { act: "alerts listed", subject: "alerts" },
    { act: "alert read", subject: `alert:${alert.id}` },
  ]);
});
