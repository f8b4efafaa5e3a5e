import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { pastSubmissions, recordLookBack } from "../../src/casework/look-back.js";
import { earlierOutcome, type Judgement, recordScan } from "../../src/casework/record.js";
import { submissionReport } from "../../src/casework/report.js";
import { InvalidSubmissionError } from "../../src/errors.js";
import { addReference } from "../../src/hash-index/references.js";
import type { Match, Reading, ReferenceSummary, Submission, Verdict } from "../../src/model.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { readingOf } from "../support/material.js";

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase({ poolSize: 12 });
});
afterAll(() => database.close());

const settings = {
  toolVersion: "0.0.0-test",
  policy: { version: "test" },
  retentionDays: 30,
  takedownDeadlineHours: 24,
  takedownAttempts: 5,
};

let made = 0;
const submissionOf = (over: Partial<Submission> = {}): Submission => ({
  id: `s-${++made}`,
  media: { url: `https://cdn.example/${made}.mp4` },
  platform: "videosite",
  pageUrl: "https://videosite.example/watch",
  uploader: { id: "profile-1" },
  priority: 0,
  metadata: {},
  ...over,
});

const matchOn = (reference: ReferenceSummary, verdict: Match["verdict"] = "match"): Match => ({
  caseId: reference.caseId,
  algorithm: "test/1",
  reference,
  verdict,
  confidence: 0.99,
  transform: { mirrored: false, rotatedDeg: 0, speed: 1, cropped: false },
  segments: [{ submissionFromMs: 0, submissionToMs: 4000, referenceFromMs: 1000, referenceToMs: 5000 }],
  framesAgreeing: 8,
  medianDistanceBits: 4,
  coverageOfReference: 0.4,
  coverageOfSubmission: 1,
});

const verdictOf = (kind: Verdict["kind"], matches: Match[] = []): Verdict => ({
  kind,
  matches,
  reasons: ["because"],
  policyVersion: "test",
});

const registered = (caseId: string, seed: number) =>
  addReference(database.pool, { caseId, label: "known.mp4", provenance: "own" }, readingOf(seed, 4), "test/1");

const record = (submission: Submission, verdict: Verdict, reading: Reading | undefined = readingOf(900 + made, 4)) =>
  recordScan(database.pool, submission, settings, async (): Promise<Judgement> => ({ reading, verdict }));

async function outboxOf(submissionId: string): Promise<{ queue: string; payload: Record<string, unknown> }[]> {
  const { rows } = await database.pool.query(
    "select queue, payload from outbox where payload->>'submissionId' = $1 order by id",
    [submissionId],
  );
  return rows;
}

