import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type TestApi, testApi } from "../web/api/support.js";

/** A request waits fifteen seconds for a connection before it is asked to come back. */
vi.setConfig({ testTimeout: 90_000 });

const CONNECTIONS = 4;
const REQUESTS = 24;

let api: TestApi;
beforeAll(async () => {
  api = await testApi({ variables: { DATABASE_POOL: String(CONNECTIONS) } });
});
afterAll(() => api.close());

test("while the database does not get on, submitters are asked to come back, and no more connections are opened", async () => {
  const headers = { authorization: `Bearer ${await api.tokenFor(["submissions:write"])}`, "content-type": "application/json" };
  const submit = (number: number) =>
    fetch(`${api.address}/v1/submissions`, {
      method: "POST",
      headers,
      body: JSON.stringify({ submissionId: `slow-${number}`, media: { url: "https://cdn.example/a.mp4" } }),
    });
  const { pool } = api.database;
  const holder = await pool.connect();
  await holder.query("begin; lock table submission in access exclusive mode");
  const answers = Array.from({ length: REQUESTS }, (_, number) => submit(number));
  let isOver = false;
  const refused = await new Promise<Response[]>((resolve) => {
    const seen: Response[] = [];
    for (const answer of answers)
      void answer.then((response) => {
        if (!isOver) seen.push(response);
        if (seen.length === REQUESTS - CONNECTIONS) resolve(seen);
      });
  });
  isOver = true;
  const { rows } = await pool.query<{ n: number }>(
    `select count(*)::int as n from pg_stat_activity where datname = current_database() and application_name = 'reupload' and wait_event_type = 'Lock'`,
  );
  await holder.query("commit");
  holder.release();
  expect(new Set(refused.map(({ status }) => status))).toEqual(new Set([503]));
  for (const { headers: of } of refused) expect(Number(of.get("retry-after"))).toBeGreaterThan(0);
  expect(rows[0].n).toBeLessThanOrEqual(CONNECTIONS);
  await Promise.all(answers);
  const again = await Promise.all(Array.from({ length: REQUESTS }, (_, number) => submit(number)));
  expect(new Set(again.map(({ status }) => status))).toEqual(new Set([202]));
});
