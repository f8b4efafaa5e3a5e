import { readdirSync, readFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { SUBMISSIONS } from "../../../src/intake/client.js";
import { parkJob } from "../../../src/intake/park.js";
import { jobIdFor } from "../../../src/platform/queues.js";
import { image, video } from "../../media/support.js";
import { form, type TestApi, testApi } from "./support.js";

let api: TestApi;

beforeAll(async () => {
  api = await testApi();
});

afterAll(() => api.close());

/** Whatever happened, no media stays. */
afterEach(() => expect(readdirSync(api.parts.config.mediaTmpDir)).toEqual([]));

const post = (payload: object, url = "/v1/submissions") =>
  api.ask({ method: "POST", url, payload, rights: ["submissions:write"] });
const job = (submissionId: string, over: object = {}) => ({
  submissionId,
  media: { url: "https://media.example/1.mp4" },
  ...over,
});
const queued = (submissionId: string) => api.app.queues.queue(SUBMISSIONS).getJob(jobIdFor(submissionId));
const upload = (fields: Record<string, string>, file?: { name: string; bytes: Buffer<ArrayBuffer>; field?: string }) =>
  api.ask({ method: "POST", url: "/v1/submissions/upload", rights: ["submissions:write"], ...form(fields, file) });
const butterfly = () => ({ name: "b.jpg", bytes: readFileSync(image("butterfly.jpg")) });

const HASHES = {
  sha256: "ab".repeat(32),
  kind: "image",
  fingerprints: [{ algorithm: "luma64-pdq/1", atMs: 0, pdq: "5a".repeat(32), quality: 100 }],
};

describe("POST /v1/submissions", () => {
  test("queues the job as any other intake would have written it", async () => {
    const given = job("s-1", { platform: "videosite", uploader: { id: "u" }, metadata: { ticket: 7 }, priority: 5 });
    expect((await post(given)).statusCode).toBe(202);
    const made = await queued("s-1");
    expect(made?.data).toEqual({ version: 1, ...given });
    expect(made?.opts.priority).toBe(5);
  });

  test("takes hashes without media", async () => {
    expect((await post(job("s-2", { media: HASHES }))).statusCode).toBe(202);
    expect((await queued("s-2"))?.data).toMatchObject({ media: HASHES });
  });

  test("is the same job when it is sent again, and refuses other content under the same id, naming what differs", async () => {
    expect((await post(job("s-3"))).statusCode).toBe(202);
    expect((await post(job("s-3"))).statusCode).toBe(202);
    const other = await post(job("s-3", { platform: "elsewhere" }));
    expect(other.statusCode).toBe(409);
    expect(other.json().errors).toEqual([
      { field: "submissionId", message: "was used before for other content; platform differs. Use a new submissionId" },
    ]);
  });

  test.each([
    ["media.url", job("x", { media: { url: "ftp://media.example/1" } })],
    ["media.path", job("x", { media: { path: "/etc/passwd" } })],
    ["media.fingerprints.0.pdq", job("x", { media: { ...HASHES, fingerprints: [{ ...HASHES.fingerprints[0], pdq: "no" }] } })],
    ["uploader.name", job("x", { uploader: { name: "u" } })],
    ["submissionId", { media: { url: "https://media.example/1.mp4" } }],
    ["submissionId", job("caf\u00e9")],
    ["reportedAt", job("x", { reportedAt: "yesterday" })],
    ["priority", job("x", { priority: -1 })],
    ["metadata", job("x", { metadata: { text: "a\u0000b" } })],
    ["platform", job("x", { platform: "a\u0007b" })],
  ])("names the field %s when that is what is wrong, and queues nothing", async (field, body) => {
    const response = await post(body);
    expect(response.statusCode).toBe(422);
    expect(response.json().errors.map((error: { field: string }) => error.field)).toContain(field);
    expect(await queued("x")).toBeUndefined();
  });
});

describe("POST /v1/submissions/batch", () => {
  test("has an outcome for each, in order; a wrong one does not stop the others", async () => {
    const submissions = [
      job("b-1"),
      job("b-2", { media: { url: "nowhere" } }),
      null,
      job("b-3", { media: { path: "/etc/passwd" } }),
      job("b-1", { platform: "other" }),
      job("b-4", { media: HASHES }),
    ];
    const response = await post({ submissions }, "/v1/submissions/batch");
    expect(response.statusCode).toBe(200);
    const { accepted, refused, outcomes } = response.json();
    expect([accepted, refused]).toEqual([2, 4]);
    expect(outcomes.map((o: { status: number }) => o.status)).toEqual([202, 422, 422, 422, 409, 202]);
    expect(outcomes.map((o: { index: number }) => o.index)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(outcomes.map((o: { errors?: { field: string }[] }) => o.errors?.[0].field)).toEqual([
      undefined,
      "media.url",
      "job",
      "media.path",
      "submissionId",
      undefined,
    ]);
    expect(await queued("b-4")).toBeDefined();
  });

  test("takes a thousand, and not one more", async () => {
    const many = Array.from({ length: 1_001 }, (_, i) => job(`m-${i}`));
    const response = await post({ submissions: many.slice(1) }, "/v1/submissions/batch");
    expect(response.json()).toMatchObject({ accepted: 1_000, refused: 0 });
    const tooMany = await post({ submissions: many }, "/v1/submissions/batch");
    expect(tooMany.statusCode).toBe(422);
    expect(tooMany.json().errors[0].field).toBe("submissions");
  });
});

describe("POST /v1/submissions/upload", () => {
  test("queues a picture as hashes", async () => {
    const response = await upload(
      { submissionId: "u-1", platform: "site", uploaderId: "p", metadata: '{"a":1}', priority: "3" },
      butterfly(),
    );
    expect(response.statusCode).toBe(202);
    const made = await queued("u-1");
    expect(made?.data).toMatchObject({
      submissionId: "u-1",
      platform: "site",
      uploader: { id: "p" },
      metadata: { a: 1 },
      media: { kind: "image", sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
    });
    expect(JSON.stringify(made?.data)).not.toContain("url");
    expect((await upload({ submissionId: "u-1", platform: "other" }, butterfly())).statusCode).toBe(409);
  });

  test("queues a video as hashes", async () => {
    const response = await upload({ submissionId: "u-2" }, { name: "f.mp4", bytes: readFileSync(video("friday.mp4")) });
    expect(response.statusCode).toBe(202);
    const { media } = (await queued("u-2"))!.data as { media: { kind: string; durationMs: number; fingerprints: unknown[] } };
    expect(media.kind).toBe("video");
    expect(media.durationMs).toBeGreaterThan(1_000);
    expect(media.fingerprints.length).toBeGreaterThan(1);
  });

  test("records what cannot be read as unscannable, with an alert, and says so; again when it is sent again", async () => {
    const text = { name: "a.mp4", bytes: Buffer.from("this is no video") };
    const first = await upload({ submissionId: "u-3" }, text);
    expect(first.statusCode).toBe(200);
    expect(first.json()).toMatchObject({ state: "scanned", verdict: "unscannable", alertId: expect.any(String) });
    expect((await upload({ submissionId: "u-3" }, text)).json()).toEqual(first.json());
    const read = await api.ask({ url: "/v1/submissions/u-3", rights: ["submissions:read"] });
    expect(read.json().verdicts).toHaveLength(1);
  });

  test.each([
    ["file", {}, undefined],
    ["media", {}, { name: "a", bytes: Buffer.from("x"), field: "media" }],
    ["file", {}, { name: "a", bytes: Buffer.alloc(0) }],
    ["metadata", { metadata: "[1]" }, butterfly()],
    ["priority", { priority: "high" }, butterfly()],
    ["pageUrl", { pageUrl: "nowhere" }, butterfly()],
    ["colour", { colour: "red" }, butterfly()],
    ["submissionId", { submissionId: "" }, butterfly()],
  ])("names the part %s when that is what is wrong", async (field, fields, file) => {
    const response = await upload({ submissionId: "u-4", ...fields }, file);
    expect(response.statusCode).toBe(422);
    expect(response.json().errors[0].field).toBe(field);
    expect(await queued("u-4")).toBeUndefined();
  });

  test("takes nothing but a form", async () => {
    const response = await api.ask({ method: "POST", url: "/v1/submissions/upload", payload: { submissionId: "u-5" } });
    expect(response.statusCode).toBe(415);
  });
});

describe("GET /v1/submissions/{submissionId}", () => {
  const read = (id: string) => api.ask({ url: `/v1/submissions/${encodeURIComponent(id)}`, rights: ["submissions:read"] });

  test("says that it waits, and knows nothing of others", async () => {
    await post(job("r 1/ü".replace("ü", "u")));
    expect((await read("r 1/u")).json()).toEqual({ submissionId: "r 1/u", state: "queued", verdicts: [] });
    expect((await read("never")).statusCode).toBe(404);
  });

  test("says why it was parked, and what to mend", async () => {
    const parked = {
      queue: SUBMISSIONS,
      jobId: "j",
      data: { submissionId: "r-2" },
      field: "media.url",
      reason: "must be public",
    };
    await parkJob(api.database.pool, parked);
    expect((await read("r-2")).json()).toMatchObject({ state: "parked", field: "media.url", reason: "must be public" });
  });
});

test("lists go page by page, by cursor and by Link, without repeating or leaving out", async () => {
  for (let i = 0; i < 5; i++)
    await upload({ submissionId: `l-${i}`, platform: "listed" }, { name: "a", bytes: Buffer.from(`no media ${i}`) });
  const seen: string[] = [];
  let url: string | undefined = "/v1/submissions?platform=listed&limit=2&verdict=unscannable";
  let pages = 0;
  while (url) {
    const response = await api.ask({ url, rights: ["submissions:read"] });
    seen.push(...response.json().items.map((item: { submissionId: string }) => item.submissionId));
    const link = /^<([^>]+)>; rel="next"$/.exec(String(response.headers.link ?? ""))?.[1];
    expect(link === undefined).toBe(response.json().next === undefined);
    url = link;
    pages++;
  }
  expect(seen).toEqual(["l-4", "l-3", "l-2", "l-1", "l-0"]);
  expect(pages).toBe(3);
  const { items } = (await api.ask({ url: "/v1/verdicts?kind=unscannable&limit=3" })).json();
  expect(items).toHaveLength(3);
  expect((await api.ask({ url: `/v1/verdicts/${items[0].id}` })).json()).toEqual(items[0]);
});
