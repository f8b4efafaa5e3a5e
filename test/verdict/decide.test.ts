import { describe, expect, test } from "vitest";
import type { Dihedral, Fingerprint, Hit, MediaKind, ReferenceSummary } from "../../src/model.js";
import { type Agreement, nearOnes, whereNearest } from "../../src/verdict/agreement.js";
import { decide } from "../../src/verdict/decide.js";
import { POLICY } from "../../src/verdict/policy.js";

const hash = new Uint8Array(32);
const frameAt = (atMs: number): Fingerprint => ({
  algorithm: "test",
  variant: "full",
  atMs,
  untilMs: atMs,
  pdq: hash,
  blockhash: hash,
  quality: 100,
});

const reference = (over: Partial<ReferenceSummary> = {}): ReferenceSummary => ({
  id: "r1",
  caseId: "C-1",
  label: "known.mp4",
  kind: "video",
  durationMs: 20_000,
  fingerprintCount: 40,
  ...over,
});

const hitAt = (query: number, referenceAtMs: number, over: Partial<Hit> = {}): Hit => ({
  query,
  dihedral: "original",
  referenceId: "r1",
  referenceVariant: "full",
  referenceAtMs,
  referenceUntilMs: referenceAtMs,
  pdqDistance: 10,
  blockhashDistance: 20,
  ...over,
});

function judge(options: {
  frames: number[];
  hits: Hit[];
  durationMs?: number;
  kind?: MediaKind;
  references?: ReferenceSummary[];
}) {
  const judged = {
    kind: options.kind ?? "video",
    durationMs: options.durationMs ?? 20_000,
    fingerprints: options.frames.map(frameAt),
    patchSets: [],
    framesRead: options.frames.length,
    framesUnusable: 0,
  };
  const references = new Map((options.references ?? [reference()]).map((r) => [r.id, r]));
  return decide(judged, { hits: options.hits, patchHits: [], moments: new Map(), references }, POLICY);
}

const everyHalfSecond = (fromMs: number, toMs: number): number[] =>
  Array.from({ length: (toMs - fromMs) / 500 }, (_, i) => fromMs + i * 500);

describe("a piece at the beginning of both videos, or at the end of both, while both go on with something else,", () => {
  const otherAt = (atMs: number): Fingerprint => ({ ...frameAt(atMs), pdq: new Uint8Array(32).fill(0b01010101) });
  /** The known video, 20 s; a submission as long shows `seconds` of it from `knownFrom`, at `from`, and otherwise something else. */
  const judgePiece = (seconds: number, from: number, knownFrom: number, known = 20) => {
    const references = new Map([["r1", reference({ durationMs: 1000 * known })]]);
    const times = everyHalfSecond(0, 20_000);
    const isPiece = (ms: number) => ms >= 1000 * from && ms < 1000 * (from + seconds);
    const fingerprints = times.map((ms) => (isPiece(ms) ? frameAt(ms) : otherAt(ms)));
    const hits = times.flatMap((ms, i) => (isPiece(ms) ? [hitAt(i, ms + 1000 * (knownFrom - from))] : []));
    const material = new Map([["r1", { fingerprints: everyHalfSecond(0, 1000 * known).map(frameAt), patches: [] }]]);
    const judged = { kind: "video" as const, durationMs: 20_000, fingerprints, patchSets: [], framesRead: 40, framesUnusable: 0 };
    return decide(judged, { hits, patchHits: [], moments: new Map(), references, material }, POLICY);
  };

  test.each([
    ["5 s of both beginnings", [5, 0, 0]],
    ["5 s of both ends", [5, 15, 15]],
  ] as const)("may be an intro, and is for review: %s", (_, [seconds, from, knownFrom]) => {
    const { kind, reasons } = judgePiece(seconds, from, knownFrom);
    expect(kind).toBe("review");
    expect(reasons.join(" ")).toContain("short");
  });

  test.each([
    ["9 s of both beginnings", [9, 0, 0, 20]],
    ["5 s of the beginning, in the middle of the other", [5, 8, 0, 20]],
    ["5 s of the middle, at the beginning of the other", [5, 0, 8, 20]],
    ["5 s that are most of the known video", [5, 0, 0, 8]],
  ] as const)("is a match when it is longer, lies elsewhere, or is most of it: %s", (_, [seconds, from, knownFrom, known]) => {
    expect(judgePiece(seconds, from, knownFrom, known).kind).toBe("match");
  });
});

