import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { createCase } from "../../src/casework/cases.js";
import { addWebhook } from "../../src/delivery/webhook-registry.js";
import { SUBMISSIONS } from "../../src/intake/client.js";
import { createToken } from "../../src/people/tokens.js";
import { createLog } from "../../src/platform/log.js";
import { createQueues, type Queues } from "../../src/platform/queues.js";
import { image } from "../media/support.js";
import { testConfig } from "../support/config.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { freePort } from "../support/free-port.js";
import { startProcess } from "../support/process.js";
import { createPlants, outputOf, sha256Of } from "./redaction-story.js";
import { mediaServer, reupload, send } from "./support.js";

/** Ten submissions, of which some are tried for a while: reached only by a test that fails. */
const LONG = { timeout: 150_000, interval: 100 };

const plants = createPlants();
const { plant, also } = plants;

let database: TestDatabase;
let queues: Queues;
let media: Awaited<ReturnType<typeof mediaServer>>;
let env: NodeJS.ProcessEnv;
let folder: string;

beforeAll(async () => {
  database = await testDatabase();
  queues = createQueues({ queuePrefix: "reupload" }, database.connectionString, createLog("silent"));
  media = await mediaServer((path, _, response) => {
    if (path.startsWith("/good")) return send(response, image("teapot.jpg"));
    if (path.startsWith("/moved")) return void response.writeHead(302, { location: `/${plant("redirect")}-gone` }).end();
    if (path.startsWith("/broken")) return void response.writeHead(500).end(plant("server's answer"));
    if (path.startsWith("/noise")) return void response.end(`not a video ${plant("media content")}`);
    return void response.writeHead(404).end();
  });
  const config = testConfig({ DATABASE_URL: database.connectionString });
  folder = config.mediaRoots[0];
  env = {
    DATABASE_URL: database.connectionString,
    REUPLOAD_DATA_DIR: config.dataDir,
    MEDIA_ROOTS: folder,
    MEDIA_TMP_DIR: config.mediaTmpDir,
    MEDIA_ALLOW_PRIVATE_ADDRESSES: "1",
    MEDIA_PORTS: new URL(media.url).port,
    WORKER_ATTEMPTS: "1",
    WORKER_BACKOFF_MS: "20",
    HTTP_PORT: "0",
    LOG_LEVEL: "info",
  };
  also("database password", new URL(database.connectionString).password || "no password, so this is looked for");
});
afterAll(async () => {
  await queues.close();
  await media.close();
  await database.close();
});

/** Ids and platforms are for the log; everything else that a job says is not. */
const jobOf = (id: string, source: { url: string } | { path: string }) => ({
  version: 1,
  submissionId: id,
  media: source,
  platform: "videosite",
  pageUrl: `https://videosite.example/${plant(`${id}: page`)}?session=${plant(`${id}: session`)}`,
  uploader: { id: plant(`${id}: uploader`), url: `https://videosite.example/u/${plant(`${id}: uploader's page`)}` },
  metadata: { note: plant(`${id}: note`) },
});

/** The service, with everything it writes. */
async function startService(variables: NodeJS.ProcessEnv) {
  const child = reupload(["start"], { ...env, ...variables });
  let said = "";
  for (const stream of [child.stdout!, child.stderr!])
    stream.setEncoding("utf8").on("data", (text) => {
      said += text;
    });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  const address = await new Promise<string>((resolve, reject) => {
    child.stdout!.on("data", () => {
      const found = /"listening":"([^"]+)"/.exec(said)?.[1];
      if (found) resolve(`http://${found}`);
    });
    void exited.then(() => reject(new Error(`the service ended before it was ready: ${said}`)));
  });
  const stop = async () => {
    child.kill("SIGTERM");
    await exited;
  };
  return { address, said: () => said, stop };
}

