import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openApp } from "../../src/app.js";
import { type Act, actOnAlerts } from "../../src/casework/acts.js";
import { readAlert } from "../../src/casework/alerts.js";
import { type LearnSteps, settleLessons } from "../../src/casework/learn.js";
import { lessonFrom } from "../../src/casework/lesson.js";
import { TransientError } from "../../src/errors.js";
import { viewsFromHashes } from "../../src/fingerprint/approximate-views.js";
import { ALGORITHM } from "../../src/fingerprint/fingerprint-frame.js";
import { PATCH_ALGORITHM, PATCH_BYTES } from "../../src/fingerprint/patches.js";
import { addReference, retireReference } from "../../src/hash-index/references.js";
import type { Match, PastSubmission, PatchSet, Query, Reading } from "../../src/model.js";
import { createLog } from "../../src/platform/log.js";
import { register } from "../../src/register.js";
import { judge, scan } from "../../src/scan.js";
import { dir, make, video } from "../media/support.js";
import { testConfig } from "../support/config.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { queryOf, randomFrom, randomHash, readingOf, turnBits } from "../support/material.js";
import { addKnown, fresh, lookedBack, matchOn, scanned, settings, submissionOf } from "./alert-material.js";

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase({ poolSize: 8 });
});
afterAll(() => database.close());

const steps: LearnSteps = {
  learn: (reference, reading) => addReference(database.pool, reference, reading, "test/1"),
  retire: (id) => retireReference(database.pool, id),
};
const act = (ids: string[], what: Act, using: LearnSteps = steps) =>
  actOnAlerts(database.pool, ids, "person:ana", what, settings, using);
const confirm: Act = { kind: "confirm" };
const events = async (id: string) => (await readAlert(database.pool, id))!.events;
const why = async (id: string) => (await events(id)).at(-1)?.detail.why;

/** A copy of the video: every picture `bits` from the known one, `alien` of them something else. */
function copyOf(known: Reading, bits: number, alien: (i: number) => boolean = () => false): Reading {
  const random = randomFrom(700_000 + fresh());
  const fingerprints = known.fingerprints.map((f, i): Query => {
    const pdq = alien(i) ? randomHash(random) : turnBits(f.pdq, bits, random);
    return queryOf(pdq, new Uint8Array(0), f.atMs, random);
  });
  return { ...known, sha256: Buffer.from(randomHash(random)).toString("hex"), fingerprints };
}

/** A confirmed re-upload of a video of 10 s, twenty pictures, in a case of its own. */
async function confirmed(over: { copy?: (known: Reading) => Reading; match?: Partial<Match>; using?: LearnSteps } = {}) {
  const known = readingOf(800_000 + fresh(), 20);
  const reference = await addKnown(database.pool, `C-${fresh()}`, known);
  const reading = (over.copy ?? ((k) => copyOf(k, 40)))(known);
  const submission = submissionOf();
  const segments = [{ submissionFromMs: 0, submissionToMs: 10_000, referenceFromMs: 0, referenceToMs: 10_000 }];
  const match = matchOn(reference, { verdict: "review", segments, ...over.match });
  const { alertId = "" } = await scanned(database.pool, [match], { submission, reading });
  await act([alertId], confirm, over.using);
  return { alertId, submission, reading, reference };
}

async function activeReferences(caseId: string) {
  const { rows } = await database.pool.query<{ id: string; provenance: string; learnedFrom: string | null; pictures: number[] }>(
    `select id, provenance, learned_from as "learnedFrom",
            array(select at_ms from reference_fingerprint f where f.reference_id = r.id order by at_ms) as pictures
     from reference r where case_id = $1 and retired_at is null order by seq`,
    [caseId],
  );
  return rows;
}

