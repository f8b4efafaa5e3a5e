import type { Pool } from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { type DigestOptions, runDigest, sendDigest } from "../../src/delivery/digest.js";
import { digestFigures } from "../../src/delivery/digest-figures.js";
import { digestLetter } from "../../src/delivery/digest-letter.js";
import { createPool } from "../../src/platform/database.js";
import { createLog } from "../../src/platform/log.js";
import { PATIENCE } from "../stories/support.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { knownMaterial, reupload } from "./events.js";
import { type MailServer, startMailServer } from "./mail-server.js";

const log = createLog("silent");
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const never = new AbortController().signal;

let database: TestDatabase;
let pool: Pool;
let server: MailServer;
let options: DigestOptions;
/** Long after everything the tests write, so that it is all counted; in the middle of a day. */
const noon = new Date(Math.ceil(Date.now() / DAY_MS) * DAY_MS + 12 * HOUR_MS);
const later = (ms: number) => new Date(noon.getTime() + ms);

beforeAll(async () => {
  database = await testDatabase();
  pool = createPool(database.connectionString, 8, log);
  server = await startMailServer();
  options = {
    smtpUrl: `smtp://desk:pa%20ss@127.0.0.1:${server.port}`,
    from: "Re-uploads <reupload@desk.example>",
    to: ["ana@desk.example", "ben@desk.example"],
    hour: 7,
    timeZone: "UTC",
    language: "en",
    publicUrl: "https://console.example",
  };
});
afterAll(async () => {
  await server.close();
  await pool.end();
  await database.close();
});
beforeEach(async () => {
  await pool.query("delete from digest");
  await pool.query(
    `insert into digest (day, next_at, outcome, counted_until, finished_at)
     values ('2020-01-01', now(), 'sent', now() - interval '2 days', now())`,
  );
  await pool.query("delete from submission");
  server.misbehave(undefined);
  server.mails.length = 0;
  server.signIns.length = 0;
});

const send = (now = noon, over: Partial<DigestOptions> = {}) => sendDigest(pool, { ...options, ...over }, now, never);

/** Two re-uploads of one case and one of another, the oldest a day old; one takedown overdue, one removed, one given up. */
async function someWork() {
  const many = await knownMaterial(pool, "C-many");
  const outcomes = [
    await reupload(pool, many),
    await reupload(pool, many),
    await reupload(pool, await knownMaterial(pool, "C-one")),
  ];
  const [overdue, removed, expired] = outcomes.map((o) => o.takedownId);
  await pool.query("update takedown set deadline_at = now() + interval '1000 days', updated_at = now()");
  await pool.query("update takedown set deadline_at = now() - interval '1 hour' where id = $1", [overdue]);
  await pool.query("update takedown set state = 'removed' where id = $1", [removed]);
  await pool.query("update takedown set state = 'expired' where id = $1", [expired]);
  await pool.query("update alert set created_at = now() - interval '20 hours' where id = $1", [outcomes[0].alertId]);
  return outcomes;
}

describe("the digest", () => {
  test("says in numbers what came and what stands open, as text and as HTML, and names cases only by their ids", async () => {
    await someWork();
    expect(await send()).toEqual({ did: "sent", refused: 0 });
    expect(server.signIns).toEqual(["desk:pa ss"]);
    const [mail] = server.mails;
    expect(mail).toMatchObject({ from: "reupload@desk.example", to: options.to });
    expect(mail.headers.get("subject")).toBe("Re-uploads: 3 new, 3 open");
    expect(mail.headers.get("auto-submitted")).toBe("auto-generated");
    for (const said of [
      /New alerts: 3 \(matches: 3\)/,
      /Open alerts: 3 \(the oldest since .+\)/,
      /past their deadline: 1/,
      /used up: they need a person: 1/,
      /Reported removed: 1/,
      /videosite: new alerts: 3; takedowns overdue: 1/,
      /C-many: new: 2; the latest is no\. \d/,
      /C-one: new: 1/,
      /https:\/\/console\.example\/alerts/,
    ])
      expect(mail.text).toMatch(said);
    for (const said of ["New alerts", "C-many", 'href="https://console.example/alerts"']) expect(mail.html).toContain(said);
    expect(mail.text + mail.html).not.toMatch(/secret-|known\.mp4|<img|<script/);
  });

  test("is written in Albanian for who reads Albanian", async () => {
    await someWork();
    await send(noon, { language: "sq", timeZone: "Europe/Tirane" });
    const [mail] = server.mails;
    expect(mail.headers.get("subject")).toBe("Ringarkime: 3 të reja, 3 të hapura");
    expect(mail.text).toMatch(/Përmbledhja e ditës/);
    expect(mail.html).toContain('<html lang="sq">');
    expect(mail.text).not.toMatch(/New|Open|alerts:/);
  });

  test("takes names from outside for what they are: text on one line", async () => {
    const figures = await digestFigures(pool, new Date(0), noon);
    const hostile = "<b>x</b>\r\nBcc: y@z\u202e";
    const letter = digestLetter(
      {
        ...figures,
        platforms: [{ platform: hostile, newAlerts: 1, overdue: 0 }],
        cases: [{ caseId: hostile, fresh: 1, number: 1 }],
      },
      { language: "en", timeZone: "UTC" },
    );
    expect(letter.html).not.toContain("<b>");
    expect(letter.text).toContain("  <b>x</b> Bcc: y@z : new alerts: 1");
  });

  test("is not sent when there is nothing to say, and that is settled for the day", async () => {
    expect(await send()).toEqual({ did: "nothing" });
    await someWork();
    expect(await send(later(MINUTE_MS))).toEqual({ did: "not due" });
    expect(server.mails).toEqual([]);
  });

  test("waits for its hour, on the clock of its time zone", async () => {
    await someWork();
    const at = (hour: string) => new Date(`${noon.toISOString().slice(0, 10)}T${hour}:30:00Z`);
    expect(await send(at("06"))).toEqual({ did: "not due" });
    // Half past six in Greenwich is half past four in the afternoon in Brisbane.
    expect(await send(at("06"), { timeZone: "Australia/Brisbane", hour: 17 })).toEqual({ did: "not due" });
    expect(await send(at("06"), { timeZone: "Australia/Brisbane", hour: 16 })).toMatchObject({ did: "sent" });
  });

  test("is sent once a day, however many relays there are and however often they look", async () => {
    await someWork();
    const outcomes = await Promise.all(Array.from({ length: 6 }, () => send()));
    expect(outcomes.filter((o) => o.did === "sent")).toHaveLength(1);
    expect(await send(later(6 * HOUR_MS))).toEqual({ did: "not due" });
    expect(server.mails).toHaveLength(1);
    expect(await send(later(DAY_MS))).toMatchObject({ did: "sent" });
    expect(server.mails).toHaveLength(2);
    expect(server.mails[0].headers.get("message-id")).not.toBe(server.mails[1].headers.get("message-id"));
  });

  test("counts from where the last one ended", async () => {
    await someWork();
    await send();
    await send(later(DAY_MS));
    expect(server.mails.map((m) => m.headers.get("subject"))).toEqual(["Re-uploads: 3 new, 3 open", "Re-uploads: 0 new, 3 open"]);
  });
});

