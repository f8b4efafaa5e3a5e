import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { caseTimeline, listUploaders, platformStatistics, readUploader } from "../../src/casework/statistics.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { matchOn, register, upload } from "./recorded.js";

let database: TestDatabase;
const made: Awaited<ReturnType<typeof upload>>[] = [];

/** Two platforms, three profiles, one of them on both platforms under the same id, and one upload of nobody. */
beforeAll(async () => {
  database = await testDatabase();
  const { pool } = database;
  const [one, two] = [matchOn(await register(pool, "T-1", 1)), matchOn(await register(pool, "T-2", 2))];
  const by = (platform: string | undefined, id: string | undefined, receivedAt: string) => ({
    ...{ platform, receivedAt, uploader: id === undefined ? undefined : { id, url: `https://${platform}.example/${id}` } },
  });
  made.push(await upload(pool, [one], by("alpha", "ana", "2026-09-30T23:30:00Z")));
  made.push(await upload(pool, [one, two], by("alpha", "ana", "2026-10-02T00:00:00Z")));
  made.push(await upload(pool, [one], by("beta", "ana", "2026-10-03T00:00:00Z")));
  made.push(await upload(pool, [two], by("beta", "ben", "2026-10-04T00:00:00Z")));
  made.push(await upload(pool, [one], by(undefined, undefined, "2026-10-05T00:00:00Z")));
  await upload(pool, [], by("alpha", "ana", "2026-10-06T00:00:00Z"));
  await upload(pool, [], by("alpha", "nobody", "2026-10-06T00:00:00Z"));
  await removed(made[0].takedownId!, 4, 1);
  await removed(made[1].takedownId!, 10, 3);
  await pool.query("update takedown set state = 'withdrawn' where id = $1", [made[2].takedownId]);
  await pool.query("update takedown set state = 'rejected' where id = $1", [made[3].takedownId]);
});
afterAll(() => database.close());

async function removed(takedownId: string, afterHours: number, attempt: number): Promise<void> {
  await database.pool.query(
    "update takedown set state = 'removed', attempt = $2, created_at = now() - interval '20 hours' where id = $1",
    [takedownId, attempt],
  );
  for (const hours of [afterHours, afterHours + 5])
    await database.pool.query(
      `insert into takedown_event (takedown_id, attempt, state, actor, created_at)
       select id, attempt, 'removed', 'token:x', created_at + make_interval(hours => $2) from takedown where id = $1`,
      [takedownId, hours],
    );
}

test("a case's timeline has every upload by number, and sums them up", async () => {
  const { uploads, summary } = await caseTimeline(database.pool, "T-1");
  expect(uploads.map((u) => [u.number, u.platform, u.uploaderId, u.submissionId])).toEqual(
    [made[0], made[1], made[2], made[4]].map((m, i) => [
      i + 1,
      m.submission.platform ?? null,
      m.submission.uploader?.id ?? null,
      m.submissionId,
    ]),
  );
  expect(summary).toEqual({
    uploads: 4,
    uploaders: 2,
    platforms: 2,
    firstAt: new Date("2026-09-30T23:30:00Z"),
    lastAt: new Date("2026-10-05T00:00:00Z"),
  });
  expect((await caseTimeline(database.pool, "T-none")).summary).toEqual({
    uploads: 0,
    uploaders: 0,
    platforms: 0,
    firstAt: null,
    lastAt: null,
  });
});

describe("an uploader", () => {
  test("is counted on one platform only, with cases, takedowns and months", async () => {
    expect(await readUploader(database.pool, "alpha", "ana")).toEqual({
      ...{ platform: "alpha", id: "ana", url: "https://alpha.example/ana", submissions: 3, reuploads: 2 },
      ...{ firstAt: new Date("2026-09-30T23:30:00Z"), lastAt: new Date("2026-10-06T00:00:00Z") },
      cases: [
        { caseId: "T-1", title: "", uploads: 2, lastAt: new Date("2026-10-02T00:00:00Z") },
        { caseId: "T-2", title: "", uploads: 1, lastAt: new Date("2026-10-02T00:00:00Z") },
      ],
      takedowns: { removed: 2 },
      byMonth: [
        { month: "2026-09", uploads: 1 },
        { month: "2026-10", uploads: 1 },
      ],
    });
    expect(await readUploader(database.pool, "alpha", "nobody")).toMatchObject({
      submissions: 1,
      reuploads: 0,
      cases: [],
      byMonth: [],
    });
    expect(await readUploader(database.pool, "alpha", "ben")).toBeUndefined();
  });

  test("stands in the list by how much was re-uploaded, page by page, if anything was", async () => {
    const { pool } = database;
    const pages: string[] = [];
    for (let after: string | undefined, more = true; more; ) {
      const { uploaders, next } = await listUploaders(pool, { limit: 2, after });
      pages.push(uploaders.map((u) => `${u.platform}/${u.id} ${u.reuploads} ${u.cases}`).join(", "));
      after = next;
      more = next !== undefined;
    }
    expect(pages).toEqual(["alpha/ana 2 2, beta/ana 1 1", "beta/ben 1 1"]);
    expect((await listUploaders(pool, { limit: 9, platform: "beta" })).uploaders.map((u) => u.id)).toEqual(["ana", "ben"]);
  });
});

test("a platform's figures: what was removed, after how long, after how many requests", async () => {
  const [alpha, beta, nameless, ...rest] = await platformStatistics(database.pool);
  expect(rest).toEqual([]);
  expect(alpha).toEqual({
    ...{ platform: "alpha", reuploads: 2, uploaders: 1, cases: 2, takedowns: 2, removed: 2, rejected: 0, open: 0 },
    ...{ shareRemoved: 1, medianHoursUntilRemoved: 7, meanAttempts: 2 },
    byMonth: [
      { month: "2026-09", uploads: 1 },
      { month: "2026-10", uploads: 1 },
    ],
  });
  expect(beta).toMatchObject({
    platform: "beta",
    reuploads: 2,
    uploaders: 2,
    takedowns: 2,
    removed: 0,
    rejected: 1,
    shareRemoved: 0,
    medianHoursUntilRemoved: null,
  });
  expect(nameless).toMatchObject({ platform: "", reuploads: 1, uploaders: 0, open: 1 });
});
