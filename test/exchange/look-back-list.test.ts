import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type App, openApp } from "../../src/app.js";
import { READERS } from "../../src/exchange/formats.js";
import { importList } from "../../src/exchange/import-list.js";
import { listsToLookBack, lookBackForList } from "../../src/exchange/look-back-list.js";
import { hashToHex } from "../../src/fingerprint/hash.js";
import { listedOf } from "../../src/fingerprint/meta-pdq.js";
import { createLog } from "../../src/platform/log.js";
import { scan } from "../../src/scan.js";
import { dir, image, make, video } from "../media/support.js";
import { verdictOn } from "../stories/support.js";
import { testConfig } from "../support/config.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { chunked, options, pdqHex, steps } from "./support.js";

const never = new AbortController().signal;
const copy = make("-i", image("butterfly.jpg"), "-vf", "hflip,scale=500:-2", "-q:v", "5", "listed-copy.jpg");
const clip = make("-i", video("friday.mp4"), "-an", "-vf", "scale=320:-2", "-t", "6", "-preset", "ultrafast", "listed-clip.mp4");

let database: TestDatabase;
let app: App;
/** The same picture and video as a list has them. */
let lines: string[];
beforeAll(async () => {
  database = await testDatabase({ poolSize: 8 });
  app = await openApp(
    testConfig({ DATABASE_URL: database.connectionString, MEDIA_ROOTS: `${dir}:${image("")}` }),
    createLog("silent"),
  );
  const still = await app.readLocal({ path: image("butterfly.jpg") }, "for its hashes", never);
  const film = await app.readLocal({ path: video("friday.mp4") }, "for its hashes", never);
  const frames = film.fingerprints.filter((f) => f.variant === "full" && f.atMs % 1000 < 250);
  lines = [
    JSON.stringify({ entry: "still", hash: hashToHex(listedOf(still)!.pdq) }),
    JSON.stringify({ entry: "film", frames: frames.map((f) => `${hashToHex(f.pdq)},${f.quality},${f.atMs / 1000}`) }),
    ...Array.from({ length: 50 }, (_, i) => JSON.stringify({ entry: `e${i}`, hash: pdqHex(i) })),
  ];
});
afterAll(async () => {
  await app.close();
  await database.close();
});

const submit = (id: string, path: string) => scan(app.scanSteps, { id, media: { path }, priority: 0, metadata: {} }, never);
const bringIn = (list: string) =>
  importList(
    database.pool,
    steps(database.pool),
    READERS.jsonl(chunked(lines.join("\n"), 4096)),
    options({ list, caseId: list }),
  );

describe("a list that comes after the uploads it knows", () => {
  it("finds them once, mirrored ones too, and its alerts name it", async () => {
    await submit("early-copy", copy);
    await submit("early-clip", clip);
    await submit("early-other", image("teapot.jpg"));
    await bringIn("OTHERS");
    expect(await listsToLookBack(database.pool)).toEqual(["OTHERS"]);
    expect(await lookBackForList(database.pool, app.registerSteps, "OTHERS", never)).toBe(2);
    expect(await listsToLookBack(database.pool)).toEqual([]);
    expect(await lookBackForList(database.pool, app.registerSteps, "OTHERS", never)).toBe(0);
    for (const [id, entry] of [
      ["early-copy", "still"],
      ["early-clip", "film"],
    ]) {
      const report = await verdictOn(database.pool, id);
      expect(report.alerts.map((a) => a.kind)).toEqual(["look-back"]);
      expect(report.caseIds).toEqual(["OTHERS"]);
      const reasons = report.verdicts.flatMap((v) => v.reasons).join();
      expect(reasons).toContain("OTHERS");
      expect(reasons).toContain(entry);
    }
    expect((await verdictOn(database.pool, "early-other")).alerts).toEqual([]);
  });

  it("that is interrupted is searched for again, and tells nothing twice", async () => {
    await bringIn("AGAIN");
    const interrupted = new AbortController();
    const dying = {
      ...app.registerSteps,
      recordLookBack: async (...about: Parameters<typeof app.registerSteps.recordLookBack>) => {
        const told = await app.registerSteps.recordLookBack(...about);
        interrupted.abort(new Error("gone"));
        return told;
      },
    };
    await expect(lookBackForList(database.pool, dying, "AGAIN", interrupted.signal)).rejects.toThrow("gone");
    expect(await listsToLookBack(database.pool)).toEqual(["AGAIN"]);
    expect(await lookBackForList(database.pool, app.registerSteps, "AGAIN", never)).toBe(1);
    expect((await verdictOn(database.pool, "early-copy")).alerts).toHaveLength(2);
  });
});

describe("a list that was there before", () => {
  it("is found by a scan, as a still and as a video", async () => {
    const found = await submit("late-copy", copy);
    expect(found.outcome.caseIds).toContain("OTHERS");
    expect((await submit("late-clip", clip)).outcome).toMatchObject({
      verdict: "match",
      caseIds: expect.arrayContaining(["OTHERS"]),
    });
    expect((await submit("late-other", image("teapot.jpg"))).outcome).toMatchObject({ verdict: "clear", caseIds: [] });
  });
});
