import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import type { Pool } from "pg";
import { Webhook } from "standardwebhooks";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { ATTEMPT_WAITS_MS, claimDue, PER_WEBHOOK, settle } from "../../src/delivery/webhook-claims.js";
import {
  listDeliveries,
  pruneDeliveries,
  readDelivery,
  replayDead,
  replayDelivery,
  testWebhook,
  webhookFigures,
} from "../../src/delivery/webhook-deliveries.js";
import { WEBHOOK_EVENTS, type WebhookEvent } from "../../src/delivery/webhook-events.js";
import {
  addWebhook,
  enableWebhook,
  listWebhooks,
  readWebhook,
  removeWebhook,
  rotateSecret,
  updateWebhook,
  webhookSchema,
} from "../../src/delivery/webhook-registry.js";
import { runWebhooks, sendNow, type WebhookOptions } from "../../src/delivery/webhooks.js";
import { lookupPublic, refusePrivateHost } from "../../src/media/fetch/allowed-address.js";
import { listAudit } from "../../src/platform/audit.js";
import { createPool } from "../../src/platform/database.js";
import { createLog } from "../../src/platform/log.js";
import { PATIENCE } from "../stories/support.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { knownMaterial, reupload } from "./events.js";
import { type Receiver, startReceiver } from "./receiver.js";

const log = createLog("silent");
const ACTOR = "person:ana";
const GUARD = { lookup: lookupPublic, refuseHost: refusePrivateHost };

let database: TestDatabase;
let pool: Pool;
let receiver: Receiver;
let stops: (() => Promise<void>)[] = [];

beforeAll(async () => {
  database = await testDatabase();
  pool = createPool(database.connectionString, 12, log);
  receiver = await startReceiver();
});
afterAll(async () => {
  await receiver.close();
  await pool.end();
  await database.close();
});
beforeEach(async () => {
  await pool.query("delete from webhook");
  receiver.received.length = 0;
  receiver.load.most = 0;
  receiver.answer((response) => void response.writeHead(204).end());
});
afterEach(async () => {
  await Promise.all(stops.map((stop) => stop()));
  stops = [];
});

const add = (events: readonly WebhookEvent[] = WEBHOOK_EVENTS, url = `${receiver.url}/hook`) =>
  addWebhook(pool, { name: "a receiver", url, events: [...events] }, ACTOR, []);

/** Sends until the test ends. */
function sending(options: WebhookOptions = {}, watching = log): () => Promise<void> {
  const stopping = new AbortController();
  const done = runWebhooks(pool, database.connectionString, options, watching, stopping.signal);
  const stop = async () => {
    stopping.abort();
    await done;
  };
  stops.push(stop);
  return stop;
}

const deliveries = async (webhookId: string) => (await listDeliveries(pool, { webhookId }, { limit: 200 })).deliveries;
const states = async (webhookId: string) => (await deliveries(webhookId)).map((d) => d.state);
const until = (check: () => Promise<void> | void) => vi.waitFor(check, PATIENCE);

/** A test delivery, sent once by us. */
async function attemptOnce(webhookId: string, options: WebhookOptions = {}) {
  const tested = await testWebhook(pool, webhookId, ACTOR);
  if (typeof tested === "string") throw new Error(tested);
  const sent = await sendNow(pool, tested.deliveryId, options);
  return { sent, row: (await readDelivery(pool, tested.deliveryId))! };
}

/** All that waits is due now. */
const hurry = () => pool.query("update webhook_delivery set next_at = now() where state = 'waiting'");