describe("a confirmed re-upload", () => {
  test("becomes a further reference of its case, as dense as a registered one", async () => {
    const { alertId, submission, reading, reference } = await confirmed();
    const [own, learned, ...rest] = await activeReferences(reference.caseId);
    expect(rest).toEqual([]);
    expect(own.provenance).toBe("own");
    expect(learned).toMatchObject({ provenance: "confirmed re-upload", learnedFrom: submission.id });
    expect(learned.pictures).toEqual([0, 1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000]);
    expect((await events(alertId)).at(-1)).toMatchObject({
      act: "learned",
      detail: { referenceId: learned.id, pictures: 10, ofPictures: 20 },
    });
    const { rows } = await database.pool.query(
      "select encode(sha256, 'hex') as sha256, look_back_views from reference where id = $1",
      [learned.id],
    );
    expect(rows[0].sha256).toBe(reading.sha256);
    expect(rows[0].look_back_views).toHaveLength(10 * 8 * 32);
  });

  test("is learned without the pictures that show something else, though they lie inside the matched span", async () => {
    const { reference } = await confirmed({ copy: (known) => copyOf(known, 40, (i) => i >= 8 && i < 12) });
    const [, learned] = await activeReferences(reference.caseId);
    expect(learned.pictures).toEqual([0, 1000, 2000, 3000, 6000, 7000, 8000, 9000]);
  });

  test("is learned without its intro, which lies outside the span", async () => {
    const match = {
      segments: [{ submissionFromMs: 2000, submissionToMs: 10_000, referenceFromMs: 2000, referenceToMs: 10_000 }],
      coverageOfSubmission: 0.8,
    };
    const { reference } = await confirmed({ match });
    const [, learned] = await activeReferences(reference.caseId);
    expect(learned.pictures[0]).toBe(2000);
  });

  test.each([
    ["only parts of its pictures agree", { medianDistanceBits: null }, undefined, /^only parts of its pictures agree/],
    ["most of it is something else", { coverageOfSubmission: 0.3 }, undefined, /^only 30 % of it is known material/],
    [
      "its pictures differ too much as a whole",
      {},
      (known: Reading) => copyOf(known, 70),
      /^none of its pictures is, as a whole/,
    ],
    ["everything in it is something else", {}, (known: Reading) => copyOf(known, 0, () => true), /^none of its pictures/],
    ["it is the very file the case knows", {}, (known: Reading) => known, /^the case knows this very file already/],
  ])("is not learned when %s, and the history says why", async (_, match, copy, reason) => {
    const { alertId, reference } = await confirmed({ match, copy });
    expect(await why(alertId)).toMatch(reason);
    expect((await events(alertId)).map((e) => e.act)).toEqual(["confirmed", "not learned"]);
    expect(await activeReferences(reference.caseId)).toHaveLength(1);
  });

  test("is learned once, however often it and its identical copies are confirmed at once", async () => {
    const { reading, reference } = await confirmed({ using: {} });
    const twins = [];
    for (let i = 0; i < 3; i++)
      twins.push((await scanned(database.pool, [matchOn(reference, { verdict: "review" })], { reading })).alertId!);
    await Promise.all([...twins, ...twins].map((id) => act([id], confirm)));
    expect(await activeReferences(reference.caseId)).toHaveLength(2);
    const said = (await Promise.all(twins.map(events))).flat().map((e) => e.act);
    expect(said.filter((a) => a === "learned")).toHaveLength(1);
    expect(said.filter((a) => a === "not learned")).toHaveLength(2);
  });

  test("does not alert about itself when its case is looked back for", async () => {
    const { submission, reading, reference } = await confirmed();
    const [, { id }] = await activeReferences(reference.caseId);
    const learned = { ...reference, id, label: "learned" };
    expect(await lookedBack(database.pool, submission, reading, [matchOn(learned)])).toBe(false);
  });

  test("brings back no file that was dismissed for the material it is a variant of", async () => {
    const { alertId, reading, reference } = await confirmed({ using: {} });
    const innocent = readingOf(900_000 + fresh(), 4);
    const { alertId: other = "" } = await scanned(database.pool, [matchOn(reference)], { reading: innocent });
    await act([other], { kind: "dismiss", reason: "another film" });
    await act([alertId], { kind: "undo" });
    await act([alertId], confirm);
    const [, { id }] = await activeReferences(reference.caseId);
    const learned = { ...reference, id, label: "learned" };
    expect((await scanned(database.pool, [matchOn(learned)], { reading: innocent })).verdict).toBe("clear");
    expect((await scanned(database.pool, [matchOn(learned)], { reading })).verdict).toBe("match");
  });
});

