import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { AlertMatch } from "../../../src/casework/alerts.js";
import { reminderFor } from "../../../src/web/console/breaks.js";
import { actorName, changesOf, reasonsOf, sureness } from "../../../src/web/console/explain.js";
import { formatOf } from "../../../src/web/console/format.js";
import { read, several } from "../../../src/web/console/input.js";
import { safePath } from "../../../src/web/console/page.js";
import { evenly } from "../../../src/web/console/preview-strip.js";
import { reuploadChart } from "../../../src/web/console/reupload-chart.js";
import { type Language, textsOf } from "../../../src/web/console/texts.js";
import { timelineOf } from "../../../src/web/console/timeline.js";

const readerOf = (language: Language) => ({ language, t: textsOf(language), f: formatOf(language, "Europe/Tirane") });
const [en, sq] = [readerOf("en"), readerOf("sq")];

const match = (over: Partial<AlertMatch> = {}): AlertMatch => ({
  caseId: "C-1",
  caseTitle: "",
  reference: { id: "r", label: "known.mp4", kind: "video", durationMs: 60_000 },
  verdict: "match",
  confidence: 0.99,
  transform: { mirrored: false, rotatedDeg: 0, speed: 1, cropped: false },
  segments: [{ submissionFromMs: 0, submissionToMs: 30_000, referenceFromMs: 10_000, referenceToMs: 40_000 }],
  framesAgreeing: 12,
  medianDistanceBits: 4,
  coverageOfReference: 0.5,
  coverageOfSubmission: 1,
  ...over,
});

describe("texts", () => {
  /** Every text of both languages, functions called with something to say. */
  const leaves = (value: unknown, path = ""): [string, string][] => {
    if (typeof value === "string") return [[path, value]];
    if (typeof value === "function") return [[path, String((value as (...args: unknown[]) => unknown)(7, 7, 7))]];
    return Object.entries(value as object).flatMap(([key, inner]) => leaves(inner, `${path}.${key}`));
  };

  test("both languages have the same ones, none of them empty", () => {
    const [english, albanian] = [leaves(textsOf("en")), leaves(textsOf("sq"))];
    expect(albanian.map(([path]) => path).sort()).toEqual(english.map(([path]) => path).sort());
    for (const [path, text] of [...english, ...albanian]) expect(text.trim(), path).not.toBe("");
  });

  test("what is said with a number says the number", () => {
    for (const language of ["en", "sq"] as const) {
      const t = textsOf(language);
      expect(t.flash.confirmed(1)).not.toBe(t.flash.confirmed(3));
      expect(t.flash.confirmed(3)).toContain("3");
      expect(t.cases.summary(17, 4, 3)).toMatch(/17.*4.*3/);
      expect(t.alert.because.whole(1)).not.toContain("1");
    }
  });
});

describe("formats", () => {
  test("a moment is said in the reader's language and in the zone of the configuration", () => {
    const moment = new Date("2026-07-01T10:05:00Z");
    expect(en.f.date(moment)).toBe("1 Jul 2026, 12:05");
    expect(sq.f.date(moment)).toMatch(/1 korr 2026.*12:05/);
    expect(formatOf("en", "UTC").date(moment)).toContain("10:05");
  });

  test("what is almost certain is never rounded up to certain", () => {
    expect(en.f.percent(0.9999)).toBe("99.9%");
    expect(en.f.percent(1)).toBe("100%");
    expect(sq.f.percent(0.967)).toBe("96,7%");
    expect(en.f.percent(0.62)).toBe("62%");
  });

  test("how long ago, from seconds to years", () => {
    const ago = (ms: number) => en.f.ago(new Date(Date.now() - ms));
    expect([ago(3_000), ago(125_000), ago(26 * 3_600_000), ago(800 * 86_400_000)]).toEqual([
      "now",
      "2 minutes ago",
      "yesterday",
      "2 years ago",
    ]);
    expect(en.f.ago(new Date(Date.now() + 3 * 3_600_000 + 60_000))).toBe("in 3 hours");
  });

  test("sizes and lengths", () => {
    expect([en.f.bytes(0), en.f.bytes(999), en.f.bytes(1_500), en.f.bytes(4_294_967_296)]).toEqual([
      "0 B",
      "999 B",
      "1.5 kB",
      "4.3 GB",
    ]);
    expect([en.f.clock(0), en.f.clock(61_000), en.f.clock(3_661_000)]).toEqual(["0:00", "1:01", "1:01:01"]);
  });
});