describe("what is found in time", () => {
  test("an excerpt buried in a long video is a match with its spans on both timelines", () => {
    const frames = everyHalfSecond(0, 600_000);
    const hits = everyHalfSecond(0, 5_000).map((ms) => hitAt((300_000 + ms) / 500, 4_000 + ms));
    const verdict = judge({ frames, hits, durationMs: 600_000 });
    expect(verdict.kind).toBe("match");
    const [segment] = verdict.matches[0].segments;
    expect(Math.abs(segment.submissionFromMs - 300_000)).toBeLessThanOrEqual(500);
    expect(Math.abs(segment.submissionToMs - 305_000)).toBeLessThanOrEqual(500);
    expect(Math.abs(segment.referenceFromMs - 4_000)).toBeLessThanOrEqual(500);
    expect(verdict.matches[0].coverageOfReference).toBeCloseTo(0.25, 1);
  });

  test.each([0.5, 0.8, 1, 1.25, 2, -1, -1.5])("a copy at %s times the speed is matched, and the speed is named", (speed) => {
    const frames = everyHalfSecond(0, 20_000 / Math.abs(speed));
    const hits = frames.map((ms, i) => hitAt(i, Math.round((speed > 0 ? 0 : 20_000) + speed * ms)));
    const verdict = judge({ frames, hits, durationMs: 20_000 / Math.abs(speed) });
    expect(verdict.kind).toBe("match");
    expect(verdict.matches[0].transform.speed).toBeCloseTo(speed, 1);
    expect(verdict.matches[0].framesAgreeing).toBe(frames.length);
  });

  test("two excerpts at different places give two segments, in order of time, though the later one is surer", () => {
    const frames = everyHalfSecond(0, 60_000);
    const hits = [
      ...everyHalfSecond(0, 3_000).map((ms) => hitAt(ms / 500 + 10, 12_000 + ms)),
      ...everyHalfSecond(0, 5_000).map((ms) => hitAt(ms / 500 + 80, ms)),
    ];
    const { matches } = judge({ frames, hits, durationMs: 60_000 });
    expect(matches[0].segments.map((s) => Math.round(s.submissionFromMs / 1000))).toEqual([5, 40]);
    expect(matches[0].coverageOfReference).toBeCloseTo(0.4, 1);
  });

  test("a still that recurs all over a reference does not hide the place where the video agrees", () => {
    const frames = everyHalfSecond(0, 10_000);
    const recurring = everyHalfSecond(0, 20_000).map((ms) => hitAt(3, ms, { pdqDistance: 25 }));
    const hits = [...recurring, ...frames.map((ms, i) => hitAt(i, 6_000 + ms))];
    const [match] = judge({ frames, hits, durationMs: 10_000 }).matches;
    expect(Math.abs(match.segments[0].referenceFromMs - 6_000)).toBeLessThanOrEqual(500);
  });
});

