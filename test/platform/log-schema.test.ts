import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type App, openApp } from "../../src/app.js";
import { createToken } from "../../src/people/tokens.js";
import { createLog } from "../../src/platform/log.js";
import { register } from "../../src/register.js";
import { type Service, startService } from "../../src/service.js";
import { image, make } from "../media/support.js";
import { mediaServer, PATIENCE, send, verdictOn } from "../stories/support.js";
import { testConfig } from "../support/config.js";
import { type TestDatabase, testDatabase } from "../support/database.js";

const read = (path: string) => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), "utf8");

interface Message {
  properties: { level: { const: string }; msg: { const?: string; pattern?: string } };
}

const schema = JSON.parse(read("docs/log.schema.json")) as { anyOf: Message[] };

/** The text of a message, or the end of one whose beginning varies. */
const textOf = ({ msg }: Message["properties"]) => msg.const ?? `… ${/\) (.+)\$$/.exec(msg.pattern!)![1]}`;

const documented = schema.anyOf.map(({ properties }) => `${properties.level.const} ${textOf(properties)}`);

/** What lies between a call's parentheses. */
function argumentsAt(source: string, from: number): string {
  let depth = 1;
  let at = from;
  for (; depth > 0; at++) depth += source[at] === "(" ? 1 : source[at] === ")" ? -1 : 0;
  return source.slice(from, at - 1);
}

/** Every call of a log in `source`, as "level message". */
function messagesIn(source: string): string[] {
  return [...source.matchAll(/\b[lL]og\.(trace|debug|info|warn|error|fatal)\(/g)].map(({ 0: call, 1: level, index }) => {
    const given = argumentsAt(source, index + call.length);
    const [, text] = /(?:^|,\s*)["`]((?:[^"`\\]|\\.)+)["`],?\s*$/.exec(given) ?? [];
    return `${level} ${text?.replace(/^\$\{\w+\}/, "…") ?? `(${given})`}`;
  });
}

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile() && file.name.endsWith(".ts") && !file.parentPath.includes("/bench"))
    .map((file) => readFileSync(join(file.parentPath, file.name), "utf8"));
}

describe("the schema of the log", () => {
  const inSource = new Set(sources(fileURLToPath(new URL("../../src", import.meta.url))).flatMap(messagesIn));

  it("has every message of the source with its level, and no other: a new one goes into docs/log.schema.json and docs/logs.md", () => {
    expect([...inSource].filter((message) => !documented.includes(message))).toEqual([]);
    expect(documented.filter((message) => !inSource.has(message))).toEqual([]);
  });

  it("names each thing that the relay does again and again in the pattern of its failure", () => {
    const done = [...read("src/service.ts").matchAll(/every\(\w+, "([^"]+)"/g)].map(([, what]) => what);
    const { pattern } = schema.anyOf.find(({ properties }) => properties.msg.pattern)!.properties.msg;
    expect(done.length).toBeGreaterThan(1);
    for (const what of done) expect(`${what} failed; trying again`).toMatch(new RegExp(pattern!));
  });

  it("says the same as the table in docs/logs.md", () => {
    const rows = [...read("docs/logs.md").matchAll(/^\| (fatal|error|warn|info|debug) \| (.+?) \| /gm)];
    expect(rows.map(([, level, text]) => `${level} ${text}`).sort()).toEqual([...documented].sort());
  });

  it("finds a line that is not as it should be", () => {
    const isValid = new Ajv2020({ strict: false }).compile(schema);
    const line = { level: "info", time: "2026-11-24T10:00:00.000Z", msg: "stopping", signal: "SIGTERM" };
    expect(isValid(line)).toBe(true);
    for (const wrong of [{ msg: "stoping" }, { level: "warn" }, { signal: undefined }, { time: "now" }, { jobId: "1" }])
      expect(isValid(JSON.parse(JSON.stringify({ ...line, ...wrong }))), JSON.stringify(wrong)).toBe(false);
  });
});

describe("a service at work", () => {
  let database: TestDatabase;
  let app: App;
  let service: Service;
  let site: Awaited<ReturnType<typeof mediaServer>>;
  const lines: string[] = [];
  const isValid = new Ajv2020({ strict: false }).compile(schema);

  beforeAll(async () => {
    const copy = make("-i", image("butterfly.jpg"), "-vf", "hflip,scale=400:-2", "-q:v", "6", "logged.jpg");
    site = await mediaServer((path, _nth, response) =>
      path.startsWith("/copy") ? send(response, copy) : response.writeHead(path === "/away" ? 503 : 200).end("no media"),
    );
    database = await testDatabase({ poolSize: 8 });
    const variables = { MEDIA_ALLOW_PRIVATE_ADDRESSES: "1", MEDIA_ROOTS: "/", WORKER_BACKOFF_MS: "20", WORKER_ATTEMPTS: "2" };
    const config = testConfig({ DATABASE_URL: database.connectionString, ...variables });
    app = await openApp(config, createLog("debug", { write: (line: string) => void lines.push(line) }));
    service = await startService(app, ["worker", "relay", "web"]);
  });

  afterAll(async () => {
    await site.close();
    await app?.close();
    await database.close();
  });

  const lineOf = (msg: string) => lines.map((line) => JSON.parse(line)).find((line) => line.msg === msg);

  it("writes only lines that the schema knows, at debug too", async () => {
    await register(
      app.registerSteps,
      { path: image("butterfly.jpg") },
      { caseId: "C-17", label: "", provenance: "own" },
      AbortSignal.timeout(60_000),
    );
    const { secret } = await createToken(database.pool, { name: "intake", scopes: ["submissions:write"] }, "test");
    const submit = async (submissionId: string, path: string) => {
      const answer = await fetch(`${service.address}/v1/submissions`, {
        method: "POST",
        headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" },
        body: JSON.stringify({ version: 1, submissionId, media: { url: site.url + path } }),
      });
      expect(answer.status).toBe(202);
    };
    await submit("logged-1", "/copy.jpg");
    await submit("logged-2", "/away");
    await submit("logged-3", "/none.jpg");
    await app.queues.queue("submissions").add("scan", { version: 1, submissionId: "logged-4" }, { jobId: "odd" });
    await app.queues.queue("takedown-results").add("result", { takedownId: "none" });
    expect(await verdictOn(database.pool, "logged-1")).toMatchObject({ verdict: "match" });
    for (const id of ["logged-2", "logged-3"]) await verdictOn(database.pool, id);
    const { rows } = await database.pool.query<{ id: string }>("select id from takedown");
    await app.queues.queue("takedown-results").add("result", { takedownId: rows[0].id, state: "sent" });
    const said = [
      "ready",
      "scanned",
      "scan failed",
      "job parked",
      "takedown result parked",
      "takedown result",
      "outbox delivered",
    ];
    await vi.waitFor(() => expect(said.filter((msg) => !lineOf(msg))).toEqual([]), PATIENCE);
    await service.stop();

    const wrong = lines.filter((line) => !isValid(JSON.parse(line)));
    expect(wrong).toEqual([]);
    const scanned = lines
      .map((line) => JSON.parse(line))
      .filter(({ msg, submissionId }) => msg === "scanned" && submissionId === "logged-1");
    expect(scanned).toMatchObject([{ verdict: "match", cases: ["C-17"], reuploadNumber: 1, repeated: false }]);
  });
});
