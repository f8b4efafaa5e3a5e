import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  changePreferences,
  changeRole,
  disableAccount,
  enableAccount,
  findAccount,
  listAccounts,
  readAccount,
} from "../../src/people/accounts.js";
import { acceptLink, createWithPassword, firstAdminLink, invite, readLink, resetLink } from "../../src/people/links.js";
import { whoOfSession } from "../../src/people/sessions.js";
import { signIn } from "../../src/people/sign-in.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { addPerson, ORIGIN, PASSWORD, signedIn } from "./support.js";

let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.close());

const accept = (secret: string, name = "", password = PASSWORD, pool = database.pool) =>
  acceptLink(pool, secret, { name, password, language: "sq" }, ORIGIN);

describe("the first admin", () => {
  it("is made by a link that works once, while there is nobody", async () => {
    const fresh = await testDatabase();
    const [first, second] = [(await firstAdminLink(fresh.pool))!, (await firstAdminLink(fresh.pool))!];
    expect(await readLink(fresh.pool, first)).toEqual({});
    const session = await accept(first, "ana", PASSWORD, fresh.pool);
    expect(await whoOfSession(fresh.pool, session)).toMatchObject({ name: "ana", role: "admin", language: "sq" });
    expect(await firstAdminLink(fresh.pool)).toBeUndefined();
    for (const secret of [first, second]) {
      expect(await readLink(fresh.pool, secret)).toBeUndefined();
      await expect(accept(secret, "eve", PASSWORD, fresh.pool)).rejects.toMatchObject({ refusal: "linkGone" });
    }
    await fresh.close();
  });

  it("is one, even when two use links at the same moment", async () => {
    const fresh = await testDatabase();
    const links = [(await firstAdminLink(fresh.pool))!, (await firstAdminLink(fresh.pool))!];
    const outcomes = await Promise.allSettled(links.map((secret, i) => accept(secret, `admin ${i}`, PASSWORD, fresh.pool)));
    expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect(await listAccounts(fresh.pool, { limit: 9 })).toHaveLength(1);
    await fresh.close();
  });
});

