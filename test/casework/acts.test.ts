import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Act, actOnAlerts } from "../../src/casework/acts.js";
import { readAlert } from "../../src/casework/alerts.js";
import { recordScan } from "../../src/casework/record.js";
import { submissionReport } from "../../src/casework/report.js";
import { readTakedown } from "../../src/casework/takedowns.js";
import { UsageError } from "../../src/errors.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { readingOf } from "../support/material.js";
import {
  addAccount,
  addKnown,
  fresh,
  lookedBack,
  matchOn,
  messagesOf,
  raised,
  scanned,
  settings,
  submissionOf,
  uploadsOf,
} from "./alert-material.js";

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase({ poolSize: 12 });
  await addAccount(database.pool, "root", "admin");
});
afterAll(() => database.close());

const ANA = "person:ana";
const act = (ids: string[], what: Act, actor = ANA) => actOnAlerts(database.pool, ids, actor, what, settings);
const detail = async (id: string) => (await readAlert(database.pool, id))!;
const acts = async (id: string) => (await detail(id)).events.map((e) => e.act);
const dismissal: Act = { kind: "dismiss", reason: "another scene of the same room" };

/** As if everything decided so far about the alert had been decided `minutes` earlier. */
async function agoBy(minutes: number, id: string): Promise<void> {
  await database.pool.query("update alert_event set created_at = created_at - make_interval(mins => $2) where alert_id = $1", [
    id,
    minutes,
  ]);
}

describe("confirming", () => {
  test("a review counts the upload in its case and queues its takedown, as a match would have", async () => {
    const { alertId, submission, reference } = await raised(database.pool, "review");
    expect(await uploadsOf(database.pool, reference.caseId)).toBe(0);
    expect(await act([alertId], { kind: "confirm" })).toEqual({ done: [alertId], refused: [] });
    const alert = await detail(alertId);
    expect(alert).toMatchObject({ state: "confirmed", decidedBy: ANA, reuploadNumber: 1, nthOfCase: 1, nthOfUploader: 1 });
    expect(alert.takedown).toMatchObject({
      state: "queued",
      attempt: 1,
      caseId: reference.caseId,
      mediaUrl: (submission.media as { url: string }).url,
      evidence: { algorithm: "test/1", policyVersion: "test", toolVersion: "0.0.0-test", distances: { medianBits: 4 } },
    });
    expect(alert.takedown?.evidence.sha256).toBe(alert.submission.sha256);
    expect(await messagesOf(database.pool, submission.id)).toEqual([
      { queue: "alerts", name: "alert", attempt: undefined },
      { queue: "takedowns", name: "takedown", attempt: 1 },
    ]);
  });

  test("a match, whose takedown is under way, asks for nothing a second time", async () => {
    const { alertId, submission, reference } = await raised(database.pool);
    await act([alertId], { kind: "confirm" });
    expect((await detail(alertId)).state).toBe("confirmed");
    expect(await messagesOf(database.pool, submission.id)).toHaveLength(2);
    expect(await uploadsOf(database.pool, reference.caseId)).toBe(1);
  });

  test("twelve times at once, and once more, does it once", async () => {
    const { alertId, submission } = await raised(database.pool, "review");
    const results = await Promise.all(Array.from({ length: 12 }, (_, i) => act([alertId], { kind: "confirm" }, `person:p${i}`)));
    results.push(await act([alertId], { kind: "confirm" }));
    expect(results.every((r) => r.done.length === 1 && r.refused.length === 0)).toBe(true);
    expect(await acts(alertId)).toEqual(["confirmed"]);
    expect((await messagesOf(database.pool, submission.id)).filter((m) => m.queue === "takedowns")).toHaveLength(1);
    const { rows } = await database.pool.query("select 1 from audit_log where subject = $1 and act = 'alert confirmed'", [
      `alert:${alertId}`,
    ]);
    expect(rows).toHaveLength(1);
  });

  test("media in which nothing was found is refused, and says what to do instead", async () => {
    const submission = submissionOf();
    const outcome = await recordScan(database.pool, submission, settings, async () => ({
      verdict: { kind: "unscannable", matches: [], reasons: ["the file is empty"], policyVersion: "test" },
    }));
    const { refused } = await act([outcome.alertId!], { kind: "confirm" });
    expect(refused).toEqual([{ id: outcome.alertId, why: expect.stringContaining("dismiss or escalate it") }]);
    expect((await detail(outcome.alertId!)).state).toBe("open");
  });
});

