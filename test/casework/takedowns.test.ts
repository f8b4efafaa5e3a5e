import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { actOnAlerts } from "../../src/casework/acts.js";
import { readAlert } from "../../src/casework/alerts.js";
import { startTakedownResults } from "../../src/casework/takedown-results.js";
import {
  listTakedowns,
  platformFigures,
  readTakedown,
  recheckTakedowns,
  reportTakedown,
  requeueTakedown,
  sweepTakedowns,
  type TakedownReport,
} from "../../src/casework/takedowns.js";
import { UsageError } from "../../src/errors.js";
import { createLog } from "../../src/platform/log.js";
import { createQueues } from "../../src/platform/queues.js";
import { BACKENDS, PATIENCE } from "../stories/support.js";
import { testConfig } from "../support/config.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { fresh, messagesOf, raised, settings, submissionOf } from "./alert-material.js";

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase({ poolSize: 8 });
});
afterAll(() => database.close());
/** What a test leaves behind is not late, and not looked for again. */
afterEach(async () => {
  await database.pool.query("update takedown set deadline_at = now() + interval '1 day', recheck_at = null");
});

const ACTOR = "token:remover";
const report = (takedownId: string, state: string, over: Partial<TakedownReport> = {}) =>
  reportTakedown(database.pool, { takedownId, state, ...over } as TakedownReport, ACTOR);
const read = async (id: string) => (await readTakedown(database.pool, id))!;
const events = async (id: string) => (await read(id)).events.map((e) => `${e.attempt} ${e.state}`);
const attempts = async (submissionId: string) =>
  (await messagesOf(database.pool, submissionId)).filter((m) => m.queue === "takedowns").map((m) => m.attempt);
/** As if it had been asked for long ago. */
const makeLate = (id: string) =>
  database.pool.query("update takedown set deadline_at = now() - interval '1 minute' where id = $1", [id]);
const makeDue = (id: string) =>
  database.pool.query("update takedown set recheck_at = now() - interval '1 minute' where id = $1", [id]);
const hoursUntil = async (id: string): Promise<number | null> => {
  const { rows } = await database.pool.query<{ hours: number | null }>(
    "select round(extract(epoch from recheck_at - now()) / 3600)::float8 as hours from takedown where id = $1",
    [id],
  );
  return rows[0].hours;
};

describe("reported results", () => {
  test("lead from queued to removed, each with a line of history that says who said so", async () => {
    const { takedownId: id = "" } = await raised(database.pool);
    for (const state of ["sent", "acknowledged", "removed"])
      expect(await report(id, state, { detail: `they said ${state}` })).toEqual({ outcome: "applied", state });
    const takedown = await read(id);
    expect(takedown).toMatchObject({ state: "removed", overdue: false, attempt: 1 });
    expect(takedown.events.map((e) => `${e.state} ${e.actor} ${e.detail}`)).toEqual([
      "queued service ",
      "sent token:remover they said sent",
      "acknowledged token:remover they said acknowledged",
      "removed token:remover they said removed",
    ]);
  });

  test("may skip steps, and said twice say nothing new", async () => {
    const { takedownId: id = "" } = await raised(database.pool);
    expect((await report(id, "removed")).outcome).toBe("applied");
    expect((await report(id, "removed")).outcome).toBe("repeated");
    expect(await events(id)).toEqual(["1 queued", "1 removed"]);
  });

  test.each([
    ["removed", "sent", "cannot become sent: the takedown is removed, which is final for attempt 1"],
    ["acknowledged", "sent", "cannot become sent: the takedown is acknowledged already, and can only become removed or rejected"],
    ["rejected", "acknowledged", "cannot become acknowledged: the takedown is rejected already, and can only become removed"],
  ])("that %s becomes %s is refused, and changes nothing", async (from, to, why) => {
    const { takedownId: id = "" } = await raised(database.pool);
    await report(id, from);
    expect(await report(id, to)).toEqual({ outcome: "refused", field: "state", why, unknown: false });
    expect((await read(id)).state).toBe(from);
    expect(await events(id)).toEqual(["1 queued", `1 ${from}`]);
  });

  test("of a withdrawn takedown are refused", async () => {
    const { takedownId: id = "", alertId } = await raised(database.pool);
    await actOnAlerts(database.pool, [alertId], "person:ana", { kind: "dismiss", reason: "a film" }, settings);
    expect(await report(id, "sent")).toMatchObject({ outcome: "refused", why: expect.stringContaining("withdrawn") });
  });

  test("of an earlier attempt are noted and not applied; of one that was not made, refused", async () => {
    const { takedownId: id = "" } = await raised(database.pool);
    await report(id, "sent");
    await requeueTakedown(database.pool, id, "person:ana", settings);
    expect(await report(id, "removed", { attempt: 1 })).toEqual({ outcome: "noted", state: "queued" });
    expect(await read(id)).toMatchObject({ state: "queued", recheckAt: null });
    expect(await events(id)).toEqual(["1 queued", "1 sent", "2 queued", "1 removed"]);
    expect(await report(id, "sent", { attempt: 3 })).toMatchObject({ outcome: "refused", field: "attempt" });
    expect(await report(id, "sent", { attempt: 1.5 })).toMatchObject({ outcome: "refused", field: "attempt" });
  });

  test("of a takedown that does not exist are refused", async () => {
    for (const id of ["00000000-0000-4000-8000-000000000000", "T-1"])
      expect(await report(id, "sent")).toMatchObject({ outcome: "refused", field: "takedownId", unknown: true });
  });

  test("a rejection calls a person", async () => {
    const { takedownId: id = "", alertId, submission } = await raised(database.pool);
    await report(id, "rejected", { detail: "not against our rules" });
    expect((await read(id)).escalatedAt).toBeInstanceOf(Date);
    const alert = await readAlert(database.pool, alertId);
    expect(alert?.events.at(-1)).toMatchObject({
      act: "takedown needs a person",
      detail: { why: "the platform rejected it: not against our rules" },
    });
    expect((await messagesOf(database.pool, submission.id)).filter((m) => m.queue === "alerts")).toHaveLength(2);
  });
});