describe("what is announced", () => {
  test("a re-upload is an alert, a takedown and a number in its case; each says ids and numbers, and never where the media is", async () => {
    const { id } = await add();
    const reference = await knownMaterial(pool, "C-announced");
    await reupload(pool, reference);
    const outcome = await reupload(pool, reference);
    const [takedown, alert, number] = (await deliveries(id)).slice(0, 3);
    const shared = { submissionId: outcome.submissionId, caseIds: ["C-announced"], platform: "videosite" };
    expect(number).toMatchObject({ event: "case.reupload", payload: { ...shared, caseId: "C-announced", number: 2 } });
    expect(alert).toMatchObject({
      event: "alert.raised",
      payload: { ...shared, alertId: outcome.alertId, kind: "match", state: "open", confidence: 0.998, reuploadNumber: 2 },
    });
    expect(takedown).toMatchObject({
      event: "takedown.queued",
      payload: { ...shared, takedownId: outcome.takedownId, state: "queued", attempt: 1, reuploadNumber: 2 },
    });
    expect(JSON.stringify(await deliveries(id))).not.toMatch(/secret-|[0-9a-f]{64}/);
  });

  test("a decision and what becomes of a takedown are announced with the state before", async () => {
    const { id } = await add(["alert.decided", "takedown.changed", "takedown.queued"]);
    const outcome = await reupload(pool, await knownMaterial(pool, "C-decided"));
    await pool.query("update alert set state = 'confirmed' where id = $1", [outcome.alertId]);
    await pool.query("update alert set state = 'confirmed', reason = 'again' where id = $1", [outcome.alertId]);
    await pool.query("update takedown set state = 'sent' where id = $1", [outcome.takedownId]);
    await pool.query("update takedown set state = 'queued', attempt = 2 where id = $1", [outcome.takedownId]);
    await pool.query("update takedown set deadline_at = now() where id = $1", [outcome.takedownId]);
    const announced = (await deliveries(id))
      .reverse()
      .map(({ event, payload: { state, previousState, attempt } }) => [event, state, previousState, attempt]);
    expect(announced).toEqual([
      ["takedown.queued", "queued", undefined, 1],
      ["alert.decided", "confirmed", "open", undefined],
      ["takedown.changed", "sent", "queued", 1],
      ["takedown.queued", "queued", "sent", 2],
    ]);
  });

  test("each webhook is told what it chose, and a disabled one nothing", async () => {
    const alerts = await add(["alert.raised"]);
    const numbers = await add(["case.reupload"]);
    const off = await add();
    await enableWebhook(pool, off.id, false, ACTOR);
    await reupload(pool, await knownMaterial(pool, "C-chosen"));
    expect((await deliveries(alerts.id)).map((d) => d.event)).toEqual(["alert.raised"]);
    expect((await deliveries(numbers.id)).map((d) => d.event)).toEqual(["case.reupload"]);
    expect(await deliveries(off.id)).toEqual([]);
  });

  test("what is rolled back was never announced", async () => {
    const { id } = await add();
    const reference = await knownMaterial(pool, "C-rolled-back");
    // The takedown's deadline is no whole number of hours: recording fails after the alert was raised.
    await expect(reupload(pool, reference, { settings: { takedownDeadlineHours: 0.5 } })).rejects.toThrow();
    expect(await deliveries(id)).toEqual([]);
  });

  test("numbers that only move from case to case are not announced", async () => {
    const { id } = await add(["case.reupload"]);
    const outcome = await reupload(pool, await knownMaterial(pool, "C-from"));
    await knownMaterial(pool, "C-to");
    const tx = await pool.connect();
    await tx.query("begin");
    await tx.query("select set_config('reupload.quiet', 'on', true)");
    await tx.query("insert into reupload (case_id, submission_id, number) values ('C-to', $1, 1)", [outcome.submissionId]);
    await tx.query("commit");
    tx.release();
    expect((await deliveries(id)).map((d) => d.payload.caseId)).toEqual(["C-from"]);
  });

  test("what is forgotten is not announced any more", async () => {
    const { id } = await add();
    await reupload(pool, await knownMaterial(pool, "C-forgotten"));
    const outcome = await reupload(pool, await knownMaterial(pool, "C-kept"));
    await pool.query(`delete from "case" where id = 'C-forgotten'`);
    expect(new Set((await deliveries(id)).map((d) => d.payload.submissionId))).toEqual(new Set([outcome.submissionId]));
    await pool.query("delete from submission where id = $1", [outcome.submissionId]);
    expect(await deliveries(id)).toEqual([]);
  });
});