describe("dismissing", () => {
  test("withdraws the takedown, tells the queue why, and takes the upload out of the count", async () => {
    const caseId = `C-${fresh()}`;
    const [first, second, third] = [
      await raised(database.pool, "match", { caseId }),
      await raised(database.pool, "match", { caseId }),
      await raised(database.pool, "match", { caseId }),
    ];
    await act([second.alertId], dismissal);
    expect(await readTakedown(database.pool, second.takedownId!)).toMatchObject({ state: "withdrawn" });
    expect((await messagesOf(database.pool, second.submission.id)).at(-1)).toMatchObject({
      queue: "takedowns",
      name: "withdraw",
    });
    const { rows } = await database.pool.query(
      "select payload from outbox where name = 'withdraw' and payload->>'takedownId' = $1",
      [second.takedownId],
    );
    expect(rows[0].payload).toEqual({
      takedownId: second.takedownId,
      withdrawn: true,
      reason: "another scene of the same room",
    });
    expect(await uploadsOf(database.pool, caseId)).toBe(2);
    const [one, two, three] = [await detail(first.alertId), await detail(second.alertId), await detail(third.alertId)];
    expect([one.nthOfCase, two.nthOfCase, three.nthOfCase]).toEqual([1, null, 2]);
    // Its own number was announced, and nobody else gets it.
    expect([one.reuploadNumber, two.reuploadNumber, three.reuploadNumber]).toEqual([1, 2, 3]);
    expect(two).toMatchObject({ state: "dismissed", reason: "another scene of the same room", decidedBy: ANA });
    expect((await raised(database.pool, "match", { caseId })).alertId).toBeDefined();
    expect(await uploadsOf(database.pool, caseId)).toBe(3);
  });

  test("the same file again is clear, with the reason, and a look-back is silent", async () => {
    const { alertId, reading, reference } = await raised(database.pool);
    await act([alertId], dismissal);
    const again = submissionOf();
    const outcome = await scanned(database.pool, [matchOn(reference)], { submission: again, reading });
    expect(outcome).toMatchObject({ verdict: "clear", alertId: undefined, takedownId: undefined });
    const [verdict] = (await submissionReport(database.pool, again.id))!.verdicts;
    expect(verdict.reasons).toEqual([
      `dismissed before: known material "known.mp4" of case ${reference.caseId}, because: another scene of the same room`,
    ]);
    expect(await lookedBack(database.pool, again, reading, [matchOn(reference)])).toBe(false);
    expect(await messagesOf(database.pool, again.id)).toEqual([]);
  });

  test("another reference, even of the same case, still alerts about the file; so does another file about the reference", async () => {
    const { alertId, submission, reading, reference } = await raised(database.pool);
    await act([alertId], dismissal);
    const other = await addKnown(database.pool, reference.caseId);
    const both = await scanned(database.pool, [matchOn(reference), matchOn(other, { verdict: "review" })], { reading });
    expect(both.verdict).toBe("review");
    expect((await detail(both.alertId!)).matches.map((m) => m.reference.id)).toEqual([other.id]);
    expect((await scanned(database.pool, [matchOn(reference)])).verdict).toBe("match");
    expect(await lookedBack(database.pool, submission, reading, [matchOn(other)])).toBe(true);
    expect(await readTakedown(database.pool, (await submissionReport(database.pool, submission.id))!.takedown!.id)).toMatchObject(
      {
        state: "queued",
        attempt: 2,
      },
    );
  });

  test("leaves a takedown alone that another alert about the submission asks for", async () => {
    const { alertId, submission, reading, takedownId, reference } = await raised(database.pool);
    const other = await addKnown(database.pool, `C-${fresh()}`);
    expect(await lookedBack(database.pool, submission, reading, [matchOn(other)])).toBe(true);
    await act([alertId], dismissal);
    expect((await readTakedown(database.pool, takedownId!))?.state).toBe("queued");
    expect([await uploadsOf(database.pool, reference.caseId), await uploadsOf(database.pool, other.caseId)]).toEqual([0, 1]);
  });

  test("needs a reason, and one that fits", async () => {
    const { alertId } = await raised(database.pool);
    await expect(act([alertId], { kind: "dismiss", reason: " \n" })).rejects.toThrow(UsageError);
    await expect(act([alertId], { kind: "dismiss", reason: "x".repeat(4001) })).rejects.toThrow(/^reason: has 4001 characters/);
    expect(await acts(alertId)).toEqual([]);
  });

  test("what was confirmed is refused, and says by whom", async () => {
    const { alertId } = await raised(database.pool);
    await act([alertId], { kind: "confirm" });
    const { refused } = await act([alertId], dismissal, "person:ben");
    expect(refused).toEqual([{ id: alertId, why: "it was confirmed by person:ana; that must be undone first" }]);
  });
});