describe("a deadline that passes", () => {
  test("queues the next attempt with a new deadline, once, though eight sweep at once", async () => {
    const { takedownId: id = "", submission } = await raised(database.pool);
    await report(id, "acknowledged");
    await makeLate(id);
    expect((await read(id)).overdue).toBe(true);
    const swept = await Promise.all(Array.from({ length: 8 }, () => sweepTakedowns(database.pool, settings)));
    expect(swept.reduce((sum, s) => sum + s.queuedAgain, 0)).toBe(1);
    expect(await attempts(submission.id)).toEqual([1, 2]);
    expect(await read(id)).toMatchObject({ state: "queued", attempt: 2, overdue: false });
    const { rows } = await database.pool.query("select payload from outbox where job_id = $1", [`takedown-${id}-2`]);
    expect(rows[0].payload).toMatchObject({ takedownId: id, attempt: 2, evidence: { algorithm: "test/1" } });
  });

  test("after the last attempt gives the takedown up, and calls a person", async () => {
    const { takedownId: id = "", submission, alertId } = await raised(database.pool);
    for (let i = 0; i < 4; i++) {
      await makeLate(id);
      await sweepTakedowns(database.pool, settings);
    }
    expect(await attempts(submission.id)).toEqual([1, 2, 3]);
    expect(await read(id)).toMatchObject({ state: "expired", attempt: 3, overdue: true, escalatedAt: expect.any(Date) });
    expect((await readAlert(database.pool, alertId))?.events.map((e) => e.act)).toEqual(["takedown needs a person"]);
    const { rows } = await database.pool.query(
      "select payload from outbox where queue = 'alerts' and payload->>'takedownId' = $1",
      [id],
    );
    expect(rows.map((r) => r.payload)).toMatchObject([
      { alertId, kind: "takedown", reasons: ["the takedown needs a person: not removed after 3 attempts"] },
    ]);
    const { takedowns } = await listTakedowns(database.pool, { overdue: true }, { limit: 10 });
    expect(takedowns.map((t) => t.id)).toContain(id);
    expect((await report(id, "removed")).outcome).toBe("applied");
  });

  test("does nothing to what is removed, rejected or withdrawn", async () => {
    for (const state of ["removed", "rejected"]) {
      const { takedownId: id = "" } = await raised(database.pool);
      await report(id, state);
      await makeLate(id);
    }
    expect(await sweepTakedowns(database.pool, settings)).toEqual({ queuedAgain: 0, expired: 0 });
  });

  test("of more takedowns than fit in one transaction is noticed for all", async () => {
    await database.pool.query(
      `with s as (
         insert into submission (id, content_sha256, content) select 'many-' || n, sha256('x'), '{}' from generate_series(1, 250) n returning id
       ), c as (insert into "case" (id) values ('C-many') returning id)
       insert into takedown (id, submission_id, case_id, request, deadline_at)
       select gen_random_uuid(), s.id, c.id, '{"attempt": 1}', now() - interval '1 hour' from s, c`,
    );
    expect(await sweepTakedowns(database.pool, settings)).toEqual({ queuedAgain: 250, expired: 0 });
  });
});