describe("why a match is one", () => {
  test("whole pictures are counted, and how much they differ is said", () => {
    expect(reasonsOf(match(), en)[0]).toBe(
      "12 whole pictures agree; they differ in 4 of 256 bits (31 and fewer count as the same picture).",
    );
    expect(reasonsOf(match({ framesAgreeing: 1 }), sq)[0]).toMatch(/^Një pamje e plotë përputhet; ndryshojnë në 4 /);
  });

  test("parts of pictures are said to be parts, without a distance", () => {
    expect(reasonsOf(match({ medianDistanceBits: null }), en)[0]).toBe("Parts of 12 pictures agree.");
  });

  test("a whole still needs no shares", () => {
    const still = match({ reference: { id: "r", label: "a.jpg", kind: "image", durationMs: 0 }, framesAgreeing: 1 });
    expect(reasonsOf(still, en)).toHaveLength(1);
    expect(reasonsOf(match(), en).slice(1)).toEqual([
      "50% of the known material is found again.",
      "100% of this upload is known material.",
    ]);
  });

  test("every change has words, and none is the original", () => {
    expect(changesOf(match().transform, en)).toEqual(["as the original"]);
    expect(changesOf({ mirrored: true, rotatedDeg: 90, speed: -1.5, cropped: true }, en)).toEqual([
      "mirrored",
      "rotated by 90°",
      "played backwards",
      "at 1.5 times the speed",
      "cropped or framed differently",
    ]);
    expect(changesOf({ mirrored: false, rotatedDeg: 0, tiltedDeg: -30, speed: 1, cropped: false }, en)).toEqual([
      "tilted by about 30°",
    ]);
    expect(changesOf({ mirrored: false, rotatedDeg: 0, speed: 1.02, cropped: false }, sq)).toEqual(["si origjinali"]);
  });

  test("how sure, in a word that never falls as confidence rises", () => {
    const order = ["weak", "possible", "likely", "certain"];
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true }), (a, b) => {
        const [low, high] = [Math.min(a, b), Math.max(a, b)];
        expect(order.indexOf(sureness(low))).toBeLessThanOrEqual(order.indexOf(sureness(high)));
      }),
    );
  });

  test("who did it: a person by name, a service as such, else the system", () => {
    expect([actorName("person:ana:b", en), actorName("token:intake", sq), actorName("service", sq)]).toEqual([
      "ana:b",
      "shërbimi intake",
      "sistemi",
    ]);
  });
});

