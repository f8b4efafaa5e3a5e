import { describe, expect, it } from "vitest";
import { judge, knownAt, mappingError, score, spanError } from "../../src/bench/quality/scorer.js";
import { figuresTable, groupTable, innocentTable } from "../../src/bench/quality/tables.js";
import type { AttackedFile, Detector, DetectorResult } from "../../src/bench/quality/types.js";

const truth = [{ caseId: "a", fromMs: 3000, toMs: 9000, knownFromMs: 1000, speed: 2 }];
const file: AttackedFile = {
  attack: "speed-2",
  group: "time",
  known: "a",
  path: "a.mp4",
  kind: "video",
  durationMs: 12_000,
  truth,
  located: true,
};

function found(flagged: DetectorResult["flagged"], ...caseIds: string[]): DetectorResult {
  const segments = caseIds.map((caseId) => ({
    caseId,
    submissionFromMs: 3500,
    submissionToMs: 8000,
    referenceFromMs: 2000,
    referenceToMs: 11_200,
  }));
  return { flagged, caseIds, segments };
}

describe("judge", () => {
  it("counts a match only for the case that is in the file", () => {
    expect(judge(file, found("match", "a"))[0]).toMatchObject({ matched: true, flagged: true, wrongCases: [] });
    expect(judge(file, found("match", "b"))[0]).toMatchObject({ matched: false, flagged: false, wrongCases: ["b"] });
    expect(judge(file, found("clear"))[0]).toMatchObject({ matched: false, flagged: false });
  });

  it("keeps a review apart from a match", () => {
    expect(judge(file, found("review", "a"))[0]).toMatchObject({ matched: false, flagged: true, spanErrorMs: undefined });
  });

  it("asks for every known that was spliced in", () => {
    const spliced = { ...file, truth: [...truth, { caseId: "b", fromMs: 9000, toMs: 12_000, knownFromMs: 0, speed: 1 }] };
    expect(judge(spliced, found("match", "a")).map((o) => [o.caseId, o.matched])).toEqual([
      ["a", true],
      ["b", false],
    ]);
  });

  it("measures how far off the spans are", () => {
    expect(judge(file, found("match", "a"))[0]).toMatchObject({ spanErrorMs: 1000, mappingErrorMs: 200 });
  });
});

describe("localisation", () => {
  it("follows speed, and holds the nearest end outside of the span", () => {
    expect(knownAt(truth, 4000)).toBe(3000);
    expect(knownAt(truth, 0)).toBe(1000);
    expect(knownAt(truth, 99_000)).toBe(13_000);
  });

  it("takes the reference times of a reversed copy in either order", () => {
    const reversed = [{ caseId: "a", fromMs: 0, toMs: 5000, knownFromMs: 5000, speed: -1 }];
    const segment = { submissionFromMs: 0, submissionToMs: 5000, referenceFromMs: 5000, referenceToMs: 0 };
    expect(mappingError(reversed, [segment])).toBe(0);
    expect(mappingError(reversed, [{ ...segment, referenceFromMs: 0, referenceToMs: 5000 }])).toBe(0);
  });

  it("takes the outermost ends of several segments", () => {
    const half = { referenceFromMs: 0, referenceToMs: 0 };
    const segments = [
      { ...half, submissionFromMs: 3100, submissionToMs: 4000 },
      { ...half, submissionFromMs: 7000, submissionToMs: 9400 },
    ];
    expect(spanError(truth, segments)).toBe(400);
  });
});

describe("score", () => {
  it("adds up to tables", async () => {
    const detector: Detector = {
      name: "two of three",
      register: async (known) => ({ fingerprints: known.length * 30 }),
      check: async (path) =>
        path === "a.mp4" ? found("match", "a") : path === "odd.mp4" ? found("review", "z") : found("clear"),
    };
    const known = [{ caseId: "a", path: "k.mp4", kind: "video" as const, durationMs: 30_000 }];
    const innocents = ["odd.mp4", "fine.mp4"].map((path) => ({
      name: path,
      category: "corpus",
      path,
      kind: "video" as const,
      durationMs: 1000,
    }));
    const attacked = [file, { ...file, path: "a.mp4" }, { ...file, path: "missed.mp4" }];
    const result = await score(detector, { known, attacked, knownForInnocents: [], innocents });
    expect(groupTable([result]).rows).toEqual([["speed 0.5-2×, reversed, slideshow, gif", "97 %", "MISSED", "2/3 66.7 %"]]);
    expect(innocentTable([result]).rows.at(-1)).toEqual(["all", "0+1 of 2"]);
    expect(figuresTable([result]).rows).toContainEqual(["spans within 1 s", "2/2"]);
    expect(figuresTable([result]).rows).toContainEqual(["reference times within 1 s", "2/2"]);
    expect(result.cost.fingerprintsPerMinute).toBe(60);
  });
});