describe("nothing that could hurt anybody is in what the program writes", () => {
  test("the service, through submissions that succeed, fail and are refused, wrong sign-ins and dead receivers", {
    timeout: 300_000,
  }, async () => {
    const dead = await freePort();
    const service = await startService({
      SMTP_URL: `smtp://${plant("mail user")}:${plant("mail password")}@127.0.0.1:${dead}`,
      MAIL_FROM: `${plant("mail sender")}@ourselves.example`,
      DIGEST_TO: `${plant("mail recipient")}@ourselves.example`,
      DIGEST_HOUR: "0",
      PUBLIC_URL: "http://127.0.0.1:8080",
      OIDC_ISSUER: `http://127.0.0.1:${dead}/${plant("issuer's path")}`,
      OIDC_CLIENT_ID: "reupload",
      OIDC_CLIENT_SECRET: plant("client secret"),
      NOTICE_SENDER: plant("sender of letters"),
    });
    also("sha256 of a file", sha256Of(image("teapot.jpg")));
    const { secret: token } = await createToken(database.pool, { name: "story", scopes: ["admin"] }, "test");
    also("service token", token);
    await createCase(database.pool, { id: "C-1", title: plant("title"), legalBasis: plant("legal basis") }, "person:admin");
    const webhook = { name: "story", url: `http://127.0.0.1:${dead}/${plant("webhook's path")}?key=${plant("webhook's key")}` };
    const added = await addWebhook(database.pool, { ...webhook, events: ["alert.raised"] }, "person:admin", []);
    also("webhook's secret", added.secret);
    copyFileSync(image("butterfly.jpg"), join(folder, `${plant("file name")}.jpg`));

    const ask = async (path: string, init: RequestInit = {}) => {
      const response = await fetch(service.address + path, { redirect: "manual", ...init });
      return `${JSON.stringify([...response.headers])}${await response.text()}`;
    };
    const as = { authorization: `Bearer ${token}` };
    const json = (body: unknown): RequestInit => ({
      method: "POST",
      headers: { ...as, "content-type": "application/json" },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
    const form = (fields: Record<string, string>): RequestInit => ({ method: "POST", body: new URLSearchParams(fields) });

    // Through the API: all that is answered here is looked through as well.
    const answers: string[] = [];
    const submitted: string[] = [];
    for (const name of ["good", "moved", "broken", "noise", "gone"]) {
      const job = jobOf(`story-${name}`, {
        url: `${media.url}/${name}/${plant(`${name}: path`)}.jpg?sig=${plant(`${name}: signature`)}`,
      });
      answers.push(await ask("/v1/submissions", json(job)));
      submitted.push(job.submissionId);
    }
    const wrongJobs = [
      jobOf("story-credentials", { url: `https://${plant("url user")}:${plant("url password")}@cdn.example/1.mp4` }),
      jobOf("story-scheme", { url: `ftp://${plant("host")}.example/${plant("ftp path")}` }),
      { ...jobOf("story-field", { url: media.url }), reportedAt: plant("wrong date") },
      { ...jobOf("story-path", { path: `/etc/${plant("forbidden path")}` }) },
    ];
    // Into the queue, as intake services do that check nothing.
    for (const job of wrongJobs) await queues.queue(SUBMISSIONS).add("scan", job);
    await queues.queue(SUBMISSIONS).add("scan", jobOf("story-file", { path: join(folder, `${plant("file name")}.jpg`) }));
    submitted.push("story-file");
    await queues
      .queue("takedown-results")
      .add("result", { takedownId: plant("unknown takedown"), state: plant("unknown state") });

    answers.push(await ask("/v1/submissions", { ...json({}), headers: { authorization: `Bearer rup_${plant("wrong token")}` } }));
    answers.push(await ask(`/v1/alerts?cursor=${plant("cursor")}&unheard-of=${plant("parameter")}`, { headers: as }));
    answers.push(await ask("/v1/submissions", json(`{"media": ${plant("broken JSON")}`)));
    answers.push(await ask("/v1/submissions", json({ version: 1, submissionId: `x ${plant("wrong id")}`, media: {} })));
    answers.push(await ask(`/nowhere/${plant("unknown path")}?token=${plant("token in an address")}`));
    answers.push(await ask("/sign-in", form({ name: "nobody", password: plant("wrong password") })));
    answers.push(await ask("/sign-in", { headers: { cookie: `session=${plant("wrong cookie")}` } }));
    answers.push(await ask(`/welcome/${plant("wrong link")}`));
    answers.push(await ask("/sign-in/oidc"));
    answers.push(await ask(`/sign-in/oidc/callback?code=${plant("oidc code")}&state=${plant("oidc state")}`));

    await vi.waitFor(async () => {
      const { rows } = await database.pool.query<{ done: number; parked: number; tried: number; mailed: number }>(
        `select (select count(*)::int from verdict where submission_id = any($1)) as done,
                (select count(*)::int from parked_job) as parked,
                (select count(*)::int from webhook_delivery where last_error is not null) as tried,
                (select count(*)::int from digest where last_error is not null) as mailed`,
        [submitted],
      );
      expect(rows[0].done).toBe(submitted.length);
      expect(rows[0].parked).toBeGreaterThanOrEqual(4);
      expect(rows[0].tried).toBeGreaterThan(0);
    }, LONG);
    for (const path of ["/metrics", "/health/ready", "/health/live", "/"]) answers.push(await ask(path));
    await service.stop();

    // Names of wrong fields and parameters come back to who sent them; no value does.
    expect(plants.foundIn(service.said())).toEqual([]);
    expect(plants.foundIn(answers.join("\n"))).toEqual([]);
    expect(plants.all.size).toBeGreaterThan(90);
    // The story was told: otherwise there was nothing to leak.
    const log = service.said();
    for (const told of [
      "scanned",
      "job parked",
      "webhook delivery failed",
      "OpenID Connect provider did not answer",
      "scan failed",
    ])
      expect(log).toContain(told);
  });

  test("the program when addresses are wrong, refused or nobody is there", async () => {
    const dead = await freePort();
    const user = `${plant("database user")}:${plant("wrong database password")}`;
    const answers = await Promise.all([
      outputOf(["status"], { ...env, DATABASE_URL: `postgres://${user}@127.0.0.1:${dead}/${plant("database name")}` }),
      outputOf(["start"], { ...env, DATABASE_URL: `postgres://${user}%@127.0.0.1:${dead}/x` }),
      outputOf(["status"], { ...env, REDIS_URL: `redis://:${plant("redis password")}@127.0.0.1:nowhere` }),
      outputOf(["start"], {
        ...env,
        DATABASE_URL: plant("not an address"),
        SMTP_URL: `http://${plant("wrong mail address")}`,
        PUBLIC_URL: `https://x:${plant("password in an origin")}@y`,
        OIDC_CLIENT_SECRET_FILE: join(folder, "missing"),
      }),
    ]);
    for (const text of answers) expect(text).toMatch(/^reupload: (configuration|database): .+\n$/);
    expect(plants.foundIn(answers.join("\n"))).toEqual([]);
  });

  test("commands that people give addresses with passwords in them", async () => {
    const address = `http://me:${plant("typed password")}@127.0.0.1:9/x.mp4`;
    const answers = await Promise.all([
      outputOf(["check", address], env),
      outputOf(["known", "add", address, "--case", "C-9"], env),
      outputOf(["webhook", "add", address], env),
    ]);
    for (const text of answers) expect(text).toMatch(/^reupload: /);
    expect(plants.foundIn(answers.join("\n"))).toEqual([]);
  });

  test("a bug that nobody caught, with all that libraries hang on an error, is one line of the log and the end", async () => {
    const crash = startProcess(join(import.meta.dirname, "crash-child.ts"), [
      database.connectionString,
      plant("uploader in a failing row"),
      plant("value of the wrong type"),
    ]);
    const exited = new Promise<number | null>((resolve) => crash.child.once("exit", resolve));
    const lines = [await crash.line(), await crash.line()];
    expect(JSON.parse(lines[0]!)).toMatchObject({ level: "warn", err: { code: "22P02" } });
    expect(JSON.parse(lines[1]!)).toMatchObject({ level: "fatal", err: { code: "23514", table: "case" } });
    expect(plants.foundIn(lines.join("\n"))).toEqual([]);
    expect(await exited).toBe(1);
  });
});