describe("drawings", () => {
  const numbers = (svg: string, name: string) =>
    [...svg.matchAll(new RegExp(` ${name}="([\\d.]+)"`, "g"))].map(([, n]) => Number(n));

  test("the timeline draws both bars to one scale, and a band for each span", () => {
    const svg = timelineOf(match(), 30_000, "label")!;
    const [upper, lower] = [...svg.matchAll(/class="whole"[^>]* width="([\d.]+)"/g)].map(([, w]) => Number(w));
    expect(upper / lower).toBeCloseTo(0.5, 2);
    expect(svg.match(/class="band"/g)).toHaveLength(1);
    expect(svg.match(/class="agrees"/g)).toHaveLength(2);
  });

  test("backwards, the band is crossed", () => {
    const path = (speed: number) =>
      /class="band" d="([^"]+)"/.exec(timelineOf(match({ transform: { ...match().transform, speed } }), 30_000, "")!)?.[1];
    expect(path(-1)).not.toBe(path(1));
  });

  test("a still has no timeline", () => {
    expect(timelineOf(match({ reference: { id: "r", label: "", kind: "image", durationMs: 0 } }), 0, "")).toBeUndefined();
  });

  test("whatever the spans say, nothing is drawn outside or is no number, and a label cannot leave its attribute", () => {
    const ms = fc.integer({ min: -1_000, max: 10_000_000 });
    const segment = fc.record({ submissionFromMs: ms, submissionToMs: ms, referenceFromMs: ms, referenceToMs: ms });
    fc.assert(
      fc.property(
        fc.array(segment, { minLength: 1, maxLength: 80 }),
        fc.integer({ min: 1, max: 9_000_000 }),
        (segments, lengthMs) => {
          const svg = timelineOf(match({ segments }), lengthMs, '"><script>alert(1)</script>')!;
          expect(svg).not.toMatch(/NaN|undefined|<script/);
          for (const x of numbers(svg, "x")) expect(x).toBeLessThanOrEqual(720);
          for (const width of numbers(svg, "width")) expect(width).toBeLessThanOrEqual(720);
        },
      ),
    );
  });

  test("the chart of re-uploads rises by one for each, also for thousands, and is nothing without any", () => {
    const uploads = (count: number) =>
      Array.from({ length: count }, (_, i) => ({
        ...{ number: i + 1, at: new Date(1_700_000_000_000 + i * 3_600_000) },
        ...{ platform: null, uploaderId: null, submissionId: `s-${i}` },
      }));
    expect(reuploadChart([], "", en.f)).toBeUndefined();
    expect(reuploadChart(uploads(1), "one", en.f)).toContain("<circle");
    expect(reuploadChart(uploads(17), "17", en.f)?.match(/<circle/g)).toHaveLength(17);
    const long = reuploadChart(uploads(10_000), "many", en.f)!;
    expect(long.length).toBeLessThan(20_000);
    expect(long).not.toMatch(/NaN|<circle/);
  });
});

describe("breaks", () => {
  const MINUTE = 60_000;
  const every = (minutes: number, count: number) => Array.from({ length: count }, (_, i) => 1e12 - i * minutes * MINUTE);

  test("25 without a pause, or 90 minutes, are time for one; fewer are not", () => {
    expect(reminderFor(every(1, 24), 1e12)).toBeUndefined();
    expect(reminderFor(every(1, 25), 1e12)).toEqual({ kind: "many", alerts: 25 });
    expect(reminderFor(every(10, 10), 1e12)).toEqual({ kind: "long", minutes: 90 });
    expect(reminderFor([], 1e12)).toBeUndefined();
  });

  test("after a pause the count begins anew", () => {
    const beforePause = every(1, 30).map((at) => at - 40 * MINUTE);
    expect(reminderFor([...every(1, 5), ...beforePause], 1e12)).toBeUndefined();
    expect(reminderFor(every(1, 30), 1e12 + 20 * MINUTE)).toBeUndefined();
  });
});

describe("what comes in", () => {
  test("a path to return to is one of ours, or it is not used", () => {
    expect(safePath("/alerts?state=all", "/x")).toBe("/alerts?state=all");
    for (const bad of [
      "https://evil.example",
      "//evil.example",
      "/\\evil",
      "javascript:alert(1)",
      "alerts",
      "",
      undefined,
      ["/a"],
      "/a\nb",
    ])
      expect(safePath(bad, "/x")).toBe("/x");
    fc.assert(
      fc.property(fc.string(), (path) => {
        expect(new URL(safePath(path, "/x"), "http://own.example").host).toBe("own.example");
      }),
    );
  });

  test("a field that may come once or often is always a list", () => {
    const schema = z.object({ id: several(z.string()) });
    expect([read(schema, {}), read(schema, { id: "a" }), read(schema, { id: ["a", "b"] })]).toEqual([
      { id: [] },
      { id: ["a"] },
      { id: ["a", "b"] },
    ]);
  });

  test("tiles are chosen evenly", () => {
    expect(evenly([1, 2, 3], 8)).toEqual([1, 2, 3]);
    expect(evenly([...Array(80).keys()], 8)).toEqual([0, 10, 20, 30, 40, 50, 60, 70]);
  });
});