describe("a mail server that fails", () => {
  test.each([
    ["is full", (c: string) => (c.startsWith("MAIL") ? "452 no space" : undefined), "EENVELOPE 452"],
    ["does not let us in", (c: string) => (c.startsWith("AUTH") ? "535 who?" : undefined), "EAUTH 535"],
    ["hangs up", (c: string) => (c.startsWith("DATA") ? "drop" : undefined), /^E/],
    ["refuses the letter at its end", (c: string) => (c === "." ? "554 no" : undefined), "EMESSAGE 554"],
  ])("%s: the digest is tried again later, with a growing wait, and sent once", async (_, how, code) => {
    await someWork();
    server.misbehave(how);
    expect(await send()).toMatchObject({
      did: "failed",
      attempts: 1,
      code: typeof code === "string" ? code : expect.stringMatching(code),
    });
    expect(await send(later(4 * MINUTE_MS))).toEqual({ did: "not due" });
    expect(await send(later(6 * MINUTE_MS))).toMatchObject({ did: "failed", attempts: 2 });
    expect(await send(later(12 * MINUTE_MS))).toEqual({ did: "not due" });
    server.misbehave(undefined);
    expect(await send(later(17 * MINUTE_MS))).toMatchObject({ did: "sent" });
    expect(await send(later(2 * HOUR_MS))).toEqual({ did: "not due" });
    expect(server.mails).toHaveLength(1);
  });

  test("refuses one of two recipients: the other has it, and the day is done", async () => {
    await someWork();
    server.misbehave((c) => (c.startsWith("RCPT TO:<ben") ? "550 nobody" : undefined));
    expect(await send()).toEqual({ did: "sent", refused: 1 });
    expect(server.mails.map((m) => m.to)).toEqual([["ana@desk.example"]]);
  });

  test("never answers: stopping does not wait for it, and another relay sends the digest later", async () => {
    await someWork();
    const stopping = new AbortController();
    let asked = false;
    server.misbehave(() => {
      asked = true;
      return "";
    });
    const running = runDigest(pool, { ...options, hour: 0 }, log, stopping.signal);
    await vi.waitFor(() => expect(asked).toBe(true), PATIENCE);
    stopping.abort();
    await running;
    server.misbehave(undefined);
    await pool.query("update digest set next_at = now() - interval '1 second'");
    expect(await send(new Date(), { hour: 0 })).toMatchObject({ did: "sent" });
  });

  test("keeps no address, user or password in what is written down", async () => {
    await someWork();
    const lines: string[] = [];
    const watching = createLog("debug", { write: (line: string) => void lines.push(line) });
    server.misbehave((c) => (c.startsWith("AUTH") ? "535 desk with pa ss for ana@desk.example is not known" : undefined));
    const stopping = new AbortController();
    const running = runDigest(pool, { ...options, hour: 0 }, watching, stopping.signal);
    await vi.waitFor(() => expect(lines.join()).toContain("could not be sent"), PATIENCE);
    stopping.abort();
    await running;
    const { rows } = await pool.query("select * from digest");
    expect(lines.join() + JSON.stringify(rows)).not.toMatch(/pa ss|pa%20ss|desk\.example/);
  });

  test("was killed with its relay: the digest is taken up when the lease is over", async () => {
    await someWork();
    await pool.query("insert into digest (day, next_at) values ($1, $2)", [
      noon.toISOString().slice(0, 10),
      later(5 * MINUTE_MS),
    ]);
    expect(await send(later(MINUTE_MS))).toEqual({ did: "not due" });
    expect(await send(later(5 * MINUTE_MS))).toMatchObject({ did: "sent" });
  });
});