describe("undoing the confirmation", () => {
  test("retires what was learned", async () => {
    const { alertId, reference } = await confirmed();
    await act([alertId], { kind: "undo" });
    expect((await activeReferences(reference.caseId)).map((r) => r.provenance)).toEqual(["own"]);
    await act([alertId], confirm);
    expect(await activeReferences(reference.caseId)).toHaveLength(2);
  });

  test("leaves it to another confirmed upload of the same file", async () => {
    const { alertId, reading, reference } = await confirmed();
    const twin = submissionOf();
    const { alertId: other = "" } = await scanned(database.pool, [matchOn(reference)], { reading, submission: twin });
    await act([other], confirm);
    await act([alertId], { kind: "undo" });
    expect(await activeReferences(reference.caseId)).toMatchObject([{ provenance: "own" }, { learnedFrom: twin.id }]);
    await act([other], { kind: "undo" });
    expect(await activeReferences(reference.caseId)).toHaveLength(1);
  });

  test("while it is being learned leaves nothing", async () => {
    const { alertId, reference } = await confirmed({ using: {} });
    const late: LearnSteps = {
      ...steps,
      learn: async (...about) => {
        await act([alertId], { kind: "undo" });
        return steps.learn!(...about);
      },
    };
    await settleEarlier(alertId);
    await settleLessons(database.pool, late);
    expect((await activeReferences(reference.caseId)).map((r) => r.provenance)).toEqual(["own"]);
    expect((await events(alertId)).map((e) => e.act)).toEqual(["confirmed", "undone"]);
  });
});

/** As if the alert had been decided two minutes earlier. */
const settleEarlier = (alertId: string) =>
  database.pool.query("update alert_event set created_at = created_at - interval '2 minutes' where alert_id = $1", [alertId]);

describe("what a crash interrupted is finished:", () => {
  test("a lesson that nothing was noted of", async () => {
    const away: LearnSteps = {
      learn: async () => {
        throw new TransientError("the database is away");
      },
    };
    const { alertId, reference } = await confirmed({ using: away });
    expect((await events(alertId)).map((e) => e.act)).toEqual(["confirmed"]);
    await settleEarlier(alertId);
    expect((await settleLessons(database.pool, steps)).lessons).toBeGreaterThan(0);
    expect(await activeReferences(reference.caseId)).toHaveLength(2);
    expect((await settleLessons(database.pool, steps)).lessons).toBe(0);
  });

  test("a variant whose confirmation was undone", async () => {
    const { alertId, reference } = await confirmed();
    await act([alertId], { kind: "undo" }, {});
    expect(await activeReferences(reference.caseId)).toHaveLength(2);
    expect(await settleLessons(database.pool, steps)).toMatchObject({ forgotten: 1 });
    expect(await activeReferences(reference.caseId)).toHaveLength(1);
  });
});

