import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { InvalidSubmissionError, TransientError, UsageError } from "../../src/errors.js";
import { SUBMISSIONS } from "../../src/intake/client.js";
import { createHttpIntakeClient, type HttpIntakeClient } from "../../src/intake/http-client.js";
import type { ScanJob } from "../../src/intake/job.js";
import { openIntakeClient } from "../../src/intake/open-client.js";
import { jobIdFor } from "../../src/platform/queues.js";
import { image } from "../media/support.js";
import { type TestApi, testApi } from "../web/api/support.js";

let api: TestApi;
let client: HttpIntakeClient;

beforeAll(async () => {
  api = await testApi();
  client = createHttpIntakeClient({
    url: `${api.address}/`,
    token: await api.tokenFor(["submissions:write", "submissions:read"]),
  });
});

afterAll(() => api.close());

const job = (submissionId: string, over: Partial<ScanJob> = {}): ScanJob => ({
  version: 1,
  submissionId,
  media: { url: "https://media.example/1.mp4" },
  ...over,
});
const queued = async (submissionId: string) => (await api.app.queues.queue(SUBMISSIONS).getJob(jobIdFor(submissionId)))?.data;

describe("the intake client over HTTP", () => {
  test("queues what the client on queues would have queued", async () => {
    await client.submit(job("h-1", { platform: "site" }));
    const near = openIntakeClient({ databaseUrl: api.database.connectionString });
    await near.submit(job("q-1", { platform: "site" }));
    await near.close();
    expect(await queued("h-1")).toEqual({ ...((await queued("q-1")) as object), submissionId: "h-1" });
  });

  test("names the field that is wrong, as the client on queues does", async () => {
    const wrong = client.submit(job("h-2", { media: { url: "nowhere" } }));
    await expect(wrong).rejects.toThrow(InvalidSubmissionError);
    await expect(wrong).rejects.toMatchObject({ field: "media.url", message: "media.url: must be an http or https address" });
    await client.submit(job("h-3"));
    await expect(client.submit(job("h-3", { platform: "other" }))).rejects.toMatchObject({ field: "submissionId" });
  });

  test("sends many, with an outcome for each in their order", async () => {
    const jobs = Array.from({ length: 205 }, (_, i) => job(`m-${i}`, i === 203 ? { pageUrl: "no" } : {}));
    const outcomes = await client.submitMany(jobs);
    expect(outcomes.map((outcome) => outcome.submissionId)).toEqual(jobs.map(({ submissionId }) => submissionId));
    expect(outcomes.filter(({ refused }) => refused)).toEqual([
      { submissionId: "m-203", refused: { field: "pageUrl", message: "must be an http or https address", tryAgain: false } },
    ]);
    expect(await queued("m-204")).toBeDefined();
  });

  test("sends a file, and tells what became of a submission", async () => {
    const file = new Blob([readFileSync(image("butterfly.jpg"))]);
    const { media: _, ...about } = job("f-1", { uploader: { id: "p" }, metadata: { ticket: 1 }, priority: 2 });
    expect(await client.submitFile(about, file, "b.jpg")).toEqual({ submissionId: "f-1", state: "queued" });
    expect(await queued("f-1")).toMatchObject({ uploader: { id: "p" }, metadata: { ticket: 1 }, media: { kind: "image" } });
    const unreadable = await client.submitFile({ version: 1, submissionId: "f-2" }, new Blob(["text"]));
    expect(unreadable).toMatchObject({ state: "scanned", verdict: "unscannable" });
    expect(await client.status("f-2")).toMatchObject({ verdict: "unscannable", alertId: unreadable.alertId });
    expect(await client.status("f-1")).toMatchObject({ state: "queued" });
    expect(await client.status("never")).toBeUndefined();
  });

  test("says what is wrong with its own settings, without quoting the token", async () => {
    expect(() => createHttpIntakeClient({ url: "nowhere", token: "t" })).toThrow(UsageError);
    expect(() => createHttpIntakeClient({ url: api.address, token: "" })).toThrow("token:");
    const stranger = createHttpIntakeClient({ url: api.address, token: "rup_secret" });
    await expect(stranger.submit(job("h-9"))).rejects.toThrow(UsageError);
    await expect(stranger.submit(job("h-9"))).rejects.not.toThrow("rup_secret");
    const reader = createHttpIntakeClient({ url: api.address, token: await api.tokenFor(["submissions:read"]) });
    await expect(reader.submit(job("h-9"))).rejects.toThrow("submissions:write");
    expect(() => openIntakeClient({})).toThrow("redisUrl, databaseUrl");
  });
});

describe("when the service is away", () => {
  /** A service that answers as told, and what it was asked. */
  async function service(answers: ((response: ServerResponse) => void)[]) {
    const keys: unknown[] = [];
    const server = createServer((request: IncomingMessage, response) => {
      keys.push(request.headers["idempotency-key"]);
      request.resume().on("end", () => (answers.shift() ?? ((r) => r.writeHead(500).end()))(response));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return {
      keys,
      client: createHttpIntakeClient({ url, token: "t", attempts: 3 }),
      close: () => {
        server.closeAllConnections();
        server.close();
      },
    };
  }

  const ok = (response: ServerResponse) => response.writeHead(202).end(JSON.stringify({ submissionId: "a", state: "queued" }));

  test("tries again under the same key, until it is there", async () => {
    const away = await service([(r) => r.destroy(), (r) => r.writeHead(503, { "retry-after": "0" }).end(), ok]);
    await away.client.submit(job("a"));
    expect(away.keys).toHaveLength(3);
    expect(new Set(away.keys).size).toBe(1);
    expect(away.keys[0]).toMatch(/^[0-9a-f-]{36}$/);
    away.close();
  });

  test("tries again what arrived too slowly: nothing is wrong with the submission", async () => {
    const slow = await service([(r) => r.writeHead(408, { connection: "close", "retry-after": "0" }).end(), ok]);
    await slow.client.submit(job("a"));
    expect(slow.keys).toHaveLength(2);
    slow.close();
  });

  test("tries again what is still under way, but not what conflicts", async () => {
    const conflict = (r: ServerResponse) =>
      r.writeHead(409).end(JSON.stringify({ errors: [{ field: "submissionId", message: "used" }] }));
    const away = await service([(r) => r.writeHead(409, { "retry-after": "0" }).end(), ok, conflict]);
    await away.client.submit(job("a"));
    await expect(away.client.submit(job("a"))).rejects.toMatchObject({ field: "submissionId" });
    expect(away.keys).toHaveLength(3);
    away.close();
  });

  test("gives up after so many attempts, and says that trying later may help", async () => {
    const away = await service([]);
    await expect(away.client.submit(job("a"))).rejects.toThrow(TransientError);
    expect(away.keys).toHaveLength(3);
    away.close();
  });
});