describe("what is sent", () => {
  test("is signed as Standard Webhooks asks, and links to the console", async () => {
    const { id, secret } = await add(["alert.raised"]);
    sending({ publicUrl: "https://console.example/" });
    const outcome = await reupload(pool, await knownMaterial(pool, "C/sent?"));
    await until(() => expect(receiver.received).toHaveLength(1));
    const [{ headers, body, path }] = receiver.received;
    const read = new Webhook(secret).verify(body, headers as Record<string, string>);
    const [row] = await deliveries(id);
    expect(path).toBe("/hook");
    expect(headers).toMatchObject({ "webhook-id": row.id, "content-type": "application/json" });
    expect(read).toEqual({
      type: "alert.raised",
      timestamp: row.createdAt.toISOString(),
      data: {
        ...row.payload,
        alertId: outcome.alertId,
        links: { alert: `https://console.example/alerts/${outcome.alertId}`, case: "https://console.example/cases/C%2Fsent%3F" },
      },
    });
    await until(async () => expect(await states(id)).toEqual(["delivered"]));
  });

  test("after a rotation both secrets verify, and once the old one has run out only the new one does", async () => {
    const { id, secret: old } = await add();
    const { secret: fresh } = (await rotateSecret(pool, id, ACTOR, [], 1))!;
    await attemptOnce(id);
    const both = receiver.received[0];
    for (const secret of [old, fresh])
      expect(() => new Webhook(secret).verify(both.body, both.headers as Record<string, string>)).not.toThrow();
    await pool.query("update webhook set previous_secret_until = now() - interval '1 second'");
    await attemptOnce(id);
    const one = receiver.received[1];
    expect(() => new Webhook(fresh).verify(one.body, one.headers as Record<string, string>)).not.toThrow();
    expect(() => new Webhook(old).verify(one.body, one.headers as Record<string, string>)).toThrow("No matching signature");
  });

  test("a rotation without overlap ends the old secret at once", async () => {
    const { id, secret: old } = await add();
    await rotateSecret(pool, id, ACTOR, [], 0);
    await attemptOnce(id);
    const [{ body, headers }] = receiver.received;
    expect(() => new Webhook(old).verify(body, headers as Record<string, string>)).toThrow("No matching signature");
  });

  test("several relays send each delivery once, and never more than a few at once to one webhook", async () => {
    const { id } = await add(["case.reupload"]);
    const held: (() => void)[] = [];
    receiver.answer((response) => void held.push(() => response.writeHead(200).end()));
    const reference = await knownMaterial(pool, "C-crowd");
    for (let i = 0; i < 4; i++) sending();
    await Promise.all(Array.from({ length: 24 }, () => reupload(pool, reference)));
    await until(() => expect(held).toHaveLength(PER_WEBHOOK));
    // Everyone looks again while the places are taken.
    await pool.query("select pg_notify('reupload_webhooks', '')");
    const answering = setInterval(() => {
      for (const release of held.splice(0)) release();
    }, 20);
    await until(async () => expect(await states(id)).toEqual(Array(24).fill("delivered")));
    clearInterval(answering);
    expect(new Set(receiver.received.map((r) => r.headers["webhook-id"])).size).toBe(24);
    expect(receiver.received).toHaveLength(24);
    expect(receiver.load.most).toBeLessThanOrEqual(PER_WEBHOOK);
  });

  test("a slow receiver does not keep the others waiting", async () => {
    const slow = await startReceiver();
    slow.answer(() => {});
    await add(["case.reupload"], slow.url);
    const { id } = await add(["case.reupload"]);
    sending();
    const reference = await knownMaterial(pool, "C-slow");
    for (let i = 0; i < PER_WEBHOOK * 2; i++) await reupload(pool, reference);
    await until(async () => expect(await states(id)).toEqual(Array(PER_WEBHOOK * 2).fill("delivered")));
    expect(slow.load.now).toBe(PER_WEBHOOK);
    await slow.close();
  });

  test("what a relay took before it was killed is sent by another when the lease is over", async () => {
    const { id } = await add(["case.reupload"]);
    await reupload(pool, await knownMaterial(pool, "C-killed"));
    expect(await claimDue(pool, 10)).toHaveLength(1);
    expect(await claimDue(pool, 10)).toEqual([]);
    await pool.query("update webhook_delivery set leased_until = now() - interval '1 second'");
    sending();
    await until(async () => expect(await states(id)).toEqual(["delivered"]));
    expect((await deliveries(id))[0].attempts).toBe(2);
  });

  test("two relays that look at the same moment together take no more than there are places", async () => {
    await add(["case.reupload"]);
    const reference = await knownMaterial(pool, "C-places");
    for (let i = 0; i < 10; i++) await reupload(pool, reference);
    const taken = (await Promise.all(Array.from({ length: 6 }, () => claimDue(pool, 10)))).flat();
    taken.push(...(await claimDue(pool, 10)));
    expect(taken).toHaveLength(PER_WEBHOOK);
    expect(new Set(taken.map((t) => t.id)).size).toBe(PER_WEBHOOK);
  });
});