describe("undoing", () => {
  test("a confirmed review leaves nothing behind but its history", async () => {
    const { alertId, submission, reference } = await raised(database.pool, "review");
    await act([alertId], { kind: "confirm" });
    const until = (await detail(alertId)).undoableUntil;
    expect(until).toBeInstanceOf(Date);
    expect(await act([alertId], { kind: "undo" })).toEqual({ done: [alertId], refused: [] });
    expect(await detail(alertId)).toMatchObject({
      state: "open",
      decidedBy: null,
      decidedAt: null,
      undoableUntil: null,
      reuploadNumber: 0,
      nthOfCase: null,
      takedown: { state: "withdrawn" },
    });
    expect(await uploadsOf(database.pool, reference.caseId)).toBe(0);
    expect(await acts(alertId)).toEqual(["confirmed", "undone"]);
    await act([alertId], { kind: "confirm" });
    expect(await detail(alertId)).toMatchObject({ state: "confirmed", takedown: { state: "queued", attempt: 2 } });
    expect((await messagesOf(database.pool, submission.id)).map((m) => m.name)).toEqual([
      "alert",
      "takedown",
      "withdraw",
      "takedown",
    ]);
  });

  test("a confirmed match goes on with the takedown that the scan had queued", async () => {
    const { alertId, takedownId, reference } = await raised(database.pool);
    await act([alertId], { kind: "confirm" });
    await act([alertId], { kind: "undo" });
    expect((await readTakedown(database.pool, takedownId!))?.state).toBe("queued");
    expect(await uploadsOf(database.pool, reference.caseId)).toBe(1);
  });

  test("a dismissal asks for the takedown again, counts the upload under its old number, and lets the file alert again", async () => {
    const caseId = `C-${fresh()}`;
    await raised(database.pool, "match", { caseId });
    const { alertId, takedownId, reading, reference } = await raised(database.pool, "match", { caseId });
    await raised(database.pool, "match", { caseId });
    await act([alertId], dismissal);
    await act([alertId], { kind: "undo" });
    expect(await detail(alertId)).toMatchObject({ state: "open", reason: null, nthOfCase: 2, reuploadNumber: 2 });
    expect(await readTakedown(database.pool, takedownId!)).toMatchObject({ state: "queued", attempt: 2 });
    expect((await scanned(database.pool, [matchOn(reference)], { reading })).verdict).toBe("match");
  });

  test("one of two dismissals of the same file keeps it dismissed", async () => {
    const { alertId, reading, reference } = await raised(database.pool);
    const twin = await scanned(database.pool, [matchOn(reference)], { reading });
    await act([alertId, twin.alertId!], dismissal);
    await act([alertId], { kind: "undo" });
    expect((await scanned(database.pool, [matchOn(reference)], { reading })).verdict).toBe("clear");
    await act([twin.alertId!], { kind: "undo" });
    expect((await scanned(database.pool, [matchOn(reference)], { reading })).verdict).toBe("match");
  });

  test("takes back the last decision only", async () => {
    const { alertId } = await raised(database.pool);
    await act([alertId], { kind: "confirm" });
    await act([alertId], { kind: "escalate", reason: "a child may be in danger now" });
    expect(await detail(alertId)).toMatchObject({ state: "escalated", reason: "a child may be in danger now" });
    await act([alertId], { kind: "undo" });
    expect(await detail(alertId)).toMatchObject({ state: "confirmed", reason: null, decidedBy: ANA });
    await act([alertId], { kind: "undo" });
    expect((await detail(alertId)).state).toBe("open");
    const { refused } = await act([alertId], { kind: "undo" });
    expect(refused[0].why).toContain("nothing was decided");
  });

  test("is for whoever decided, for ten minutes, and for an admin", async () => {
    const { alertId } = await raised(database.pool);
    await act([alertId], { kind: "confirm" });
    expect((await act([alertId], { kind: "undo" }, "person:ben")).refused[0].why).toBe(
      "it was confirmed by person:ana: only they or an admin can undo that",
    );
    await agoBy(11, alertId);
    expect((await act([alertId], { kind: "undo" })).refused[0].why).toContain("more than 10 minutes ago");
    expect((await detail(alertId)).undoableUntil).toBeNull();
    expect((await act([alertId], { kind: "undo" }, "token:root")).refused).toHaveLength(1);
    expect((await act([alertId], { kind: "undo" }, "person:Root")).done).toEqual([alertId]);
  });
});

