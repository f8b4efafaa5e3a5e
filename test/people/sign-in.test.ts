import { hash } from "@node-rs/argon2";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findAccount } from "../../src/people/accounts.js";
import { createWithPassword } from "../../src/people/links.js";
import { whoOfSession } from "../../src/people/sessions.js";
import { changePassword, signIn } from "../../src/people/sign-in.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { addPerson, ORIGIN, PASSWORD, signedIn } from "./support.js";

let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase({ poolSize: 12 });
});
afterAll(() => database.close());

const tryAs = (name: string, password: string) => signIn(database.pool, { name, password }, ORIGIN);
const waitOver = (name: string) =>
  database.pool.query("update account set locked_until = now() - interval '1 second' where name = $1", [name]);
/** Whole minutes until the lock ends, rounded up. */
const minutesLocked = async (name: string) =>
  (
    await database.pool.query(
      "select ceil(extract(epoch from locked_until - now()) / 60)::int as m from account where name = $1",
      [name],
    )
  ).rows[0].m;

describe("a password", () => {
  it("is kept as argon2id with the costs that OWASP asks for", async () => {
    await addPerson(database.pool, "ana");
    const { rows } = await database.pool.query("select password_hash from account where name = 'ana'");
    expect(rows[0].password_hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  });

  it("is hashed anew at a sign-in when it was hashed with other costs", async () => {
    await addPerson(database.pool, "old");
    const old = await hash(PASSWORD, { memoryCost: 8_192, timeCost: 1, parallelism: 1 });
    await database.pool.query("update account set password_hash = $1 where name = 'old'", [old]);
    expect(await tryAs("old", PASSWORD)).toBeDefined();
    const { rows } = await database.pool.query("select password_hash from account where name = 'old'");
    expect(rows[0].password_hash).toContain("m=19456");
    expect(await tryAs("old", PASSWORD)).toBeDefined();
  });

  it("is the same from every keyboard: composed and decomposed letters are one", async () => {
    await createWithPassword(database.pool, { name: "unicode", role: "viewer" }, "fjalë e gjatë sot".normalize("NFC"), "cli");
    expect(await tryAs("unicode", "fjalë e gjatë sot".normalize("NFD"))).toBeDefined();
  });

  it.each(["short", "aaaaaaaaaaaaaaaa", "123456789012", "Password1234!", "qwerty123456", "Albana Albana", "x".repeat(257)])(
    "that is easily guessed is refused: %s",
    async (password) => {
      await expect(createWithPassword(database.pool, { name: "Albana", role: "viewer" }, password, "cli")).rejects.toThrow(
        /^password: /,
      );
      await expect(findAccount(database.pool, "Albana")).rejects.toThrow(/nobody has this name/);
    },
  );
});

describe("too many wrong passwords in a row", () => {
  it("lock the account, longer each time, and the right one does not help while it is locked", async () => {
    await addPerson(database.pool, "bora");
    for (let i = 0; i < 4; i++) expect(await tryAs("bora", "wrong")).toBeUndefined();
    expect(await minutesLocked("bora")).toBeNull();
    const waits: number[] = [];
    for (let i = 0; i < 8; i++) {
      expect(await tryAs("bora", "wrong")).toBeUndefined();
      waits.push(await minutesLocked("bora"));
      expect(await tryAs("bora", PASSWORD)).toBeUndefined();
      await waitOver("bora");
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60]);
    expect(await tryAs("bora", PASSWORD)).toBeDefined();
    const { rows } = await database.pool.query("select failed_sign_ins, locked_until from account where name = 'bora'");
    expect(rows).toEqual([{ failed_sign_ins: 0, locked_until: null }]);
  });

  it("are counted when they come all at once: of thirty guesses five are looked at", async () => {
    await addPerson(database.pool, "era");
    await Promise.all(Array.from({ length: 30 }, () => tryAs("era", "wrong")));
    const { rows } = await database.pool.query("select failed_sign_ins from account where name = 'era'");
    expect(rows).toEqual([{ failed_sign_ins: 5 }]);
    const acts = await database.pool.query(
      "select act, detail->'failures' as failures from audit_log where subject = 'person:era' and detail ? 'failures' order by failures",
    );
    expect(acts.rows.map(({ act }) => act)).toEqual([...Array(4).fill("sign-in failed"), "account locked"]);
  });

  it("leave open sessions alone", async () => {
    const { secret } = await signedIn(database.pool, "flaka");
    for (let i = 0; i < 5; i++) await tryAs("flaka", "wrong");
    expect(await whoOfSession(database.pool, secret)).toMatchObject({ name: "flaka" });
  });
});

describe("changing one's password", () => {
  it("needs the current one, ends all other sessions, and the old one is over", async () => {
    const here = await signedIn(database.pool, "gent");
    const elsewhere = await signedIn(database.pool, "gent");
    const next = "another long sentence of mine";
    const wrong = changePassword(database.pool, here.person, "not the current one", next, ORIGIN);
    await expect(wrong).rejects.toMatchObject({ field: "current", refusal: "passwordWrong" });
    expect(await whoOfSession(database.pool, elsewhere.secret)).toBeDefined();
    await changePassword(database.pool, here.person, PASSWORD, next, ORIGIN);
    expect(await whoOfSession(database.pool, elsewhere.secret)).toBeUndefined();
    expect(await whoOfSession(database.pool, here.secret)).toMatchObject({ name: "gent" });
    expect(await tryAs("gent", PASSWORD)).toBeUndefined();
    expect(await tryAs("gent", next)).toBeDefined();
  });

  it("counts wrong current ones as failed sign-ins", async () => {
    const { person } = await signedIn(database.pool, "hana");
    for (let i = 0; i < 5; i++)
      await expect(changePassword(database.pool, person, "wrong", "another long sentence", ORIGIN)).rejects.toThrow();
    expect(await minutesLocked("hana")).toBe(1);
  });
});

describe("someone who was disabled", () => {
  it("does not get in, and is out at once", async () => {
    const { secret } = await signedIn(database.pool, "ilir");
    await database.pool.query("update account set disabled_at = now() where name = 'ilir'");
    expect(await whoOfSession(database.pool, secret)).toBeUndefined();
    expect(await tryAs("ilir", PASSWORD)).toBeUndefined();
  });
});
