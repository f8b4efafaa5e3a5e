import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it, test, vi } from "vitest";
import { type App, openApp } from "../../src/app.js";
import { createIntakeClient } from "../../src/intake/client.js";
import { createToken } from "../../src/people/tokens.js";
import { createLog } from "../../src/platform/log.js";
import { currentTrace, inSpan, startTracing } from "../../src/platform/tracing.js";
import { register } from "../../src/register.js";
import { type Service, startService } from "../../src/service.js";
import { image, make } from "../media/support.js";
import { BACKENDS, mediaServer, PATIENCE, send, verdictOn } from "../stories/support.js";
import { testConfig } from "../support/config.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { temporaryDir } from "../support/temporary-dir.js";
import { type Collector, startCollector } from "./collector.js";

const KNOWN = image("butterfly.jpg");
const copy = make("-i", KNOWN, "-vf", "hflip,scale=400:-2", "-q:v", "6", "traced.jpg");
const SECRETS = { url: "?sig=trace-secret", uploader: "profile-secret-9", page: "https://videosite.example/page-secret" };

const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  vi.unstubAllEnvs();
  for (const close of closers.splice(0).reverse()) await close();
});

const closing = <T extends { close(): Promise<void> }>(thing: T): T => {
  closers.push(() => thing.close());
  return thing;
};

interface Traced {
  app: App;
  service: Service;
  database: TestDatabase;
  collector: Collector;
  lines: Record<string, unknown>[];
  token: string;
}

/** The service with all its roles, which sends its traces to a collector of this test. */
async function tracedService(variables: NodeJS.ProcessEnv): Promise<Traced> {
  const collector = closing(await startCollector());
  vi.stubEnv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url);
  vi.stubEnv("OTEL_BSP_SCHEDULE_DELAY", "50");
  const database = closing(await testDatabase({ poolSize: 8 }));
  const more = { MEDIA_ALLOW_PRIVATE_ADDRESSES: "1", MEDIA_ROOTS: "/", WORKER_BACKOFF_MS: "20", ...variables };
  const config = testConfig({ DATABASE_URL: database.connectionString, ...more });
  const lines: Record<string, unknown>[] = [];
  const app = closing(await openApp(config, createLog("info", { write: (line: string) => void lines.push(JSON.parse(line)) })));
  const service = await startService(app, ["worker", "relay", "web"]);
  closers.push(() => service.stop());
  const { secret } = await createToken(database.pool, { name: "intake", scopes: ["submissions:write"] }, "test");
  return { app, service, database, collector, lines, token: secret };
}

const submit = ({ service, token }: Traced, job: object, headers: Record<string, string> = {}) =>
  fetch(`${service.address}/v1/submissions`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers },
    body: JSON.stringify({ version: 1, ...job }),
  });

