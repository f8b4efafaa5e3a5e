import { afterAll, beforeAll, expect, it } from "vitest";
import { endOtherSessions, endSession, listSessions, openSession, whoOfSession } from "../../src/people/sessions.js";
import { transaction } from "../../src/platform/database.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { signedIn } from "./support.js";

let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.close());

const set = (id: string, assignment: string) => database.pool.query(`update session set ${assignment} where id = $1`, [id]);
const hoursLeft = async (id: string) =>
  (
    await database.pool.query(
      "select round(extract(epoch from expires_at - now()) / 3600)::int as h from session where id = $1",
      [id],
    )
  ).rows[0].h;

it("a session says who holds it, and what they may be asked for", async () => {
  const { person } = await signedIn(database.pool, "ana");
  expect(person).toMatchObject({ kind: "person", name: "ana", role: "caseworker", language: "en", settings: {} });
  expect(person.csrfToken).toMatch(/^[\w-]{43}$/);
});

it("a session ends twelve hours after it was last used, and a week after it began", async () => {
  const { secret, person } = await signedIn(database.pool, "ana");
  expect(await hoursLeft(person.sessionId)).toBe(12);
  await set(person.sessionId, "expires_at = now() + interval '1 hour', last_seen_at = now() - interval '11 hours'");
  expect(await whoOfSession(database.pool, secret)).toBeDefined();
  expect(await hoursLeft(person.sessionId)).toBe(12);
  await set(person.sessionId, "created_at = now() - interval '166 hours', last_seen_at = now() - interval '1 hour'");
  expect(await whoOfSession(database.pool, secret)).toBeDefined();
  expect(await hoursLeft(person.sessionId)).toBe(2);
  await set(person.sessionId, "expires_at = now() - interval '1 second'");
  expect(await whoOfSession(database.pool, secret)).toBeUndefined();
});

it("a role that changes counts from the next request on", async () => {
  const { secret } = await signedIn(database.pool, "bora");
  await database.pool.query("update account set role = 'viewer' where name = 'bora'");
  expect(await whoOfSession(database.pool, secret)).toMatchObject({ role: "viewer" });
});

it.each(["", "x", "'; drop table session; --", "A".repeat(43), "é".repeat(43)])("nobody holds %j", async (secret) => {
  expect(await whoOfSession(database.pool, secret)).toBeUndefined();
});

it("one account's sessions are not another's to see or to end", async () => {
  const [dren, era] = [await signedIn(database.pool, "dren"), await signedIn(database.pool, "era")];
  expect((await listSessions(database.pool, dren.person.accountId)).map((s) => s.id)).toEqual([dren.person.sessionId]);
  expect(await endSession(database.pool, dren.person, era.person.sessionId)).toBe(false);
  expect(await endOtherSessions(database.pool, dren.person)).toBe(0);
  expect(await whoOfSession(database.pool, era.secret)).toMatchObject({ name: "era" });
});

it("a person ends one of theirs, or all but the one they are in", async () => {
  const [here, there, elsewhere] = [
    await signedIn(database.pool, "flaka"),
    await signedIn(database.pool, "flaka"),
    await signedIn(database.pool, "flaka"),
  ];
  expect(await endSession(database.pool, here.person, there.person.sessionId)).toBe(true);
  expect(await endSession(database.pool, here.person, there.person.sessionId)).toBe(false);
  expect(await whoOfSession(database.pool, there.secret)).toBeUndefined();
  expect(await endOtherSessions(database.pool, here.person)).toBe(1);
  expect(await whoOfSession(database.pool, elsewhere.secret)).toBeUndefined();
  expect(await whoOfSession(database.pool, here.secret)).toBeDefined();
});

it("what the browser calls itself is kept short and on one line", async () => {
  const { person } = await signedIn(database.pool, "gent");
  const agent = `a\nb\u202e${"c".repeat(1000)}`;
  await transaction(database.pool, (tx) => openSession(tx, person.accountId, { address: "::1", agent }));
  const sessions = await listSessions(database.pool, person.accountId);
  expect(sessions.map((s) => s.agent)).toContain(`a b ${"c".repeat(296)}`);
});