describe("how sure it is", () => {
  test("parts that are only in place make no longer piece of a shared second", () => {
    const moment = { dihedral: "original" as const, part: true, share: 0.5 };
    const at = (atMs: number, doubt: number, closeness: number): Agreement => ({
      ...{ atMs, untilMs: atMs, referenceAtMs: atMs, referenceUntilMs: atMs, doubt, closeness, ...moment },
    });
    const intro = { ...at(0, 1e-12, 1), bits: 4 };
    const later = [at(4_000, 1e-3, 0.05), at(4_500, 0.4, 0.3), at(5_000, 1e-9, 0.05), at(5_500, 1e-3, 0.3)];
    expect(nearOnes([intro, ...later], POLICY).map((a) => a.atMs)).toEqual([0, 5_000, 5_500]);
  });

  test("nor do parts that lie elsewhere than the nearest, unless they are near", () => {
    const at = (atMs: number, x: number, size: number, closeness: number): Agreement => ({
      ...{ atMs, untilMs: atMs, referenceAtMs: atMs, referenceUntilMs: atMs, dihedral: "original", part: true, share: 0.5 },
      ...{ doubt: 1e-9, closeness, placement: { x, y: 0, size, mirrored: false } },
    });
    const intro = at(0, 0, 1, 0.9);
    const whole = { ...at(500, 0, 1, 1), placement: undefined, bits: 4 };
    const later = [at(4_000, 100, 1, 0.2), at(4_500, 400, 1, 0.2), at(5_000, -409, 1.2, 0.2), at(5_500, 400, 1.2, 0.35)];
    const all = [later[0], intro, whole, ...later.slice(1)];
    expect(whereNearest(all, POLICY)(all).map((a) => a.atMs)).toEqual([4_000, 0, 500, 5_500]);
    expect(whereNearest([whole], POLICY)([whole])).toEqual([whole]);
  });

  test("one shared second in the middle of another video is for a person to look at, not a match", () => {
    const frames = everyHalfSecond(0, 60_000);
    const hits = [hitAt(50, 5_000), hitAt(51, 5_500)];
    expect(judge({ frames, hits, durationMs: 60_000 }).kind).toBe("review");
  });

  test("a still of a known video is a match when near, and for review when only just within the radius", () => {
    const still = { frames: [0], kind: "image" as const, durationMs: 0 };
    expect(judge({ ...still, hits: [hitAt(0, 7_000)] }).kind).toBe("match");
    expect(judge({ ...still, hits: [hitAt(0, 7_000, { pdqDistance: 31, blockhashDistance: 110 })] }).kind).toBe("review");
  });

  test("confidence is the share that was right of what was found like this, and the reason says why a person should look", () => {
    const told = (hits: Hit[], durationMs: number) => judge({ frames: everyHalfSecond(0, durationMs), hits, durationMs });
    const sure = told(
      everyHalfSecond(0, 20_000).map((ms, i) => hitAt(i, ms)),
      20_000,
    );
    expect(sure.matches[0].confidence).toBe(POLICY.rightShare.none);
    expect(sure.reasons[0]).not.toContain("for a person");
    const chance = told([hitAt(0, 0, { pdqDistance: 31, blockhashDistance: 110 })], 20_000);
    expect(chance.matches[0].confidence).toBe(POLICY.rightShare.weak);
    expect(chance.reasons[0]).toContain("for a person, because it may be chance");
    const quoted = told([hitAt(50, 5_000), hitAt(51, 5_500)], 60_000);
    expect(quoted.matches[0].confidence).toBe(POLICY.rightShare.short);
    expect(quoted.reasons[0]).toContain("for a person, because it is a short piece of longer videos");
  });

  test("the strongest case comes first, and every case that was hit is named", () => {
    const frames = everyHalfSecond(0, 20_000);
    const hits = [
      ...frames.map((ms, i) => hitAt(i, ms, { referenceId: "weak", pdqDistance: 28 })).slice(0, 8),
      ...frames.map((ms, i) => hitAt(i, ms, { referenceId: "strong", pdqDistance: 2 })),
    ];
    const references = [reference({ id: "weak", caseId: "C-9" }), reference({ id: "strong", caseId: "C-2" })];
    expect(judge({ frames, hits, references }).matches.map((m) => m.caseId)).toEqual(["C-2", "C-9"]);
  });
});

describe("what was done to it", () => {
  test.each<[Dihedral, boolean, number]>([
    ["original", false, 0],
    ["flipy", true, 0],
    ["rotate180", false, 180],
  ])("%s hits read as mirrored %s, rotated by %s°", (dihedral, mirrored, rotatedDeg) => {
    const frames = everyHalfSecond(0, 10_000);
    const { matches } = judge({ frames, hits: frames.map((ms, i) => hitAt(i, ms, { dihedral })) });
    expect(matches[0].transform).toMatchObject({ mirrored, rotatedDeg });
  });
});

describe("what nobody can tell", () => {
  test("no usable picture is unscannable, never clear", () => {
    const verdict = decide(
      { kind: "video", durationMs: 9_000, fingerprints: [], patchSets: [], framesRead: 18, framesUnusable: 18 },
      { hits: [], patchHits: [], moments: new Map(), references: new Map() },
      POLICY,
    );
    expect(verdict.kind).toBe("unscannable");
    expect(verdict.reasons[0]).toContain("18 pictures");
  });

  test("a doubtful likeness is clear, and the nearest miss says how doubtful", () => {
    const verdict = decide(
      { kind: "image", durationMs: 0, fingerprints: [frameAt(0)], patchSets: [], framesRead: 1, framesUnusable: 0 },
      {
        hits: [hitAt(0, 7_000, { pdqDistance: 31, blockhashDistance: undefined })],
        patchHits: [],
        moments: new Map(),
        references: new Map([["r1", reference()]]),
      },
      { ...POLICY, reviewConfidence: 0.999 },
    );
    expect(verdict.kind).toBe("clear");
    expect(verdict.nearestMiss).toMatch(/"known.mp4" of case C-1, evidence 0\.99/);
  });

  test("pictures without a hit are clear, and the reason counts them", () => {
    const verdict = judge({ frames: [0, 500], hits: [] });
    expect(verdict.kind).toBe("clear");
    expect(verdict.reasons[0]).toContain("2 pictures compared");
  });
});