describe("assigning and noting", () => {
  test("an alert is given to an account and taken from it, once each", async () => {
    const { alertId } = await raised(database.pool);
    const accountId = await addAccount(database.pool, `ben-${fresh()}`, "caseworker");
    await act([alertId], { kind: "assign", accountId });
    await act([alertId], { kind: "assign", accountId });
    expect((await detail(alertId)).assignedTo).toMatchObject({ id: accountId });
    await act([alertId], { kind: "assign", accountId: null });
    expect((await detail(alertId)).assignedTo).toBeNull();
    expect(await acts(alertId)).toEqual(["assigned", "assigned"]);
  });

  test("an account that is disabled or does not exist is refused", async () => {
    const { alertId } = await raised(database.pool);
    const accountId = await addAccount(database.pool, `gone-${fresh()}`, "caseworker");
    await database.pool.query("update account set disabled_at = now() where id = $1", [accountId]);
    for (const id of [accountId, "00000000-0000-4000-8000-000000000000"])
      expect((await act([alertId], { kind: "assign", accountId: id })).refused[0].why).toMatch(
        /^accountId: there is no active account/,
      );
    await expect(act([alertId], { kind: "assign", accountId: "ben" })).rejects.toThrow(/^accountId: /);
  });

  test("a note stands in the history, and not in the audit log, which cannot forget", async () => {
    const { alertId } = await raised(database.pool);
    await act([alertId], { kind: "note", text: "  seen on\u0000 two platforms  " });
    const [event] = (await detail(alertId)).events;
    expect(event).toMatchObject({ act: "noted", actor: ANA, detail: { text: "seen on two platforms" } });
    const { rows } = await database.pool.query("select actor, act, detail from audit_log where subject = $1", [
      `alert:${alertId}`,
    ]);
    expect(rows).toEqual([{ actor: ANA, act: "alert noted", detail: {} }]);
  });
});

test("many alerts at once: each is done or refused by itself", async () => {
  const [open, confirmed] = [await raised(database.pool), await raised(database.pool)];
  await act([confirmed.alertId], { kind: "confirm" });
  const nobody = "00000000-0000-4000-8000-000000000000";
  const result = await act([open.alertId, confirmed.alertId, nobody, "not an id", open.alertId], dismissal);
  expect(result.done).toEqual([open.alertId]);
  expect(result.refused.map((r) => r.id)).toEqual([confirmed.alertId, nobody, "not an id"]);
  expect(result.refused[1].why).toBe("there is no alert with this id");
});

test("an identical file's alerts are dismissed together, and new known material does not bring them back", async () => {
  const reading = readingOf(90_000 + fresh(), 4);
  const reference = await addKnown(database.pool, `C-${fresh()}`);
  const alerts = [];
  for (let i = 0; i < 3; i++) alerts.push((await scanned(database.pool, [matchOn(reference)], { reading })).alertId!);
  const first = await detail(alerts[0]);
  expect(first).toMatchObject({ identical: 2, identicalOpen: alerts.slice(1) });
  await act([alerts[0], ...first.identicalOpen], dismissal);
  expect(await uploadsOf(database.pool, reference.caseId)).toBe(0);
  expect((await detail(alerts[0])).identicalOpen).toEqual([]);
});