describe.each(BACKENDS)("with the queues in $name $missing", (backend) => {
  it.skipIf(backend.missing)("is one trace from the API to the takedown's job, and tells nothing of the media", async () => {
    const { variables } = closing(await backend.open());
    const site = closing(await mediaServer((_path, _nth, response) => send(response, copy)));
    const traced = await tracedService(variables);
    const { app, collector, lines, database } = traced;
    await register(
      app.registerSteps,
      { path: KNOWN },
      { caseId: "C-17", label: "", provenance: "own" },
      AbortSignal.timeout(30_000),
    );
    const taken: string[] = [];
    app.queues.worker("takedowns", async (job) => void taken.push(String(job.id)));

    const media = { url: `${site.url}/a.jpg${SECRETS.url}` };
    const about = { platform: "videosite", pageUrl: SECRETS.page, uploader: { id: SECRETS.uploader } };
    const answer = await submit(traced, { submissionId: "intake-1", media, ...about });
    expect(answer.status).toBe(202);
    expect(await verdictOn(database.pool, "intake-1")).toMatchObject({ verdict: "match" });
    await vi.waitFor(() => expect(taken).toHaveLength(1), PATIENCE);

    const names = ["POST /v1/submissions", "add submissions.scan", "process submissions", "scan"];
    const stages = ["fetch", "decode", "hash", "lookup", "align", "record"];
    const ways = ["add alerts.alert", "add takedowns.takedown", "process takedowns"];
    await vi.waitFor(() => expect(collector.names()).toEqual(expect.arrayContaining([...names, ...stages, ...ways])), PATIENCE);
    const of = (name: string) => collector.spans.find((span) => span.name === name)!;
    const traceId = of("POST /v1/submissions").traceId;
    for (const name of [...names, ...stages, ...ways]) expect(of(name).traceId, name).toBe(traceId);

    const parents = Object.fromEntries([...names, ...stages, ...ways].map((name) => [name, collector.parentOf(of(name))?.name]));
    expect(parents).toMatchObject({
      "POST /v1/submissions": undefined,
      "add submissions.scan": "POST /v1/submissions",
      "process submissions": "add submissions.scan",
      scan: "process submissions",
      fetch: "scan",
      lookup: "scan",
      "add takedowns.takedown": "record",
      "process takedowns": "add takedowns.takedown",
    });
    expect(of("scan").attributes).toMatchObject({ "reupload.verdict": "match", "reupload.kind": "image" });
    expect(of("POST /v1/submissions").attributes).toMatchObject({ "http.response.status_code": 202 });
    expect(lines.find((line) => line.msg === "scanned")).toMatchObject({ traceId });
    expect(lines.find((line) => line.msg === "ready")).not.toHaveProperty("traceId");

    const sent = collector.bodies.join("\n");
    for (const secret of [site.url, "trace-secret", SECRETS.uploader, "page-secret", traced.token])
      expect(sent).not.toContain(secret);
    // Neither the media's hash nor a job's name, which is one too.
    expect(sent).not.toMatch(/[0-9a-f]{64}/);
  });
});

test("what cannot be fetched leaves failed spans that say the kind of the error and not its words", async () => {
  const site = closing(await mediaServer((_path, _nth, response) => response.writeHead(503).end()));
  const traced = await tracedService({ WORKER_ATTEMPTS: "2" });
  await submit(traced, { submissionId: "intake-2", media: { url: `${site.url}/gone-secret.jpg` } });
  await verdictOn(traced.database.pool, "intake-2");
  const { collector } = traced;
  await vi.waitFor(() => expect(collector.names().filter((name) => name === "fetch")).toHaveLength(2), PATIENCE);
  const failed = collector.spans.filter((span) => span.name === "fetch");
  expect(failed.map((span) => span.failed)).toEqual([true, true]);
  expect(failed[0].attributes).toMatchObject({ "error.type": "TransientError" });
  expect(new Set(failed.map((span) => span.traceId)).size).toBe(1);
  expect(collector.bodies.join("\n")).not.toContain("gone-secret");
});

test("a service may go on with its own trace, a stranger may not", async () => {
  const traced = await tracedService({});
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const site = closing(await mediaServer((_path, _nth, response) => send(response, copy)));
  const media = { url: `${site.url}/a.jpg` };
  await submit(traced, { submissionId: "intake-3", media }, { traceparent });
  await submit(traced, { submissionId: "intake-4", media }, { traceparent: "nonsense" });
  await submit({ ...traced, token: "nobody" }, { submissionId: "intake-5", media }, { traceparent });
  const { collector } = traced;
  const asked = () => collector.spans.filter((span) => span.name === "POST /v1/submissions");
  await vi.waitFor(() => expect(asked()).toHaveLength(3), PATIENCE);
  const ids = new Map(asked().map((span) => [span.attributes["http.response.status_code"], span.traceId]));
  expect(asked().filter((span) => span.traceId === "0af7651916cd43dd8448eb211c80319c")).toHaveLength(1);
  expect(ids.get(401)).not.toBe("0af7651916cd43dd8448eb211c80319c");
});