describe("the receiver in docs/webhooks.md", () => {
  /** Runs it as it stands there, and reads what it says line by line. */
  async function startExample(secret: string) {
    const [, code] = /```js\n([\s\S]+?)```/.exec(readFileSync("docs/webhooks.md", "utf8"))!;
    const child = spawn(process.execPath, ["--input-type=module", "-e", code], {
      env: { ...process.env, WEBHOOK_SECRET: secret, PORT: "0" },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const line = async () => String((await lines.next()).value);
    const [, port] = /listening on (\d+)/.exec(await line())!;
    return { url: `http://127.0.0.1:${port}`, line, stop: () => child.kill() };
  }

  test("takes what we send, and refuses what another sends", async () => {
    const { id, secret } = await add();
    const example = await startExample(secret);
    await updateWebhook(pool, id, { url: example.url }, ACTOR);
    expect((await attemptOnce(id)).sent).toMatchObject({ status: 204, settled: "delivered" });
    expect(JSON.parse(await example.line())).toEqual({ type: "webhook.test", data: { webhookId: id } });
    await rotateSecret(pool, id, ACTOR, [], 1);
    expect((await attemptOnce(id)).sent).toMatchObject({ status: 204 });
    await rotateSecret(pool, id, ACTOR, [], 0);
    expect((await attemptOnce(id)).sent).toMatchObject({ status: 401, settled: "waiting" });
    example.stop();
  });
});

describe("a receiver that lies", () => {
  test.each([
    ["answers 500", 500, /answered 500/],
    ["answers 404", 404, /answered 404/],
    ["redirects, which is not followed", 302, /redirects are not followed/],
  ])("%s: it is tried again later", async (_, status, said) => {
    const { id } = await add();
    receiver.answer((response) => void response.writeHead(status, { location: `${receiver.url}/elsewhere` }).end());
    const { sent, row } = await attemptOnce(id);
    expect(sent).toMatchObject({ status, settled: "waiting", error: expect.stringMatching(said) });
    expect(row).toMatchObject({ state: "waiting", attempts: 1, lastStatus: status, lastError: sent!.error });
    expect(receiver.received.map((r) => r.path)).toEqual(["/hook"]);
  });

  test("never answers: it is tried again later", async () => {
    const { id } = await add();
    receiver.answer(() => {});
    const { sent, row } = await attemptOnce(id, { timeoutMs: 200 });
    expect(sent).toMatchObject({ settled: "waiting", error: "no answer within 0.2 s" });
    expect(row).toMatchObject({ state: "waiting", lastStatus: null });
  });

  test("closes the connection instead of answering: it is tried again later", async () => {
    const { id } = await add();
    receiver.answer((response) => void response.destroy());
    const { sent } = await attemptOnce(id);
    expect(sent).toMatchObject({ settled: "waiting", error: expect.stringMatching(/^no answer \(/) });
  });

  test("says yes and then sends without end: it said yes, and nobody listens to the rest", async () => {
    const { id } = await add();
    let written = 0;
    receiver.answer((response) => {
      response.writeHead(200);
      const pour = () => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536))) written += 65_536;
        if (!response.destroyed) response.once("drain", pour);
      };
      pour();
    });
    const { sent } = await attemptOnce(id);
    expect(sent).toMatchObject({ status: 200, settled: "delivered" });
    await until(() => expect(receiver.load.now).toBe(0));
    expect(written).toBeLessThan(64 * 1024 ** 2);
  });

  test("says yes and breaks off: it said yes", async () => {
    const { id } = await add();
    receiver.answer((response) => {
      response.writeHead(200, { "content-length": "1000" });
      response.write("x", () => response.destroy());
    });
    expect((await attemptOnce(id)).sent).toMatchObject({ status: 200, settled: "delivered" });
  });

  test("speaks no HTTP: it is tried again later", async () => {
    const server = createServer((socket) => void socket.on("error", () => {}).end("what?\r\n\r\n")).listen(0, "127.0.0.1");
    await until(() => expect(server.listening).toBe(true));
    const { id } = await add(WEBHOOK_EVENTS, `http://127.0.0.1:${(server.address() as { port: number }).port}`);
    expect((await attemptOnce(id)).sent).toMatchObject({ settled: "waiting", error: expect.stringMatching(/^no answer/) });
    server.close();
  });

  test("asks for patience: nothing more is sent to it until then, and no longer than an hour", async () => {
    const { id } = await add();
    receiver.answer((response) => void response.writeHead(429, { "retry-after": "86400" }).end());
    const { row } = await attemptOnce(id);
    expect(row.nextAt!.getTime() - row.lastAt!.getTime()).toBe(3_600_000);
    await testWebhook(pool, id, ACTOR);
    expect(await claimDue(pool, 10)).toEqual([]);
    await pool.query("update webhook set rest_until = now() - interval '1 second'");
    expect(await claimDue(pool, 10)).toHaveLength(1);
  });

  test("answers 410: the webhook is disabled, what waits becomes dead letters, and the audit log says so", async () => {
    const { id } = await add();
    await testWebhook(pool, id, ACTOR);
    receiver.answer((response) => void response.writeHead(410).end());
    const { sent, row } = await attemptOnce(id);
    expect(sent).toMatchObject({ status: 410, settled: "disabled" });
    expect(row).toMatchObject({ state: "dead", lastStatus: 410 });
    expect(await states(id)).toEqual(["dead", "dead"]);
    expect(await readWebhook(pool, id)).toMatchObject({ disabledReason: "gone", waiting: 0, dead: 2 });
    expect(await testWebhook(pool, id, ACTOR)).toBe("disabled");
    const [entry] = await listAudit(pool, { subject: `webhook:${id}`, limit: 1 });
    expect(entry).toMatchObject({ actor: "service", act: "webhook disabled", detail: { why: "gone" } });
  });

  test("lies inside a private network, by address or by name: it is not called", async () => {
    const byAddress = await add();
    const byName = await add(WEBHOOK_EVENTS, receiver.url.replace("127.0.0.1", "localhost"));
    for (const { id } of [byAddress, byName])
      expect((await attemptOnce(id, { guard: GUARD })).sent).toMatchObject({
        settled: "waiting",
        error: "the address lies inside a private network, which is not called",
      });
    expect(receiver.received).toEqual([]);
  });

  test("has a secret in its address: neither the log nor the row says it", async () => {
    const lines: string[] = [];
    const watching = createLog("debug", { write: (line: string) => void lines.push(line) });
    const { id, secret } = await add(["case.reupload"], `${receiver.url}/token-in-the-path`);
    receiver.answer((response) => void response.writeHead(500).end());
    sending({}, watching);
    await reupload(pool, await knownMaterial(pool, "C-silent"));
    await until(() => expect(lines.join()).toContain("trying again later"));
    const all = lines.join() + JSON.stringify(await deliveries(id));
    expect(all).not.toContain("token-in-the-path");
    expect(all).not.toContain(secret);
    expect(all).not.toContain("secret-");
  });
});