describe("asking again by hand", () => {
  test("is the next attempt, also of what was given up", async () => {
    const { takedownId: id = "", submission } = await raised(database.pool);
    await report(id, "rejected");
    expect(await requeueTakedown(database.pool, id, "person:ana", settings)).toBe(2);
    expect(await read(id)).toMatchObject({ state: "queued", attempt: 2, escalatedAt: null });
    expect(await attempts(submission.id)).toEqual([1, 2]);
    expect((await read(id)).events.at(-1)).toMatchObject({ actor: "person:ana", attempt: 2 });
  });

  test("is refused while an attempt waits, after a withdrawal, and for an unknown id", async () => {
    const { takedownId: id = "", alertId } = await raised(database.pool);
    const again = (of: string) => requeueTakedown(database.pool, of, "person:ana", settings);
    await expect(again(id)).rejects.toThrow(/^takedownId: attempt 1 is queued/);
    await actOnAlerts(database.pool, [alertId], "person:ana", { kind: "dismiss", reason: "a film" }, settings);
    await expect(again(id)).rejects.toThrow(/^takedownId: it was withdrawn/);
    await expect(again("T-1")).rejects.toThrow(UsageError);
  });
});

describe("after a removal", () => {
  test("the media is looked for after an hour, a day, a week and a month", async () => {
    const { takedownId: id = "", submission } = await raised(database.pool);
    await report(id, "removed");
    const waits = [await hoursUntil(id)];
    const asked: string[] = [];
    for (let i = 0; i < 4; i++) {
      await makeDue(id);
      const look = async (url: string, what: string) => {
        asked.push(`${what} ${url}`);
        return i === 1 ? ("unknown" as const) : ("gone" as const);
      };
      expect(await recheckTakedowns(database.pool, look, settings)).toEqual({ due: 1, cameBack: 0 });
      waits.push(await hoursUntil(id));
    }
    expect(waits).toEqual([1, 24, 168, 720, null]);
    expect(new Set(asked)).toEqual(new Set([`media ${(submission.media as { url: string }).url}`]));
    expect((await read(id)).events.slice(2).map((e) => e.detail)).toEqual([
      "looked for again: it is gone",
      "looked for again: the server gave no clear answer",
      "looked for again: it is gone",
      "looked for again: it is gone",
    ]);
  });

  test("media that is there again is asked for again", async () => {
    const { takedownId: id = "", submission } = await raised(database.pool);
    await report(id, "removed");
    await makeDue(id);
    expect(await recheckTakedowns(database.pool, async () => "there", settings)).toEqual({ due: 1, cameBack: 1 });
    expect(await read(id)).toMatchObject({ state: "queued", attempt: 2, recheckAt: null });
    expect(await attempts(submission.id)).toEqual([1, 2]);
  });

  test("without an address of the media its page is looked at; without both, nothing", async () => {
    const media = { path: "/media/a.mp4" };
    const { takedownId: withPage = "", submission } = await raised(database.pool, "match", {
      submission: submissionOf({ media }),
    });
    const { takedownId: without = "" } = await raised(database.pool, "match", {
      submission: submissionOf({ media, pageUrl: undefined }),
    });
    for (const id of [withPage, without]) {
      await report(id, "removed");
      await makeDue(id);
    }
    const asked: string[] = [];
    const look = async (url: string, what: string) => {
      asked.push(`${what} ${url}`);
      return "unknown" as const;
    };
    expect((await recheckTakedowns(database.pool, look, settings)).due).toBe(2);
    expect(asked).toEqual([`page ${submission.pageUrl}`]);
    expect((await read(without)).events.at(-1)?.detail).toContain("neither the address of the media nor of the page");
  });

  test("several processes look once, and a dismissal while they look is the last word", async () => {
    const { takedownId: id = "", alertId } = await raised(database.pool);
    await report(id, "removed");
    await makeDue(id);
    let looks = 0;
    const look = async () => {
      looks++;
      await actOnAlerts(database.pool, [alertId], "person:ana", { kind: "dismiss", reason: "a film" }, settings);
      return "gone" as const;
    };
    await Promise.all([1, 2, 3].map(() => recheckTakedowns(database.pool, look, settings)));
    expect(looks).toBe(1);
    expect(await read(id)).toMatchObject({ state: "removed", recheckAt: null });
  });
});

