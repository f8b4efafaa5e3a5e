import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { addWebhook } from "../../src/delivery/webhook-registry.js";
import { type Receiver, startReceiver } from "../delivery/receiver.js";
import { type Cli, expectOneSentence, linesOf, openCli } from "./support.js";

const PRIVATE = { MEDIA_ALLOW_PRIVATE_ADDRESSES: "1" };

let cli: Cli;
let receiver: Receiver;

beforeAll(async () => {
  cli = await openCli();
  receiver = await startReceiver();
});
afterAll(async () => {
  await receiver.close();
  await cli.close();
});

test("a webhook is added, tested, its dead letters listed and replayed, and removed", async () => {
  const run = async (...args: string[]) => cli.run(["webhook", ...args], PRIVATE);
  const added = await run("add", receiver.url, "--events", "alert.raised");
  expect(added).toMatchObject({ code: 0, stderr: "" });
  expect(added.stdout).toMatch(/secret \(shown only now\): whsec_/);
  const id = added.stdout.slice(0, 36);

  receiver.answer((response) => void response.writeHead(500).end());
  const tested = await run("test", id);
  expect(tested).toMatchObject({ code: 1, stdout: expect.stringContaining("not taken: answered 500") });
  await cli.app.database.pool.query("update webhook_delivery set state = 'dead', finished_at = now()");

  const [dead] = linesOf((await run("dead", "--json")).stdout).map((line) => JSON.parse(line));
  expect(dead).toMatchObject({ webhookId: id, event: "webhook.test", lastStatus: 500 });
  expect((await run("replay", dead.id)).stdout).toBe(`${dead.id} is on the way again\n`);
  const { stdout: listed } = await run("list");
  expect(listed).toContain(receiver.url);
  expect(listed).not.toContain("whsec_");
  expect((await run("remove", id)).stdout).toBe(`${id} is removed\n`);
});

test("secrets are encrypted with a key, and a command encrypts those that were there before", async () => {
  const { pool } = cli.app.database;
  const key = randomBytes(32).toString("base64");
  const run = (...args: string[]) => cli.run(["webhook", ...args], { ...PRIVATE, WEBHOOK_KEY: key });
  const before = await addWebhook(pool, { name: "before", url: receiver.url, events: ["alert.raised"] }, "person:ana", []);
  const added = await run("add", receiver.url);
  const secrets = [before.secret, /whsec_\S+/.exec(added.stdout)![0]];
  const inClear = async () => {
    const { rows } = await pool.query<{ secret: string }>("select secret from webhook order by created_at");
    return rows.map(({ secret }) => secret).filter((secret) => secrets.includes(secret));
  };
  expect(await inClear()).toEqual([before.secret]);
  expect(await run("encrypt")).toMatchObject({ code: 0, stdout: "1 webhook's secret is encrypted\n" });
  expect(await inClear()).toEqual([]);
  expect(await run("encrypt", "--back")).toMatchObject({ code: 0, stdout: "2 webhooks' secrets are decrypted\n" });
  expect(await inClear()).toEqual(secrets);
  expectOneSentence(await cli.run(["webhook", "encrypt"]), /WEBHOOK_KEY: is not set/);
});

test("what cannot be is said in one sentence", async () => {
  const [insecure, missing, unclear] = [
    ...(await cli.inPairs([
      ["webhook", "add", "http://hooks.example/in"],
      ["webhook", "remove", "nothing"],
    ])),
    await cli.run(["webhook", "replay"]),
  ];
  expectOneSentence(insecure, /url: must start with https:/);
  expectOneSentence(missing, /there is none with the id nothing/);
  expectOneSentence(unclear, /name one delivery, or say --all/);
  expect([insecure, missing, unclear].map((r) => r.code)).toEqual([2, 2, 2]);
});
