import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { TransientError } from "../../../src/errors.js";
import { PATIENCE } from "../../stories/support.js";
import { form, type TestApi, testApi } from "./support.js";

let api: TestApi;

beforeAll(async () => {
  api = await testApi();
});

afterAll(() => api.close());

const create = (key: string, payload: object, more: object = {}) =>
  api.ask({ method: "POST", url: "/v1/cases", payload, headers: { "idempotency-key": key }, ...more });

const cases = async () => (await api.database.pool.query(`select id from "case" order by id`)).rows.map(({ id }) => id);
const kept = async () => (await api.database.pool.query("select key, status from idempotency order by key")).rows;

describe("a POST with an Idempotency-Key", () => {
  test("happens once: the same request gets the same answer again, byte for byte", async () => {
    const first = await create("k-1", { id: "C-1", title: "one" });
    expect(first.statusCode).toBe(201);
    expect(first.headers["idempotency-replayed"]).toBeUndefined();
    const again = await create("k-1", { title: "one", id: "C-1" });
    expect(again.statusCode).toBe(201);
    expect(again.headers["idempotency-replayed"]).toBe("true");
    expect(again.headers.location).toBe("/v1/cases/C-1");
    expect(again.body).toBe(first.body);
    const { rows } = await api.database.pool.query("select 1 from audit_log where act = 'case created' and subject = 'case:C-1'");
    expect(rows).toHaveLength(1);
  });

  test("is refused for another body, another address or with a key that is none", async () => {
    await create("k-2", { id: "C-2" });
    const other = await create("k-2", { id: "C-3" });
    expect(other.statusCode).toBe(422);
    expect(other.json().errors).toEqual([{ field: "Idempotency-Key", message: expect.stringContaining("another request") }]);
    const elsewhere = await api.ask({ method: "POST", url: "/v1/cases/C-2/close", headers: { "idempotency-key": "k-2" } });
    expect(elsewhere.statusCode).toBe(422);
    expect((await create("a key", { id: "C-3" })).statusCode).toBe(422);
    expect((await create("k".repeat(256), { id: "C-3" })).statusCode).toBe(422);
    expect(await cases()).not.toContain("C-3");
  });

  test("is one's own: another token may use the same key", async () => {
    await create("k-4", { id: "C-4" });
    expect((await create("k-4", { id: "C-5" }, { rights: ["cases:write"] })).statusCode).toBe(201);
  });

  test("keeps a refusal as well, but not what was wrong before it was understood", async () => {
    expect((await create("k-6", { id: "C-1" })).statusCode).toBe(409);
    const again = await create("k-6", { id: "C-1" });
    expect([again.statusCode, again.headers["idempotency-replayed"]]).toEqual([409, "true"]);
    expect((await create("k-7", { id: "not valid" })).statusCode).toBe(422);
    expect((await create("k-7", { id: "C-7" })).statusCode).toBe(201);
  });

  test("answers 409 while the first is under way, and the first answer after it", async () => {
    const { check } = api.parts;
    let finish = () => {};
    const started = new Promise<void>((resolve) => {
      api.parts.check = async (media, signal) => {
        resolve();
        await new Promise<void>((done) => {
          finish = done;
        });
        return check(media, signal);
      };
    });
    const ask = () =>
      api.ask({ method: "POST", url: "/v1/lookup", payload: { pdq: "0f".repeat(32) }, headers: { "idempotency-key": "k-8" } });
    try {
      const first = ask();
      await started;
      const second = await ask();
      expect(second.statusCode).toBe(409);
      expect(second.headers["retry-after"]).toBe("1");
      finish();
      expect((await first).statusCode).toBe(200);
      expect((await ask()).body).toBe((await first).body);
    } finally {
      api.parts.check = check;
    }
  });

  test("is free again after a failure of ours, and when whoever claimed it died", async () => {
    const { check } = api.parts;
    api.parts.check = () => Promise.reject(new TransientError("away"));
    const ask = () =>
      api.ask({ method: "POST", url: "/v1/lookup", payload: { pdq: "f0".repeat(32) }, headers: { "idempotency-key": "k-9" } });
    expect((await ask()).statusCode).toBe(503);
    api.parts.check = check;
    expect((await ask()).statusCode).toBe(200);
    await api.database.pool.query(
      "update idempotency set status = null, claimed_until = now() - interval '1 second' where key = 'k-9'",
    );
    const after = await ask();
    expect([after.statusCode, after.headers["idempotency-replayed"]]).toEqual([200, undefined]);
  });

  test("happens once even when ten come at the same moment", async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => create("k-10", { id: "C-10" })));
    const statuses = answers.map(({ statusCode }) => statusCode);
    expect(statuses).toContain(201);
    expect(statuses.every((status) => status === 201 || status === 409)).toBe(true);
    const { rows } = await api.database.pool.query(
      "select 1 from audit_log where act = 'case created' and subject = 'case:C-10'",
    );
    expect(rows).toHaveLength(1);
    await vi.waitFor(
      async () => expect((await create("k-10", { id: "C-10" })).headers["idempotency-replayed"]).toBe("true"),
      PATIENCE,
    );
  });

  test("tells files apart by what is in them", async () => {
    const send = (bytes: string) => {
      const { payload, headers } = form({ submissionId: "s" }, { name: "a", bytes: Buffer.from(bytes) });
      return api.ask({
        method: "POST",
        url: "/v1/submissions/upload",
        payload,
        headers: { ...headers, "idempotency-key": "k-11" },
      });
    };
    const first = await send("one");
    expect(first.statusCode).toBe(200);
    expect((await send("one")).body).toBe(first.body);
    expect((await send("two")).statusCode).toBe(422);
  });

  test("does not keep a secret that is given once, but remembers that it was given", async () => {
    const payload = { name: "desk", url: "https://hooks.example/a", events: ["alert.raised"] };
    const add = () => api.ask({ method: "POST", url: "/v1/webhooks", payload, headers: { "idempotency-key": "k-13" } });
    const first = await add();
    expect(first.statusCode, first.body).toBe(201);
    const again = await add();
    expect(again.statusCode).toBe(409);
    expect(again.json().detail).toContain("given only once");
    const { rows } = await api.database.pool.query("select row_to_json(i)::text as row from idempotency i");
    expect(rows.map(({ row }) => row).join()).not.toContain(first.json().secret);
    expect((await api.ask({ url: "/v1/webhooks" })).json().items).toHaveLength(1);
    const { id } = first.json().webhook;
    expect((await api.ask({ method: "DELETE", url: `/v1/webhooks/${id}` })).statusCode).toBe(204);
  });

  test("is forgotten after a day", async () => {
    await api.database.pool.query("update idempotency set expires_at = now() - interval '1 second'");
    await create("k-12", { id: "C-12" });
    expect(await kept()).toEqual([{ key: "k-12", status: 201 }]);
  });
});
