import { randomBytes } from "node:crypto";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { checkWebhookKey } from "../../src/cli/doctor-database.js";
import { readDelivery, testWebhook } from "../../src/delivery/webhook-deliveries.js";
import { addWebhook, rotateSecret } from "../../src/delivery/webhook-registry.js";
import { openSecret, sealAll, sealSecret } from "../../src/delivery/webhook-secrets.js";
import { sendNow } from "../../src/delivery/webhooks.js";
import { listAudit } from "../../src/platform/audit.js";
import { hideInText } from "../../src/platform/redact.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { type Receiver, startReceiver } from "./receiver.js";

const ACTOR = "person:ana";
const [first, second] = [randomBytes(32), randomBytes(32)];
const ID = "0190c7a4-0000-7000-8000-000000000001";
const SECRET = `whsec_${randomBytes(32).toString("base64")}`;

let database: TestDatabase;
let receiver: Receiver;
beforeAll(async () => {
  database = await testDatabase();
  receiver = await startReceiver();
});
afterAll(async () => {
  await receiver.close();
  await database.close();
});
beforeEach(async () => {
  await database.pool.query("delete from webhook");
  receiver.received.length = 0;
});

const add = (keys: Buffer[]) =>
  addWebhook(database.pool, { name: "desk", url: `${receiver.url}/hook`, events: ["alert.raised"] }, ACTOR, keys);

const kept = async (): Promise<string> => JSON.stringify((await database.pool.query("select * from webhook")).rows);

async function deliver(id: string, keys: Buffer[]) {
  const tested = await testWebhook(database.pool, id, ACTOR);
  if (typeof tested === "string") throw new Error(tested);
  await sendNow(database.pool, tested.deliveryId, { keys });
  return (await readDelivery(database.pool, tested.deliveryId))!;
}

/** Whether what arrived last is signed by this secret. */
function isSignedBy(secret: string): boolean {
  const { body, headers } = receiver.received.at(-1)!;
  try {
    return Boolean(new Webhook(secret).verify(body, headers as Record<string, string>));
  } catch {
    return false;
  }
}

describe("an encrypted secret", () => {
  test("is opened by its key, also when others stand before it, and is another text each time", () => {
    const sealed = sealSecret([first], ID, SECRET);
    expect(sealed).not.toContain(SECRET.slice(6, 20));
    expect(openSecret([second, first], ID, sealed)).toBe(SECRET);
    expect(sealSecret([first], ID, SECRET)).not.toBe(sealed);
    expect(hideInText(`kept as ${sealed}`)).toBe("kept as [hidden secret]");
  });

  test("is opened by no other key, for no other webhook, and not when a single character was changed", () => {
    const sealed = sealSecret([first], ID, SECRET);
    expect(openSecret([second], ID, sealed)).toBeUndefined();
    expect(openSecret([], ID, sealed)).toBeUndefined();
    expect(openSecret([first], ID.replace(/1$/, "2"), sealed)).toBeUndefined();
    const start = sealed.lastIndexOf("_") + 1;
    for (let at = start; at < sealed.length - 1; at++) {
      const changed = sealed.slice(0, at) + (sealed[at] === "A" ? "B" : "A") + sealed.slice(at + 1);
      expect(openSecret([first], ID, changed), `character ${at}`).toBeUndefined();
    }
    expect(openSecret([first], ID, `${sealed.slice(0, start)}AAAA`)).toBeUndefined();
  });

  test("without a key it is kept and read as it is", () => {
    expect(sealSecret([], ID, SECRET)).toBe(SECRET);
    expect(openSecret([], ID, SECRET)).toBe(SECRET);
    expect(openSecret([first], ID, SECRET)).toBe(SECRET);
  });
});

describe("with a key", () => {
  test("no secret stands in the table, not of a new webhook and not of a rotation, and both sign", async () => {
    const { id, secret } = await add([first]);
    const { secret: fresh } = (await rotateSecret(database.pool, id.toUpperCase(), ACTOR, [first], 1))!;
    expect(await kept()).not.toContain(secret);
    expect(await kept()).not.toContain(fresh);
    expect(await deliver(id, [first])).toMatchObject({ state: "delivered" });
    expect([isSignedBy(secret), isSignedBy(fresh), isSignedBy(SECRET)]).toEqual([true, true, false]);
  });

  test("who has not got it sends nothing, says why, and tries again later; other webhooks are told all the same", async () => {
    const [closed, clear] = [await add([first]), await add([])];
    const row = await deliver(closed.id, [second]);
    expect(row).toMatchObject({ state: "waiting", attempts: 1, lastStatus: null });
    expect(row.lastError).toBe("its secret is encrypted with a key that this process does not have: see WEBHOOK_KEY");
    expect(receiver.received).toEqual([]);
    expect(await deliver(clear.id, [second])).toMatchObject({ state: "delivered" });
    // A new secret mends it, with no time in which the old one would count too.
    const { secret } = (await rotateSecret(database.pool, closed.id, ACTOR, [second], 0))!;
    expect(await deliver(closed.id, [second])).toMatchObject({ state: "delivered" });
    expect(isSignedBy(secret)).toBe(true);
  });

  test("what was in clear is encrypted, a key is replaced, and all can be had back, with the same secrets", async () => {
    const { pool } = database;
    const [one, two] = [await add([]), await add([first])];
    await rotateSecret(pool, one.id, ACTOR, [], 1);
    expect(await sealAll(pool, [first], [first], ACTOR)).toEqual({ changed: 1, closed: 0 });
    expect(await sealAll(pool, [first], [first], ACTOR)).toEqual({ changed: 0, closed: 0 });
    expect(await kept()).not.toContain(one.secret);
    expect(await sealAll(pool, [second], [second], ACTOR)).toEqual({ changed: 0, closed: 2 });
    expect(await sealAll(pool, [second, first], [second, first], ACTOR)).toEqual({ changed: 2, closed: 0 });
    expect(await deliver(one.id, [second])).toMatchObject({ state: "delivered" });
    expect(isSignedBy(one.secret)).toBe(true);
    expect(await sealAll(pool, [], [second], ACTOR)).toEqual({ changed: 2, closed: 0 });
    expect(await kept()).toContain(two.secret);
    const acts = (await listAudit(pool, { limit: 50 })).map(({ act }) => act).filter((act) => /crypted/.test(act));
    expect(acts).toEqual(["webhook secrets decrypted", "webhook secrets encrypted", "webhook secrets encrypted"]);
  });

  test("doctor says how they are kept", async () => {
    const check = (...webhookKey: Buffer[]) => checkWebhookKey(database.pool, { webhookKey });
    expect(await check()).toEqual({ state: "ok", text: "there are no webhooks" });
    await add([]);
    expect(await check()).toMatchObject({
      state: "ok",
      text: expect.stringMatching(/1 webhooks are kept in clear; WEBHOOK_KEY would/),
    });
    expect(await check(first)).toMatchObject({
      state: "warning",
      text: expect.stringMatching(/in clear: run reupload webhook encrypt/),
    });
    await sealAll(database.pool, [first], [first], ACTOR);
    expect(await check(first)).toEqual({ state: "ok", text: "the secrets of 1 webhooks are encrypted" });
    expect(await check(second, first)).toMatchObject({ state: "warning", text: expect.stringMatching(/an older key/) });
    expect(await check(second)).toMatchObject({
      state: "failed",
      text: expect.stringMatching(/another key: nothing can be sent/),
    });
    expect(await check()).toMatchObject({ state: "failed" });
  });
});