describe("an invitation", () => {
  it("gives a password, once, and signs in", async () => {
    const { account, secret } = await invite(
      database.pool,
      { name: "Bora ", role: "viewer", email: "bora@example.org" },
      "person:ana",
    );
    expect(account).toMatchObject({ name: "Bora", role: "viewer", hasPassword: false });
    expect(await signIn(database.pool, { name: "Bora", password: "" }, ORIGIN)).toBeUndefined();
    expect(await readLink(database.pool, secret)).toEqual({ name: "Bora", language: "en" });
    await expect(accept(secret, "", "short")).rejects.toMatchObject({ refusal: "passwordShort" });
    const session = await accept(secret);
    expect(await whoOfSession(database.pool, session)).toMatchObject({ name: "Bora", role: "viewer" });
    await expect(accept(secret)).rejects.toMatchObject({ refusal: "linkGone" });
  });

  it("used twice at once works once", async () => {
    const { secret } = await invite(database.pool, { name: "twice", role: "viewer" }, "cli");
    const outcomes = await Promise.allSettled([accept(secret), accept(secret)]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  });

  it("expires, and ends with the account", async () => {
    const { secret } = await invite(database.pool, { name: "late", role: "viewer" }, "cli");
    await database.pool.query("update sign_in_link set expires_at = now()");
    await expect(accept(secret)).rejects.toMatchObject({ refusal: "linkGone" });
    const gone = await invite(database.pool, { name: "gone", role: "viewer" }, "cli");
    await disableAccount(database.pool, gone.account.id, "cli");
    await expect(accept(gone.secret)).rejects.toMatchObject({ refusal: "linkGone" });
  });

  it.each([
    ["a name that is taken, in another case", { name: "BORA", role: "viewer" }, "name", "nameTaken"],
    ["an empty name", { name: "  ", role: "viewer" }, "name", "nameInvalid"],
    ["a name with a line break", { name: "a\nb", role: "viewer" }, "name", "nameInvalid"],
    ["a name that turns text around", { name: "a\u202eb", role: "viewer" }, "name", "nameInvalid"],
    ["an unknown role", { name: "x", role: "root" }, "role", "roleInvalid"],
    ["an unknown language", { name: "x", role: "viewer", language: "de" }, "language", "languageInvalid"],
    ["something that is no address", { name: "x", role: "viewer", email: "x" }, "email", "emailInvalid"],
  ])("is not made with %s", async (_what, account, field, refusal) => {
    await expect(invite(database.pool, account, "cli")).rejects.toMatchObject({ field, refusal });
  });
});

describe("a reset", () => {
  it("replaces the password and earlier links, ends all sessions, and lifts a lock", async () => {
    const { secret: session, person } = await signedIn(database.pool, "dren");
    const earlier = await resetLink(database.pool, person.accountId, "cli");
    const link = await resetLink(database.pool, person.accountId, "cli");
    for (let i = 0; i < 5; i++) await signIn(database.pool, { name: "dren", password: "wrong" }, ORIGIN);
    await expect(accept(earlier)).rejects.toMatchObject({ refusal: "linkGone" });
    expect(await whoOfSession(database.pool, session)).toBeDefined();
    await accept(link, "", "a quite different sentence");
    expect(await whoOfSession(database.pool, session)).toBeUndefined();
    expect(await signIn(database.pool, { name: "dren", password: PASSWORD }, ORIGIN)).toBeUndefined();
    expect(await signIn(database.pool, { name: "dren", password: "a quite different sentence" }, ORIGIN)).toBeDefined();
  });

  it("is not made for nobody", async () => {
    await expect(resetLink(database.pool, randomUUID(), "cli")).rejects.toMatchObject({ refusal: "nameUnknown" });
    await expect(resetLink(database.pool, "not an id", "cli")).rejects.toMatchObject({ refusal: "nameUnknown" });
  });
});

describe("the last admin", () => {
  it("can neither be disabled nor made less, not even by two who do it to each other at once", async () => {
    const fresh = await testDatabase();
    const [ana, bora] = [await addPerson(fresh.pool, "ana", "admin"), await addPerson(fresh.pool, "bora", "admin")];
    // Invited, but cannot sign in yet: no help.
    await invite(fresh.pool, { name: "later", role: "admin" }, "cli");
    const outcomes = await Promise.allSettled([
      disableAccount(fresh.pool, ana.id, "person:bora"),
      changeRole(fresh.pool, bora.id, "viewer", "person:ana"),
    ]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    const left = (await listAccounts(fresh.pool, { limit: 9 })).filter(
      (a) => a.role === "admin" && !a.disabledAt && a.hasPassword,
    );
    expect(left).toHaveLength(1);
    await expect(disableAccount(fresh.pool, left[0].id, "cli")).rejects.toMatchObject({ refusal: "lastAdmin" });
    await expect(changeRole(fresh.pool, left[0].id, "viewer", "cli")).rejects.toMatchObject({ refusal: "lastAdmin" });
    await fresh.close();
  });
});

describe("an account", () => {
  it("is disabled and enabled again; nothing signs it in meanwhile", async () => {
    const { secret, person } = await signedIn(database.pool, "era");
    await disableAccount(database.pool, person.accountId, "cli");
    expect(await whoOfSession(database.pool, secret)).toBeUndefined();
    await enableAccount(database.pool, person.accountId, "cli");
    expect(await whoOfSession(database.pool, secret)).toBeUndefined();
    expect(await signIn(database.pool, { name: "era", password: PASSWORD }, ORIGIN)).toBeDefined();
  });

  it("keeps what a person chooses, one thing at a time", async () => {
    const { id } = await addPerson(database.pool, "flaka");
    await changePreferences(database.pool, id, { settings: { shortcuts: false } });
    await changePreferences(database.pool, id, { language: "sq", email: "f@example.org", settings: { breaks: false } });
    expect(await readAccount(database.pool, id)).toMatchObject({
      language: "sq",
      email: "f@example.org",
      settings: { shortcuts: false, breaks: false },
    });
    await changePreferences(database.pool, id, { email: "" });
    expect(await readAccount(database.pool, id)).toMatchObject({ language: "sq", email: null });
  });

  it("is listed by name, page by page", async () => {
    const fresh = await testDatabase();
    for (const name of ["c", "B", "a", "ë"]) await invite(fresh.pool, { name, role: "viewer" }, "cli");
    const first = await listAccounts(fresh.pool, { limit: 2 });
    const second = await listAccounts(fresh.pool, { after: first[1].name, limit: 9 });
    expect([...first, ...second].map((a) => a.name).sort()).toEqual(["B", "a", "c", "ë"]);
    await fresh.close();
  });

  it("leaves its acts in the audit log, under the name it has", async () => {
    await createWithPassword(database.pool, { name: "gent", role: "viewer" }, PASSWORD, "cli");
    const { id } = await findAccount(database.pool, "GENT");
    await changeRole(database.pool, id, "caseworker", "person:ana");
    await changeRole(database.pool, id, "caseworker", "person:ana");
    await disableAccount(database.pool, id, "person:ana");
    const { rows } = await database.pool.query(
      "select actor, act, detail from audit_log where subject = 'person:gent' order by number",
    );
    expect(rows).toEqual([
      { actor: "cli", act: "account made", detail: { role: "viewer" } },
      { actor: "person:ana", act: "role changed", detail: { from: "viewer", to: "caseworker" } },
      { actor: "person:ana", act: "account disabled", detail: {} },
    ]);
  });
});