describe("giving up", () => {
  /** Fails until there is no further attempt, and returns the waits between, without their jitter. */
  async function failAll(random: () => number): Promise<number[]> {
    const waits: number[] = [];
    for (;;) {
      const [claimed] = await claimDue(pool, 1);
      if (claimed === undefined) return waits;
      await settle(pool, claimed, { status: 500, error: "answered 500" }, random);
      const row = (await readDelivery(pool, claimed.id))!;
      if (row.nextAt) waits.push(row.nextAt.getTime() - row.lastAt!.getTime());
      await hurry();
    }
  }

  test("comes after ten attempts within about three days, each wait longer than the last, stretched by at most a fifth", async () => {
    const { id } = await add();
    await testWebhook(pool, id, ACTOR);
    const waits = await failAll(() => 0);
    expect(waits).toEqual([...ATTEMPT_WAITS_MS]);
    expect(waits).toEqual([...waits].sort((a, b) => a - b));
    expect(await deliveries(id)).toMatchObject([
      { state: "dead", attempts: 10, lastStatus: 500, lastError: "answered 500", nextAt: null },
    ]);
    await testWebhook(pool, id, ACTOR);
    expect(await failAll(() => 1)).toEqual(ATTEMPT_WAITS_MS.map((ms) => ms * 1.2));
    expect(ATTEMPT_WAITS_MS.reduce((a, b) => a + b) / 3_600_000).toBeCloseTo(75.6, 1);
  });

  test("is not the end: a dead letter is replayed under the same id, from the first attempt on", async () => {
    const { id } = await add();
    await testWebhook(pool, id, ACTOR);
    await failAll(() => 0);
    const [dead] = await deliveries(id);
    expect(await replayDelivery(pool, dead.id, ACTOR)).toBe("replayed");
    expect(await replayDelivery(pool, dead.id, ACTOR)).toBe("not dead");
    sending();
    await until(async () => expect(await deliveries(id)).toMatchObject([{ id: dead.id, state: "delivered", attempts: 1 }]));
    expect(receiver.received.map((r) => r.headers["webhook-id"])).toEqual([dead.id]);
  });

  test("all dead letters of one webhook are replayed, and those of a disabled one when it is enabled again", async () => {
    const one = await add();
    const other = await add();
    for (const { id } of [one, one, other]) await testWebhook(pool, id, ACTOR);
    await enableWebhook(pool, one.id, false, ACTOR);
    await enableWebhook(pool, other.id, false, ACTOR);
    expect(await webhookFigures(pool)).toMatchObject({ waiting: 0, dead: 3 });
    expect(await replayDead(pool, one.id, ACTOR)).toBe(0);
    const [{ id: letter }] = await deliveries(one.id);
    expect(await replayDelivery(pool, letter, ACTOR)).toBe("disabled");
    await enableWebhook(pool, one.id, true, ACTOR);
    expect(await replayDead(pool, undefined, ACTOR)).toBe(2);
    expect(await states(other.id)).toEqual(["dead"]);
    expect(await replayDelivery(pool, "no id", ACTOR)).toBe("missing");
  });

  test("an attempt that ends after its lease and another's success changes nothing", async () => {
    const { id } = await add();
    await testWebhook(pool, id, ACTOR);
    const [first] = await claimDue(pool, 1);
    await pool.query("update webhook_delivery set leased_until = now()");
    const [second] = await claimDue(pool, 1);
    expect(await settle(pool, first, { error: "no answer" })).toBeUndefined();
    expect(await settle(pool, second, { status: 200 })).toBe("delivered");
    expect(await settle(pool, first, { status: 200 })).toBeUndefined();
    expect(await deliveries(id)).toMatchObject([{ state: "delivered", lastStatus: 200 }]);
  });

  test("old deliveries are removed, dead ones later", async () => {
    const { id } = await add();
    for (let i = 0; i < 3; i++) await testWebhook(pool, id, ACTOR);
    await pool.query(
      "update webhook_delivery set state = 'delivered', finished_at = now() - interval '8 days' where seq = (select min(seq) from webhook_delivery)",
    );
    await pool.query(
      "update webhook_delivery set state = 'dead', finished_at = now() - interval '8 days' where seq = (select max(seq) from webhook_delivery)",
    );
    expect(await pruneDeliveries(pool)).toBe(1);
    expect((await states(id)).sort()).toEqual(["dead", "waiting"]);
  });
});