describe("of the parts of a picture", () => {
  const random = randomFrom(42);
  const patch = (x: number, y: number, hash = randomHash(random).slice(0, PATCH_BYTES)) => ({ x, y, side: 200, hash });
  type Patch = ReturnType<typeof patch>;
  const setOf = (atMs: number, patches: Patch[]): PatchSet => ({
    ...{ algorithm: PATCH_ALGORITHM, atMs, untilMs: atMs, width: 4096, height: 2304 },
    places: Uint16Array.from(patches.flatMap(({ x, y, side }) => [x, y, side])),
    hashes: Uint8Array.from(patches.flatMap(({ hash }) => [...hash])),
  });
  const known = [patch(500, 500), patch(1500, 900), patch(3000, 2000)];
  const whole = randomHash(random);
  const match = (over = {}) => ({
    segments: [{ submissionFromMs: 0, submissionToMs: 4000, referenceFromMs: 0, referenceToMs: 4000 }],
    transform: { mirrored: false, rotatedDeg: 0 as const, speed: 1, cropped: false },
    medianDistanceBits: 4,
    coverageOfSubmission: 1,
    known: {
      fingerprints: [queryOf(whole, new Uint8Array(0), 0, random)],
      patches: known.map((p, i) => ({ id: `${i}`, referenceId: "r", atMs: 0, untilMs: 0, ...p })),
    },
    ...over,
  });
  const pastWith = (sets: PatchSet[]): PastSubmission => ({
    submission: submissionOf(),
    sha256: "00".repeat(32),
    kind: "video",
    durationMs: 4000,
    fingerprints: [queryOf(whole, new Uint8Array(0), 0, random), queryOf(randomHash(random), new Uint8Array(0), 2000, random)],
    patchSets: sets,
  });
  const learned = (sets: PatchSet[], over = {}) => {
    const lesson = lessonFrom(pastWith(sets), [match(over)]);
    return "why" in lesson ? lesson.why : lesson.reading.patchSets.map((set) => [...set.places]);
  };

  test("those are learned that the known picture has in the same place", () => {
    const logo = patch(3800, 200);
    const elsewhere = { ...known[2], x: 200, y: 200 };
    const nearby = { ...known[1], x: 1550, y: 880 };
    expect(learned([setOf(0, [known[0], logo, nearby, elsewhere])])).toEqual([[500, 500, 200, 1550, 880, 200]]);
  });

  test("none are learned of a picture that was not learned as a whole", () => {
    expect(learned([setOf(2000, known)])).toEqual([]);
  });

  test("the mirrored ones are learned of a mirrored upload", () => {
    const mirror = (p: Patch) => ({
      ...p,
      x: 4096 - p.x,
      hash: p.hash.map((byte) => ((byte & 0xaa) >> 1) | ((byte & 0x55) << 1)),
    });
    const transform = { mirrored: true, rotatedDeg: 0 as const, speed: 1, cropped: false };
    const asSeen = [setOf(0, known.map(mirror))];
    expect(learned(asSeen)).toEqual([]);
    // The picture as a whole must look like the known one in the mirror, so the known one is what the submission's mirror image is.
    const past = pastWith(asSeen);
    const { pdq } = past.fingerprints[0];
    const flipped = viewsFromHashes(pdq, new Uint8Array(0)).find((view) => view.dihedral === "flipy")!.pdq;
    const lesson = lessonFrom(past, [
      match({ transform, known: { ...match().known, fingerprints: [queryOf(flipped, new Uint8Array(0), 0, random)] } }),
    ]);
    expect("reading" in lesson && lesson.reading.patchSets[0].places).toHaveLength(9);
  });
});

describe("on real media", () => {
  const { signal } = new AbortController();
  const CAPTION = "drawbox=x=0:y=ih*0.7:w=iw:h=ih*0.3:color=white:t=fill";
  const ENCODED = ["-an", "-t", "8", "-preset", "ultrafast"];
  const copy = make("-i", video("friday.mp4"), "-vf", CAPTION, ...ENCODED, "captioned.mp4");
  const copyOfTheCopy = make("-i", copy, "-vf", "rotate=0.12", ...ENCODED, "captioned-and-turned.mp4");
  const innocent = make("-i", video("flower.webm"), "-vf", CAPTION, ...ENCODED, "innocent-with-the-caption.mp4");

  test("a copy of the copy is recognised by what was learned, and a film with the same caption is not", async () => {
    const own = await testDatabase();
    const app = await openApp(testConfig({ DATABASE_URL: own.connectionString, MEDIA_ROOTS: dir }), createLog("silent"));
    try {
      const known = { caseId: "C-1", label: "known", provenance: "own" };
      await register(app.registerSteps, { path: video("friday.mp4") }, known, signal);
      const { outcome } = await scan(app.scanSteps, { ...submissionOf(), media: { path: copy } }, signal);
      const learn: LearnSteps["learn"] = (reference, reading) => addReference(own.pool, reference, reading, ALGORITHM);
      await actOnAlerts(own.pool, [outcome.alertId!], "person:ana", confirm, settings, { learn });
      const { detail } = (await readAlert(own.pool, outcome.alertId!))!.events.at(-1)!;
      const verdictOn = async (path: string) => (await judge(app.scanSteps, await app.scanSteps.read({ path }, signal))).verdict;
      expect((await verdictOn(copyOfTheCopy)).matches.map((m) => m.reference.id)).toContain(detail.referenceId);
      expect((await verdictOn(innocent)).kind).toBe("clear");
      expect(await app.resumeLookBacks(signal)).toBe(0);
      await own.pool.query("update reference set created_at = created_at - interval '2 minutes'");
      // What was learned is looked back for like any reference, and tells nothing of the upload it was learned from.
      expect(await app.resumeLookBacks(signal)).toBe(1);
      expect((await own.pool.query("select 1 from alert")).rows).toHaveLength(1);
    } finally {
      await app.close();
      await own.close();
    }
  });
});
