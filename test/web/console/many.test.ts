import { afterAll, beforeAll, expect, test } from "vitest";
import { seed } from "./seed.js";
import { type Client, clientOf, openConsole, type TestConsole } from "./support.js";

const MANY = 100_000;
const TIMES = 20;

let site: TestConsole;
let ana: Client;

beforeAll(async () => {
  site = await openConsole();
  await site.addPerson("Ana", "caseworker");
  const { pool } = site.database;
  await seed(pool);
  const policy = (await pool.query<{ version: string }>("select version from policy")).rows[0].version;
  await pool.query(
    `insert into submission (id, content_sha256, content, platform, uploader_id, media_sha256, kind, duration_ms, scanned_at)
     select 'many-' || n, sha256(n::text::bytea), '{}', 'platform-' || n % 7, 'profile-' || n % 900, sha256((n / 3)::text::bytea), 'video',
            60000, now() from generate_series(1, $1) n`,
    [MANY],
  );
  await pool.query(
    `insert into verdict (id, submission_id, origin, kind, reasons, policy_version, tool_version)
     select gen_random_uuid(), id, 'scan', 'review', '{}', $1, '0' from submission where id like 'many-%'`,
    [policy],
  );
  await pool.query(
    `insert into alert (id, verdict_id, submission_id, kind, case_id, confidence, reupload_number)
     select gen_random_uuid(), v.id, v.submission_id, 'review', 'C-17', (row_number() over () % 997) / 997.0, row_number() over () % 50
     from verdict v where v.submission_id like 'many-%'`,
  );
  await pool.query("analyze");
  ana = await clientOf(site, "Ana");
}, 300_000);
afterAll(() => site?.close());

/** The issue asks for 200 ms; a busy machine is no failed test, so it is told and not asserted. */
test.each(["/alerts", "/alerts?order=strongest", "/alerts?order=repeated", "/alerts?state=all&platform=platform-3"])(
  "among 100,000 alerts %s shows its first 25, and the next page goes on where it ended",
  async (path) => {
    const first = await ana.get(path);
    const idsOf = (html: string) => [...html.matchAll(/id="alert-([0-9a-f-]+)"/g)].map(([, id]) => id);
    expect(idsOf(first.html)).toHaveLength(25);
    const next = /<a href="([^"]+)" rel="next"/.exec(first.html)?.[1].replaceAll("&amp;", "&");
    const second = await ana.get(next!);
    expect(idsOf(second.html)).toHaveLength(25);
    expect(new Set([...idsOf(first.html), ...idsOf(second.html)]).size).toBe(50);
    const tookMs = [];
    for (let i = 0; i < TIMES; i++) {
      const fromMs = performance.now();
      await ana.get(path);
      tookMs.push(performance.now() - fromMs);
    }
    tookMs.sort((a, b) => a - b);
    console.info(
      `${path} among ${MANY} alerts: median ${tookMs[TIMES / 2].toFixed(1)} ms, slowest of ${TIMES} ${tookMs[TIMES - 1].toFixed(1)} ms`,
    );
  },
);