describe("a webhook", () => {
  const schema = webhookSchema(GUARD);
  const good = { name: "police desk", url: "https://hooks.example/in", events: ["alert.raised"] };

  test.each([
    ["no address", { url: "hooks.example" }, "url", "must be an address"],
    ["an address without encryption", { url: "http://hooks.example/in" }, "url", "must start with https://"],
    ["another scheme", { url: "file:///etc/passwd" }, "url", "must start with https://"],
    ["a private address", { url: "https://10.0.0.7/in" }, "url", "must not point into a private network"],
    ["the machine itself", { url: "https://[::1]/in" }, "url", "must not point into a private network"],
    ["a password in the address", { url: "https://ana:pw@hooks.example/" }, "url", "must not hold a user name or password"],
    ["a long address", { url: `https://hooks.example/${"a".repeat(2_000)}` }, "url", "at most 2000"],
    ["no event", { events: [] }, "events", "at least one event"],
    ["an unknown event", { events: ["alert.exploded"] }, "events.0", "must be some of alert.raised"],
    ["no name", { name: " " }, "name", "1 to 128 characters"],
    ["a name of two lines", { name: "a\nb" }, "name", "1 to 128 characters"],
  ])("with %s is refused, naming the field", (_, wrong, field, said) => {
    const { error } = schema.safeParse({ ...good, ...wrong });
    expect(error?.issues.map((i) => i.path.join("."))).toEqual([field]);
    expect(error?.issues[0].message).toContain(said);
  });

  test("of a good kind is taken, each event once", async () => {
    expect(schema.parse({ ...good, name: " police desk " })).toEqual(good);
    const { id } = await add(["alert.raised", "alert.raised"]);
    expect((await readWebhook(pool, id))!.events).toEqual(["alert.raised"]);
    expect(webhookSchema(undefined).safeParse({ ...good, url: "http://127.0.0.1:1/in" }).success).toBe(true);
  });

  test("is listed without its secret, changed, and removed with what waits for it; the audit log knows, without address or secret", async () => {
    const { id, secret } = await add();
    expect(secret).toMatch(/^whsec_/);
    expect(Buffer.from(secret.slice(6), "base64")).toHaveLength(32);
    await updateWebhook(pool, id, { events: ["alert.decided"], url: "https://hooks.example/secret-path" }, ACTOR);
    await rotateSecret(pool, id, ACTOR, []);
    const [listed] = await listWebhooks(pool);
    expect(listed).toMatchObject({ id, events: ["alert.decided"], url: "https://hooks.example/secret-path", createdBy: ACTOR });
    expect(listed.previousSecretUntil!.getTime()).toBeGreaterThan(Date.now());
    expect(JSON.stringify(listed)).not.toContain("whsec_");
    await testWebhook(pool, id, ACTOR);
    expect(await removeWebhook(pool, id, ACTOR)).toBe(true);
    expect(await removeWebhook(pool, id, ACTOR)).toBe(false);
    expect(await updateWebhook(pool, "nonsense", { name: "x" }, ACTOR)).toBe(false);
    expect(await rotateSecret(pool, id, ACTOR, [])).toBeUndefined();
    const acts = await listAudit(pool, { subject: `webhook:${id}`, limit: 10 });
    expect(acts.map((a) => a.act).reverse()).toEqual([
      "webhook added",
      "webhook changed",
      "webhook secret replaced",
      "webhook tested",
      "webhook removed",
    ]);
    expect(JSON.stringify(acts)).not.toMatch(/whsec_|secret-path/);
  });

  test("lists its deliveries page by page", async () => {
    const { id } = await add();
    for (let i = 0; i < 5; i++) await testWebhook(pool, id, ACTOR);
    const first = await listDeliveries(pool, { webhookId: id }, { limit: 3 });
    const second = await listDeliveries(pool, { webhookId: id }, { after: first.next, limit: 3 });
    expect([...first.deliveries, ...second.deliveries].map((d) => d.id)).toEqual((await deliveries(id)).map((d) => d.id));
    expect(second.next).toBeUndefined();
  });
});