describe("a scan's outcome", () => {
  test("a match becomes one verdict, one alert, one takedown, and the queue messages that announce them", async () => {
    const reference = await registered("C-1", 1);
    const submission = submissionOf();
    const outcome = await record(submission, verdictOf("match", [matchOn(reference)]));
    expect(outcome).toMatchObject({ verdict: "match", caseIds: ["C-1"], reuploadNumber: 1, repeated: false });
    const [alert, takedown, ...rest] = await outboxOf(submission.id);
    expect(rest).toEqual([]);
    expect(alert).toMatchObject({
      queue: "alerts",
      payload: { alertId: outcome.alertId, kind: "match", cases: ["C-1"], verdict: "match", reuploadNumber: 1 },
    });
    expect(takedown).toMatchObject({
      queue: "takedowns",
      payload: {
        takedownId: outcome.takedownId,
        case: "C-1",
        platform: "videosite",
        uploader: { id: "profile-1" },
        attempt: 1,
        evidence: { algorithm: "test/1", spans: [{ referenceFromMs: 1000 }], policyVersion: "test", toolVersion: "0.0.0-test" },
      },
    });
  });

  test("review and unscannable reach a person without a takedown; clear reaches nobody", async () => {
    const reference = await registered("C-2", 2);
    const [review, unscannable, clear] = [submissionOf(), submissionOf(), submissionOf()];
    await record(review, verdictOf("review", [matchOn(reference, "review")]));
    await recordScan(database.pool, unscannable, settings, async () => ({ verdict: verdictOf("unscannable") }));
    await record(clear, verdictOf("clear"));
    expect((await outboxOf(review.id)).map((m) => m.queue)).toEqual(["alerts"]);
    expect((await outboxOf(unscannable.id)).map((m) => m.payload.kind)).toEqual(["unscannable"]);
    expect(await outboxOf(clear.id)).toEqual([]);
    expect((await submissionReport(database.pool, review.id))?.takedown).toBeUndefined();
  });

  test("recorded twelve times at once, it is recorded once, and everybody gets the same outcome", async () => {
    const reference = await registered("C-3", 3);
    const submission = submissionOf();
    const outcomes = await Promise.all(
      Array.from({ length: 12 }, () => record(submission, verdictOf("match", [matchOn(reference)]))),
    );
    expect(outcomes.filter((o) => !o.repeated)).toHaveLength(1);
    expect(new Set(outcomes.map((o) => `${o.alertId} ${o.takedownId} ${o.reuploadNumber}`)).size).toBe(1);
    expect(await outboxOf(submission.id)).toHaveLength(2);
  });

  test("re-uploads of a case are numbered without gaps or repeats, however many are recorded at once", async () => {
    const reference = await registered("C-4", 4);
    const outcomes = await Promise.all(
      Array.from({ length: 10 }, () => record(submissionOf(), verdictOf("match", [matchOn(reference)]))),
    );
    expect(outcomes.map((o) => o.reuploadNumber).sort((a, b) => a! - b!)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  test("nothing is left of a recording that fails half way", async () => {
    const submission = submissionOf();
    const unknown = {
      id: "00000000-0000-4000-8000-000000000000",
      caseId: "C-none",
      label: "",
      kind: "video",
      durationMs: 0,
      fingerprintCount: 1,
    } as const;
    await expect(record(submission, verdictOf("match", [matchOn(unknown)]))).rejects.toThrow();
    expect(await submissionReport(database.pool, submission.id)).toBeUndefined();
    expect(await outboxOf(submission.id)).toEqual([]);
  });
});

test("the policy behind a verdict is kept, once for each version", async () => {
  const { rows } = await database.pool.query("select version, content from policy");
  expect(rows).toEqual([{ version: "test", content: { version: "test" } }]);
});

describe("the same id again", () => {
  test("with the same content gives the first outcome, whatever the order of the fields and the priority", async () => {
    const submission = submissionOf({ metadata: { a: 1, b: { c: 2, d: 3 } } });
    const first = await record(submission, verdictOf("clear"));
    const again = { ...submission, priority: 5, metadata: { b: { d: 3, c: 2 }, a: 1 } };
    expect(await earlierOutcome(database.pool, again)).toEqual({ ...first, repeated: true });
  });

  test("with other content is refused, and what differs is named", async () => {
    const submission = submissionOf();
    await record(submission, verdictOf("clear"));
    const other = { ...submission, pageUrl: "https://elsewhere.example/", uploader: { id: "profile-2" } };
    const error = await earlierOutcome(database.pool, other).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(InvalidSubmissionError);
    expect((error as InvalidSubmissionError).field).toBe("submissionId");
    expect((error as Error).message).toContain("pageUrl, uploader.id differ");
  });
});

describe("looking back", () => {
  const pastOf = async (id: string) => {
    for await (const past of pastSubmissions(database.pool, "test/1")) if (past.submission.id === id) return past;
    throw new Error(`${id} is not among the past submissions`);
  };

  test("past submissions come back with the content and the hashes they were recorded with", async () => {
    const submission = submissionOf({ metadata: { note: "x" } });
    const reading = readingOf(77, 5);
    await record(submission, verdictOf("clear"), reading);
    const past = await pastOf(submission.id);
    expect(past.submission).toEqual(submission);
    expect(past.sha256).toBe(reading.sha256);
    expect(past.fingerprints.map((f) => Buffer.from(f.pdq).toString("hex"))).toEqual(
      reading.fingerprints.map((f) => Buffer.from(f.pdq).toString("hex")),
    );
    expect(past.fingerprints.map((f) => f.atMs)).toEqual([0, 500, 1000, 1500, 2000]);
  });

  test("an earlier upload gets an alert and a takedown once, though look-back runs twice", async () => {
    const submission = submissionOf();
    await record(submission, verdictOf("clear"));
    const reference = await registered("C-5", 5);
    const past = await pastOf(submission.id);
    const verdict = verdictOf("match", [matchOn(reference)]);
    expect(await recordLookBack(database.pool, past, verdict, reference, settings)).toBe(true);
    expect(await recordLookBack(database.pool, past, verdict, reference, settings)).toBe(false);
    const messages = await outboxOf(submission.id);
    expect(messages.map((m) => `${m.queue} ${m.payload.kind ?? ""}`)).toEqual(["alerts look-back", "takedowns "]);
    expect(await submissionReport(database.pool, submission.id)).toMatchObject({
      verdict: "match",
      caseIds: ["C-5"],
      reuploadNumber: 1,
    });
  });

  test("a further reference of a case that already knows the submission raises nothing", async () => {
    const first = await registered("C-6", 6);
    const submission = submissionOf();
    await record(submission, verdictOf("match", [matchOn(first)]));
    const second = await registered("C-6", 7);
    const raised = await recordLookBack(
      database.pool,
      await pastOf(submission.id),
      verdictOf("match", [matchOn(second)]),
      second,
      settings,
    );
    expect(raised).toBe(false);
    expect(await outboxOf(submission.id)).toHaveLength(2);
  });
});