describe("the list", () => {
  test("goes on from page to page, newest first, and filters", async () => {
    const platform = `platform-${fresh()}`;
    const ids: string[] = [];
    for (let i = 0; i < 5; i++)
      ids.unshift((await raised(database.pool, "match", { submission: submissionOf({ platform }) })).takedownId!);
    await report(ids[1], "sent");
    const first = await listTakedowns(database.pool, { platform }, { limit: 2 });
    const second = await listTakedowns(database.pool, { platform }, { limit: 2, after: first.next });
    const third = await listTakedowns(database.pool, { platform }, { limit: 2, after: second.next });
    expect([first, second, third].flatMap((page) => page.takedowns.map((t) => t.id))).toEqual(ids);
    expect(third.next).toBeUndefined();
    const sent = await listTakedowns(database.pool, { platform, state: "sent" }, { limit: 9 });
    expect(sent.takedowns).toMatchObject([{ id: ids[1], state: "sent", uploader: { id: "profile-1" } }]);
    const { caseId } = first.takedowns[0];
    expect((await listTakedowns(database.pool, { caseId }, { limit: 9 })).takedowns).toHaveLength(1);
    await expect(listTakedowns(database.pool, {}, { limit: 2, after: "nonsense" })).rejects.toThrow(/^after: /);
    await expect(listTakedowns(database.pool, {}, { limit: 0 })).rejects.toThrow(/^limit: /);
  });

  test("the figures of a platform say what became of its takedowns", async () => {
    const platform = `figures-${fresh()}`;
    const make = async () => (await raised(database.pool, "match", { submission: submissionOf({ platform }) })).takedownId!;
    const [removed, rejected, back, late] = [await make(), await make(), await make(), await make()];
    await database.pool.query("update takedown set created_at = created_at - interval '3 hours' where id = $1", [removed]);
    await report(removed, "removed");
    await report(rejected, "rejected");
    await report(back, "removed");
    await makeDue(back);
    await recheckTakedowns(database.pool, async () => "there", settings);
    await makeLate(late);
    const figures = (await platformFigures(database.pool)).find((f) => f.platform === platform)!;
    expect(figures).toMatchObject({ requested: 4, open: 2, overdue: 1, removed: 1, rejected: 1, expired: 0, withdrawn: 0 });
    expect(figures).toMatchObject({ attempts: 1.25, cameBack: 1 });
    expect(figures.medianHoursToRemoval).toBeGreaterThan(1);
  });
});

describe.each(BACKENDS.filter(({ missing }) => missing === ""))("the queue of results on $name", ({ name, open }) => {
  test("applies what it is told, and parks what is wrong with the field that is", async () => {
    const { takedownId: id = "" } = await raised(database.pool);
    const { variables, close } = await open();
    const log = createLog("silent");
    const { redisUrl } = testConfig(variables);
    const queues = createQueues({ redisUrl, queuePrefix: "results" }, database.connectionString, log);
    startTakedownResults(queues, database.pool, log);
    await database.pool.query("delete from parked_job");
    try {
      const queue = queues.queue("takedown-results");
      const wrong: [unknown, string, RegExp][] = [
        [{ takedownId: id }, "state", /^state: must be one of sent, acknowledged, removed, rejected/],
        [{ takedownId: 7, state: "sent" }, "takedownId", /^takedownId: must be the takedownId/],
        [{ takedownId: id, state: "sent", attempt: "1" }, "attempt", /^attempt: must be a whole number/],
        [{ takedownId: id, state: "sent", attempt: 9 }, "attempt", /^attempt: 9 was not made yet/],
        [{ takedownId: "00000000-0000-4000-8000-000000000000", state: "sent" }, "takedownId", /there is no takedown/],
        ["removed", "job", /^job: must be an object/],
        // A queue in Postgres takes no such text in the first place.
        [{ takedownId: id, state: name === "Redis" ? "gone\u0000\ud800" : "gone" }, "state", /^state: /],
      ];
      for (const [data] of wrong) await queue.add("result", data);
      await queue.add("result", { takedownId: id, state: "removed", detail: "gone" });
      await vi.waitFor(async () => expect((await read(id)).state).toBe("removed"), PATIENCE);
      const { rows } = await database.pool.query<{ field: string; reason: string }>(
        "select field, reason from parked_job where queue = 'takedown-results' order by id",
      );
      expect(rows.map((r) => r.field)).toEqual(wrong.map(([, field]) => field));
      rows.forEach(({ reason }, i) => {
        expect(reason).toMatch(wrong[i][2]);
      });
    } finally {
      await queues.close();
      await close();
    }
  });
});
