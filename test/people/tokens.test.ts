import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { may } from "../../src/people/rights.js";
import { createToken, listTokens, revokeToken, whoOfToken } from "../../src/people/tokens.js";
import { type TestDatabase, testDatabase } from "../support/database.js";

let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.close());

const make = (name: string, scopes: string[], days?: number) => createToken(database.pool, { name, scopes, days }, "person:ana");

describe("a service token", () => {
  it("may do what its scopes say, and no more", async () => {
    const { secret } = await make("intake", ["submissions:write", "submissions:read"]);
    expect(secret).toMatch(/^rup_[\w-]{43}$/);
    const who = (await whoOfToken(database.pool, secret))!;
    expect(who).toMatchObject({ kind: "token", name: "intake", scopes: ["submissions:read", "submissions:write"] });
    expect(may(who, "submissions:write")).toBe(true);
    expect(may(who, "alerts:read")).toBe(false);
    expect(may(who, "admin")).toBe(false);
  });

  it("is kept only as a hash", async () => {
    const { secret } = await make("kept", ["alerts:read"]);
    const { rows } = await database.pool.query(
      "select row_to_json(t)::text as row from service_token t union all select row_to_json(a)::text from audit_log a",
    );
    expect(rows.length).toBeGreaterThan(1);
    for (const { row } of rows) expect(row).not.toContain(secret.slice(4));
  });

  it("expires", async () => {
    const { secret } = await make("brief", ["alerts:read"], 1);
    expect(await whoOfToken(database.pool, secret)).toBeDefined();
    await database.pool.query("update service_token set expires_at = now() where name = 'brief'");
    expect(await whoOfToken(database.pool, secret)).toBeUndefined();
  });

  it("is over once it is revoked, and its name stays taken", async () => {
    const { secret } = await make("lost", ["alerts:read"]);
    await revokeToken(database.pool, "lost", "cli");
    expect(await whoOfToken(database.pool, secret)).toBeUndefined();
    await expect(revokeToken(database.pool, "lost", "cli")).rejects.toMatchObject({ refusal: "tokenUnknown" });
    await expect(make("lost", ["alerts:read"])).rejects.toMatchObject({ field: "name", refusal: "tokenNameTaken" });
  });

  it("notes when it was last used", async () => {
    const { secret } = await make("used", ["alerts:read"]);
    const lastUse = async () => (await listTokens(database.pool, { after: "use", limit: 1 }))[0].lastUsedAt;
    expect(await lastUse()).toBeNull();
    await whoOfToken(database.pool, secret);
    expect(await lastUse()).toBeInstanceOf(Date);
  });

  it.each(["", "rup_", `rup_${"A".repeat(43)}`, "A".repeat(43), "rup_'; drop table service_token; --"])(
    "is not %j",
    async (secret) => {
      expect(await whoOfToken(database.pool, secret)).toBeUndefined();
    },
  );

  it.each([
    ["a name with a space", "a b", ["alerts:read"], 1, "name"],
    ["no name", "", ["alerts:read"], 1, "name"],
    ["no scope", "x1", [], 1, "scopes"],
    ["an unknown scope", "x2", ["alerts:read", "alerts:erase"], 1, "scopes"],
    ["no day", "x3", ["alerts:read"], 0, "days"],
    ["half a day", "x4", ["alerts:read"], 0.5, "days"],
    ["a lifetime", "x5", ["alerts:read"], 36_500, "days"],
  ])("is not made with %s", async (_what, name, scopes, days, field) => {
    await expect(make(name, scopes, days)).rejects.toMatchObject({ field });
  });
});