test("a job whose trace is not one is scanned all the same", async () => {
  const traced = await tracedService({});
  const queue = traced.app.queues.queue("submissions");
  const job = { version: 1, submissionId: "intake-6", media: { path: copy } };
  await queue.add("scan", job, { jobId: "odd", telemetry: { metadata: "{not json", omitContext: true } });
  expect(await verdictOn(traced.database.pool, "intake-6")).toMatchObject({ verdict: "clear" });
});

test("nothing asks for traces: nothing is traced, and no library is loaded", async () => {
  const stop = await startTracing(createLog("silent"), { OTEL_SERVICE_NAME: "reupload" });
  expect(inSpan("scan", () => currentTrace())).toBeUndefined();
  await stop();
  const off = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1", OTEL_SDK_DISABLED: "true" };
  await (await startTracing(createLog("silent"), off))();
  expect(currentTrace()).toBeUndefined();
});

test("a collector's address that is none is refused by name", async () => {
  const start = startTracing(createLog("silent"), { OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4318" });
  await expect(start).rejects.toThrow(/^configuration: OTEL_EXPORTER_OTLP_ENDPOINT must be an address/);
  const grpc = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4317", OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" };
  await expect(startTracing(createLog("silent"), grpc)).rejects.toThrow(/over HTTP as JSON, not by grpc/);
});

describe("headers for the collector", () => {
  const { path: folder } = temporaryDir();
  const file = (name: string, content: string) => {
    writeFileSync(join(folder, name), content, { mode: 0o600 });
    return join(folder, name);
  };

  test("may be in a file, and stay out of the environment that children inherit", async () => {
    const collector = closing(await startCollector());
    vi.stubEnv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url);
    vi.stubEnv("OTEL_EXPORTER_OTLP_HEADERS_FILE", file("general", "api-key=general, x-team = trust%20and%20safety\n"));
    vi.stubEnv("OTEL_EXPORTER_OTLP_TRACES_HEADERS_FILE", file("traces", "api-key=a=b"));
    const stop = await startTracing(createLog("silent"));
    inSpan("scan", () => {});
    await stop();
    expect(collector.names()).toEqual(["scan"]);
    expect(collector.headers[0]).toMatchObject({ "api-key": "a=b", "x-team": "trust and safety" });
    expect(process.env.OTEL_EXPORTER_OTLP_HEADERS).toBeUndefined();
  });

  test.each([
    ["without a name", "=hunter2", /^configuration: OTEL_EXPORTER_OTLP_HEADERS must be headers such as api-key=…/],
    ["that is no pair", "hunter2", /^configuration: OTEL_EXPORTER_OTLP_HEADERS must be headers/],
    ["that cannot be one", "two words=hunter2", /^configuration: OTEL_EXPORTER_OTLP_HEADERS must be headers/],
    ["on two lines", "a=1\nhunter2=2", /^configuration: OTEL_EXPORTER_OTLP_HEADERS_FILE: \S+ must hold the secret on one line/],
  ])("one %s is refused by the variable's name, and not quoted", async (name, content, sentence) => {
    const OTEL_EXPORTER_OTLP_HEADERS_FILE = file(name.replaceAll(" ", "-"), content);
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1", OTEL_EXPORTER_OTLP_HEADERS_FILE };
    const error = await startTracing(createLog("silent"), env).catch((e: Error) => e);
    expect((error as Error).message).toMatch(sentence);
    expect((error as Error).message).not.toContain("hunter2");
  });
});

test("a collector that is away costs one line in the log, and no verdict", async () => {
  const traced = await tracedService({});
  await traced.collector.close();
  const intake = createIntakeClient(traced.app.queues);
  for (const submissionId of ["intake-7", "intake-8"]) await intake.submit({ version: 1, submissionId, media: { path: copy } });
  for (const id of ["intake-7", "intake-8"])
    expect(await verdictOn(traced.database.pool, id)).toMatchObject({ verdict: "clear" });
  const said = () => traced.lines.filter((line) => String(line.msg).startsWith("traces cannot be sent"));
  await vi.waitFor(() => expect(said()).toHaveLength(1), PATIENCE);
});
