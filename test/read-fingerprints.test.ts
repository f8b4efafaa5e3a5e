import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { UnscannableError } from "../src/errors.js";
import { readFrames } from "../src/media/frames.js";
import { probeMedia } from "../src/media/probe.js";
import type { Frame, MediaFile, Probe } from "../src/model.js";
import { type KeyframesFirst, type ReadSteps, readFingerprints, type Sampling } from "../src/read-fingerprints.js";
import { readFirst } from "../src/read-first.js";
import type { FirstLook } from "../src/verdict/decide.js";
import { decoder, dir, LIMITS, make, mediaFile, video } from "./media/support.js";
import { randomFrom } from "./support/material.js";

const probe = (over: Partial<Probe> = {}): Probe => ({
  kind: "video",
  format: "mov",
  codec: "h264",
  width: 64,
  height: 36,
  durationMs: 10_000,
  framesPerSecond: 30,
  ...over,
});

/** A picture with detail, another one at every moment. */
function frameAt(atMs: number): Frame {
  const random = randomFrom(atMs + 1);
  const levels = Array.from({ length: 64 }, () => Math.floor(random() * 256));
  const luma = Uint8Array.from({ length: 64 * 64 }, (_, i) => levels[((i >> 9) << 3) | ((i & 63) >> 3)]);
  return { atMs, width: 64, height: 64, luma };
}

/** Steps that hand out frames at these moments and remember what they were asked. */
function stepsFor(given: Probe, momentsOf: (sampling: Sampling) => number[]) {
  const asked: Sampling[] = [];
  const disposed: string[] = [];
  const file: MediaFile = { path: "/x", sha256: "00", bytes: 1, dispose: async () => void disposed.push("/x") };
  const steps = {
    fetch: async () => file,
    probe: async () => given,
    async *frames(_: MediaFile, __: Probe, sampling: Sampling) {
      asked.push(sampling);
      for (const atMs of momentsOf(sampling)) yield frameAt(atMs);
    },
  };
  return { steps, asked, disposed };
}

const every = (stepMs: number, durationMs: number): number[] => Array.from({ length: durationMs / stepMs }, (_, i) => i * stepMs);

describe("reading media", () => {
  test("a scan asks for four pictures a second and keeps all that differ, a reference reads in full and keeps one a second", async () => {
    const scan = stepsFor(probe(), () => every(250, 10_000));
    const reading = await readFingerprints(scan.steps, { path: "/x" }, { thrifty: true });
    expect(scan.asked).toEqual([{ mode: "every", framesPerSecond: 4, thrifty: true }]);
    expect(reading.framesRead).toBe(40);
    expect(reading.fingerprints.length).toBeGreaterThan(30);
    const reference = stepsFor(probe(), () => every(250, 10_000));
    const known = await readFingerprints(reference.steps, { path: "/x" }, { thrifty: false });
    expect(known.fingerprints.map((f) => f.atMs)).toEqual(every(1_000, 10_000));
    expect(reference.asked).toEqual([{ mode: "every", framesPerSecond: 4, thrifty: false }]);
  });

  test.each([
    ["few pictures", () => every(2_500, 10_000)],
    ["nothing of its end", () => every(250, 7_500)],
    ["a long gap", () => [...every(500, 4_000), ...every(500, 10_000).filter((ms) => ms > 6_500)]],
  ])("a file that shows a thrifty reader %s is read again in full", async (_, sparse) => {
    const { steps, asked } = stepsFor(probe(), ({ thrifty }) => (thrifty ? sparse() : every(500, 10_000)));
    const reading = await readFingerprints(steps, { path: "/x" }, { thrifty: true });
    expect(asked.map((a) => a.thrifty)).toEqual([true, false]);
    expect(reading.framesRead).toBe(20);
  });

  test("a video of twelve hours is read less densely, so that memory stays what it is for two", async () => {
    const { steps, asked } = stepsFor(probe({ durationMs: 12 * 3_600_000 }), () => []);
    await readFingerprints(steps, { path: "/x" }, { thrifty: false });
    expect(asked[0].framesPerSecond).toBeCloseTo(1 / 3, 2);
  });

  const eleven = probe({ durationMs: 11 * 3_600_000 });
  const upTo = (durationMs: number, { framesPerSecond }: Sampling) => every(1_000 / framesPerSecond, durationMs);

  test.each([
    ["a scan", true, [true, false, false]],
    ["a reference", false, [false, false]],
  ])("%s that claims eleven hours and lasts ten seconds is read again as what it is", async (_, thrifty, readings) => {
    const { steps, asked } = stepsFor(eleven, (sampling) => upTo(10_000, sampling));
    const reading = await readFingerprints(steps, { path: "/x" }, { thrifty });
    expect(asked.map((a) => a.thrifty)).toEqual(readings);
    expect(asked.at(-1)!.framesPerSecond).toBe(4);
    expect(reading.framesRead).toBe(40);
    expect(reading.durationMs).toBeGreaterThan(9_000);
    expect(reading.durationMs).toBeLessThan(10_000);
  });

  test("... but not because of a thrifty reading, from which the rest may be hidden", async () => {
    const { steps, asked } = stepsFor(eleven, ({ thrifty }) =>
      every(thrifty ? 2_000 : 600_000, thrifty ? 10_000 : eleven.durationMs),
    );
    const reading = await readFingerprints(steps, { path: "/x" }, { thrifty: true });
    expect(asked.map((a) => a.thrifty)).toEqual([true, false]);
    expect(reading).toMatchObject({ framesRead: 66, durationMs: eleven.durationMs });
  });

  test("a long video that is cut off after more than half of it is not read again", async () => {
    const { steps, asked } = stepsFor(eleven, () => every(600_000, 0.6 * eleven.durationMs));
    const reading = await readFingerprints(steps, { path: "/x" }, { thrifty: false });
    expect(asked).toHaveLength(1);
    expect(reading.durationMs).toBe(eleven.durationMs);
  });

  test.each([true, false])(
    "a real mkv whose head says eleven hours gives what it gives without the lie (thrifty: %s)",
    async (thrifty) => {
      const honest = make("-i", video("friday.mp4"), "-an", "-vf", "scale=320:-2", "-preset", "ultrafast", "honest.mkv");
      const bytes = readFileSync(honest);
      // Matroska's element Duration: its id, the length 8, a float in thousandths of a second.
      bytes.writeDoubleBE(eleven.durationMs, bytes.indexOf("448988", "hex") + 3);
      const lying = join(dir, "eleven-hours.mkv");
      writeFileSync(lying, bytes);
      const signal = new AbortController().signal;
      const limits = { ...LIMITS, maxDurationMs: 12 * 3_600_000 };
      const read = (path: string, how: { thrifty: boolean }) =>
        readFingerprints(
          {
            fetch: async () => mediaFile(path),
            probe: (file) => probeMedia(file, decoder, limits, signal),
            frames: (file, given, sampling) => readFrames(file, given, decoder, { ...limits, sampling }, signal),
          },
          { path },
          how,
        );
      expect((await probeMedia(mediaFile(lying), decoder, limits, signal)).durationMs).toBe(eleven.durationMs);
      const [full, seen] = [await read(honest, { thrifty: false }), await read(lying, { thrifty })];
      expect(seen.framesRead).toBe(full.framesRead);
      expect(Math.abs(seen.durationMs - full.durationMs)).toBeLessThan(1_000);
      if (!thrifty) expect(seen.fingerprints).toEqual(full.fingerprints);
    },
  );

  describe("keyframes first", () => {
    const minute = probe({ durationMs: 60_000, keyframeGapMs: 1_000 });
    type How = Partial<KeyframesFirst> & { shows?: FirstLook[] };
    const known: FirstLook = { isClear: false, momentsMs: [0] };
    const nothing: FirstLook = { isClear: true, momentsMs: [] };
    const maybeAt = (...momentsMs: number[]): FirstLook => ({ isClear: true, momentsMs });
    /** `shows`: what each part shows, in the order in which they are read; nothing after the last. */
    const first = ({ apart = "close", shows = [], anywhere = () => 0.5 }: How = {}) => ({
      keyframesFirst: { apart, anywhere, look: async () => shows.shift() ?? nothing },
    });
    const stretch = (fromMs: number, lastsMs = 6_000) => ({
      ...{ mode: "every", framesPerSecond: 4, thrifty: true },
      stretch: { fromMs, lastsMs },
    });
    const allOfIt = { mode: "every", framesPerSecond: 4, thrifty: true };
    const keyframes = { mode: "keyframes", framesPerSecond: 4 };
    const atCuts = [0, 9_000, 11_000, 20_000, 31_000, 40_000, 51_000];
    const seen = (given: Probe, moments: number[]) =>
      stepsFor(given, (sampling) => {
        if (sampling.mode === "keyframes") return moments;
        return every(250, sampling.stretch?.lastsMs ?? given.durationMs);
      });
    const scanned = (steps: object, how: How = {}) =>
      readFingerprints({ ...(steps as ReadSteps), ...first(how) }, { path: "/x" }, { thrifty: true });

    test.each<[string, "close" | "far", number[]]>([
      ["every second", "close", every(1_000, 60_000)],
      ["every 30 pictures of 25 a second", "close", every(1_200, 60_000)],
      ["every five seconds, if far ones count", "far", every(5_000, 60_000)],
      ["at cuts, if far ones count", "far", atCuts],
    ])(
      "of a video with keyframes %s no more than six seconds are read besides where nothing may be known",
      async (_, apart, moments) => {
        const { steps, asked } = seen(minute, moments);
        const reading = await scanned(steps, { apart });
        expect(asked).toEqual([keyframes, stretch(Math.floor((moments.at(-1)! - 6_000) / 2))]);
        expect(reading).toMatchObject({ unread: "between keyframes", framesRead: moments.length, durationMs: 60_000 });
      },
    );

    test("where the stretch is chance says: from the first picture to six seconds before the last keyframe", async () => {
      for (const [at, fromMs] of [
        [0, 0],
        [0.999_999, 52_999],
      ]) {
        const { steps, asked } = seen(minute, every(1_000, 60_000));
        await scanned(steps, { anywhere: () => at });
        expect(asked[1]).toEqual(stretch(fromMs));
      }
    });

    test.each<[string, number[], How, number]>([
      ["keyframes show something known", every(1_000, 60_000), { shows: [known] }, 0],
      [
        "keyframes may at so many moments that it is quicker",
        every(1_000, 60_000),
        { shows: [maybeAt(3_000, 20_000, 40_000)] },
        1,
      ],
      ["the stretch shows something known", every(1_000, 60_000), { shows: [nothing, known] }, 1],
      ["they come every two seconds", every(2_000, 60_000), {}, 0],
      ["they come at cuts", atCuts, {}, 0],
      ["they come every ten seconds, at no cut", every(10_000, 60_000), { apart: "far" }, 0],
      ["there is none for 13 s", [...atCuts.slice(0, -1), 53_100], { apart: "far" }, 0],
      ["they end 20 s before it does", atCuts.slice(0, -1), { apart: "far" }, 0],
      ["there are five", [0, 12_000, 23_000, 35_000, 48_000], { apart: "far" }, 0],
    ])("all is read where %s", async (_, moments, how, stretches) => {
      const { steps, asked } = seen(minute, moments);
      const reading = await scanned(steps, how);
      expect(asked.filter((a) => a.mode === "every")).toEqual([...(stretches ? [stretch(26_500)] : []), allOfIt]);
      expect(asked[0]).toEqual(keyframes);
      expect(reading.framesRead).toBe(240);
      expect(reading).not.toHaveProperty("unread");
    });

    test.each<[string, FirstLook[], [fromMs: number, lastsMs: number][], boolean]>([
      [
        "a keyframe may",
        [maybeAt(20_000)],
        [
          [26_500, 6_000],
          [14_000, 12_000],
        ],
        false,
      ],
      [
        "the stretch may",
        [nothing, maybeAt(1_000)],
        [
          [26_500, 6_000],
          [21_500, 12_000],
        ],
        false,
      ],
      [
        "two keyframes next to each other may",
        [maybeAt(3_000, 2_000)],
        [
          [26_500, 6_000],
          [0, 9_000],
        ],
        false,
      ],
      [
        "what is around shows that it is",
        [maybeAt(59_000), nothing, known],
        [
          [26_500, 6_000],
          [53_000, 7_000],
        ],
        true,
      ],
      [
        "what is around may as well",
        [maybeAt(59_000), nothing, maybeAt(1_000)],
        [
          [26_500, 6_000],
          [53_000, 7_000],
        ],
        false,
      ],
    ])(
      "what is around a moment is read where %s show something known, and all where it does",
      async (_, shows, stretches, isAll) => {
        const { steps, asked } = seen(minute, every(1_000, 60_000));
        const reading = await scanned(steps, { shows: [...shows] });
        expect(asked).toEqual([keyframes, ...stretches.map((s) => stretch(...s)), ...(isAll ? [allOfIt] : [])]);
        expect(reading.unread).toBe(isAll ? undefined : "between keyframes");
      },
    );

    test("of a video whose keyframes are far apart at its start, or may be, none are read alone, unless far ones count", async () => {
      const modes = async (keyframeGapMs: number | undefined, apart: "close" | "far") => {
        const { steps, asked } = seen(probe({ durationMs: 60_000, keyframeGapMs }), every(1_000, 60_000));
        await scanned(steps, { apart });
        return asked.map((a) => a.mode);
      };
      expect(await modes(4_000, "close")).toEqual(["every"]);
      expect(await modes(undefined, "close")).toEqual(["every"]);
      expect(await modes(4_000, "far")).toEqual(["keyframes", "every"]);
    });

    test("all is read where most of the stretch hides from a thrifty reading", async () => {
      const { steps, asked } = stepsFor(minute, (sampling) => {
        if (sampling.mode === "keyframes") return every(1_000, 60_000);
        return sampling.stretch ? every(1_000, 6_000) : every(250, 60_000);
      });
      expect(await scanned(steps)).not.toHaveProperty("unread");
      expect(asked.at(-1)).toEqual(allOfIt);
    });

    test("keyframes are read no further than to the first gap that is too long", async () => {
      let taken = 0;
      const counting = {
        ...seen(minute, []).steps,
        async *frames(_: MediaFile, __: Probe, { mode }: Sampling) {
          for (const atMs of every(mode === "keyframes" ? 2_000 : 250, 60_000)) {
            if (mode === "keyframes") taken++;
            yield frameAt(atMs);
          }
        },
      };
      await scanned(counting);
      expect(taken).toBe(2);
    });

    test("all is read where most keyframes are black", async () => {
      const asked: string[] = [];
      const black = {
        ...stepsFor(minute, () => []).steps,
        async *frames(_: MediaFile, __: Probe, { mode }: Sampling) {
          asked.push(mode);
          for (const atMs of every(1_000, 60_000))
            yield atMs < 24_000 ? frameAt(atMs) : { ...frameAt(atMs), luma: new Uint8Array(64 * 64) };
        },
      };
      await scanned(black);
      expect(asked.slice(0, 2)).toEqual(["keyframes", "every"]);
    });

    test("all is read where not one keyframe can be decoded, and what else goes wrong is told", async () => {
      const failing = (error: Error) => {
        const { steps } = stepsFor(minute, ({ mode }) => {
          if (mode === "keyframes") throw error;
          return every(250, 60_000);
        });
        return scanned(steps);
      };
      expect((await failing(new UnscannableError("not one picture could be decoded"))).framesRead).toBe(240);
      await expect(failing(new Error("no memory"))).rejects.toThrow("no memory");
    });

    test("pictures that are all stored whole are read once, whatever they show", async () => {
      const { steps, asked } = seen(minute, every(250, 60_000));
      const reading = await scanned(steps, { shows: [known] });
      expect(asked).toEqual([keyframes]);
      expect(reading).not.toHaveProperty("unread");
    });

    test.each([
      [3_000, 4_400, true],
      [3_000, 4_600, false],
      [250, 374, true],
      [250, 1_200, false],
    ])(
      "where a scan of all looks every %d ms, keyframes at most %d ms apart are all there is to read: %s",
      async (scanStepMs, gapMs, isAll) => {
        const hours = 12 * 3_600_000;
        const frames = {
          framesRead: hours / gapMs,
          framesUnusable: 0,
          lastAtMs: hours,
          longestGapMs: gapMs,
          shortestGapMs: gapMs,
        };
        const read = { ...frames, hashMs: 0, fingerprints: [], patchSets: [], listed: undefined };
        const given = { apart: "far", claimedMs: hours, scanStepMs, gapAtStartMs: gapMs, anywhere: () => 0 } as const;
        const told = await readFirst({
          ...given,
          groups: async () => [],
          pictures: async function* () {},
          hash: async () => read,
          isEnough: () => true,
          look: async () => nothing,
        });
        expect(told!.unread).toBe(isAll ? undefined : "between keyframes");
      },
    );

    test("a reference, a still, what lasts less than 20 s and what does not say how long are read as ever", async () => {
      const modes = async (given: Probe, thrifty = true) => {
        const { steps, asked } = seen(given, every(1_000, 60_000));
        await readFingerprints({ ...steps, ...first() }, { path: "/x" }, { thrifty });
        return asked.map((a) => a.mode);
      };
      expect(await modes(minute, false)).toEqual(["every"]);
      expect(await modes(probe({ kind: "image", durationMs: 0 }))).toEqual(["every"]);
      expect(await modes(probe({ durationMs: 19_000 }))).toEqual(["every"]);
      expect((await modes(probe({ durationMs: 0 })))[0]).toBe("every");
    });
  });

  describe("all but the ends of groups of pictures", () => {
    const minute = probe({ durationMs: 60_000, keyframeGapMs: 3_900 });
    const nothing: FirstLook = { isClear: true, momentsMs: [] };
    const asScanned = { mode: "every", framesPerSecond: 4, thrifty: true };
    const isLeftOut = (atMs: number, { leftOut = [] }: Sampling) =>
      leftOut.some(({ fromMs, lastsMs }) => atMs >= fromMs && atMs < fromMs + lastsMs);
    type Given = {
      starts?: number[];
      shows?: FirstLook[];
      at?: number;
      apart?: "close" | "far";
      hidden?: (atMs: number) => boolean;
    };
    async function scanned(
      { starts = every(6_000, 60_000), shows = [], at = 0, apart = "close", hidden }: Given,
      given = minute,
    ) {
      const { steps, asked } = stepsFor(given, (sampling) =>
        every(250, sampling.stretch?.lastsMs ?? given.durationMs).filter(
          (atMs) => !isLeftOut(atMs, sampling) && !(sampling.thrifty && hidden?.(atMs)),
        ),
      );
      const keyframesFirst = { apart, anywhere: () => at, look: async () => shows.shift() ?? nothing };
      const reading = await readFingerprints(
        { ...steps, groups: async () => starts, keyframesFirst },
        { path: "/x" },
        { thrifty: true },
      );
      return { reading, asked, leftOut: asked[0].leftOut };
    }

    test("is read where that shows nothing known: no more than two seconds of a group are left out, and one of eight is read whole", async () => {
      const { reading, asked, leftOut } = await scanned({});
      expect(asked).toHaveLength(1);
      expect(asked[0]).toMatchObject(asScanned);
      expect(leftOut).toEqual([1, 2, 3, 4, 5, 6, 7].map((group) => ({ fromMs: 6_000 * (group + 1) - 2_000, lastsMs: 2_000 })));
      expect(reading).toMatchObject({ unread: "before keyframes", durationMs: 60_000 });
      expect(reading.framesRead).toBeLessThan(200);
    });

    test("which group is read whole chance says", async () => {
      const wholeAt = async (at: number) => {
        const { leftOut } = await scanned({ at });
        const ends = new Set(leftOut!.map(({ fromMs, lastsMs }) => fromMs + lastsMs));
        return every(6_000, 60_000)
          .slice(1)
          .filter((startMs) => !ends.has(startMs));
      };
      expect(await wholeAt(0)).toEqual([6_000, 54_000]);
      expect(await wholeAt(0.5)).toEqual([30_000]);
      expect(await wholeAt(0.999)).toEqual([48_000]);
    });

    test("of fewer than eight one is", async () => {
      const { leftOut } = await scanned({ starts: [0, 20_000, 40_000], at: 0.9 });
      expect(leftOut).toEqual([{ fromMs: 18_000, lastsMs: 2_000 }]);
    });

    test("ends are no shorter than what lies between two pictures of a scan", async () => {
      expect((await scanned({ starts: [0, 6_000, 6_790, 8_000] })).leftOut).toEqual([{ fromMs: 7_290, lastsMs: 710 }]);
      expect((await scanned({ starts: [0, 6_000, 6_800, 8_000] })).leftOut).toHaveLength(2);
    });

    test("half a second of each is read", async () => {
      const { leftOut } = await scanned({ starts: [0, 6_000, 7_000, 7_700, 12_000] });
      expect(leftOut).toEqual([
        { fromMs: 6_500, lastsMs: 500 },
        { fromMs: 10_000, lastsMs: 2_000 },
      ]);
    });

    test.each<[string, Given]>([
      ["it shows something known", { shows: [{ isClear: false, momentsMs: [0] }] }],
      [
        "what is around a moment that may does",
        {
          shows: [
            { isClear: true, momentsMs: [9_000] },
            { isClear: false, momentsMs: [0] },
          ],
        },
      ],
      ["there are gaps in what is read of a group", { hidden: (atMs) => atMs > 20_000 && atMs < 21_750 }],
      ["a group that is read whole has one", { at: 0.5, hidden: (atMs) => atMs > 28_000 && atMs < 30_000 }],
      ["only keyframes show to a thrifty reading", { hidden: (atMs) => atMs % 6_000 > 0 }],
      ["it ends where the second half should begin", { hidden: (atMs) => atMs > 30_000 }],
      ["where groups begin is not known", { starts: [] }],
      ["there is one group", { starts: [0] }],
    ])("all is read where %s", async (_, given) => {
      const { reading, asked } = await scanned(given);
      expect(reading).not.toHaveProperty("unread");
      expect(asked.at(-1)).toEqual({ ...asScanned, thrifty: !given.hidden });
    });

    test("what is around a moment that may show something known is read besides", async () => {
      const { reading, asked } = await scanned({ shows: [{ isClear: true, momentsMs: [9_000] }] });
      expect(asked.slice(1)).toEqual([{ ...asScanned, stretch: { fromMs: 3_000, lastsMs: 12_000 } }]);
      expect(reading.unread).toBe("before keyframes");
    });

    test("is not read of what lasts less than 20 s, nor where far keyframes count", async () => {
      const short = await scanned({}, probe({ durationMs: 19_000, keyframeGapMs: 3_900 }));
      expect(short.asked).toEqual([asScanned]);
      expect((await scanned({ apart: "far" })).asked[0].mode).toBe("keyframes");
    });

    test("all is read where pictures refer to what was left out", async () => {
      const { steps, asked } = stepsFor(minute, (sampling) => {
        if (sampling.leftOut) throw new UnscannableError("pictures refer to others that were left out");
        return every(250, 60_000);
      });
      const keyframesFirst = { apart: "close", anywhere: () => 0, look: async () => nothing } as const;
      const groups = async () => every(6_000, 60_000);
      const reading = await readFingerprints({ ...steps, groups, keyframesFirst }, { path: "/x" }, { thrifty: true });
      expect(reading.framesRead).toBe(240);
      expect(asked.at(-1)).toEqual(asScanned);
    });
  });

  describe("read again more densely", () => {
    const says = (worth: boolean) => async () => worth;
    const of = (sampling: Sampling, durationMs: number) => every(1_000 / sampling.framesPerSecond, durationMs);
    const denser = { mode: "every", framesPerSecond: 12, thrifty: true };

    test("is what that is worth it for, with the patches of all pictures that move; what both took is counted", async () => {
      const { steps, asked } = stepsFor(probe(), (sampling) => of(sampling, 10_000));
      const reading = await readFingerprints({ ...steps, isWorthDenser: says(true) }, { path: "/x" }, { thrifty: true });
      expect(asked).toEqual([{ mode: "every", framesPerSecond: 4, thrifty: true }, denser]);
      expect(reading).toMatchObject({ framesRead: 120, before: { framesRead: 40 } });
      expect(reading.patchSets.length).toBeGreaterThan(100);
      expect(reading.before!.patchSets.length).toBeLessThan(40);
      expect(reading.timingsMs.hash).toBeGreaterThan(reading.before!.timingsMs.hash);
    });

    test("is not what it is not worth it for, nor stills, references, what lasts an hour whatever it claims, and keyframes that show nothing known", async () => {
      const look = async () => ({ isClear: true, momentsMs: [] });
      const keyframesFirst = { apart: "far", look, anywhere: () => 0 } as const;
      const read = async (
        given: Probe,
        worth: boolean,
        more: { thrifty?: boolean; keyframes?: boolean; lastsMs?: number } = {},
      ) => {
        const { steps, asked } = stepsFor(given, ({ stretch }) =>
          stretch ? every(250, stretch.lastsMs) : every(5_000, more.lastsMs ?? (given.durationMs || 5_000)),
        );
        const hooks = { isWorthDenser: says(worth), ...(more.keyframes && { keyframesFirst }) };
        const reading = await readFingerprints({ ...steps, ...hooks }, { path: "/x" }, { thrifty: more.thrifty ?? true });
        expect(reading).not.toHaveProperty("before");
        return asked.filter(({ framesPerSecond }) => framesPerSecond === denser.framesPerSecond);
      };
      const hour = probe({ durationMs: 3_600_000 });
      expect(await read(probe(), false)).toEqual([]);
      expect(await read(probe({ kind: "image", durationMs: 0 }), true)).toEqual([]);
      expect(await read(probe(), true, { thrifty: false })).toEqual([]);
      expect(await read(hour, true)).toEqual([]);
      expect(await read(probe(), true, { lastsMs: 3_610_000 })).toEqual([]);
      expect(await read(probe({ durationMs: 60_000 }), true, { keyframes: true })).toEqual([]);
    });

    test("the first reading stands where a second one fails on the file, and nothing else is hushed up", async () => {
      const failing = (error: Error) => {
        const { steps } = stepsFor(probe(), (sampling) => {
          if (sampling.framesPerSecond === denser.framesPerSecond) throw error;
          return of(sampling, 10_000);
        });
        return readFingerprints({ ...steps, isWorthDenser: says(true) }, { path: "/x" }, { thrifty: true });
      };
      expect(await failing(new UnscannableError("reading it takes too long"))).toMatchObject({ framesRead: 40 });
      await expect(failing(new Error("no memory"))).rejects.toThrow("no memory");
    });
  });

  test("a scan also hashes what is shown inside a rectangle, a reference does not", async () => {
    const inner = (x: number, y: number, atMs: number) =>
      165 + 40 * Math.sin(x / 5 + atMs / 700) + 35 * Math.cos(y / 4 + x / 30 - atMs / 900);
    const outer = (x: number, y: number) => 80 + 30 * Math.sin(x / 31 + 1) + 25 * Math.cos(y / 17);
    const shown = (width: number, height: number, valueAt: (x: number, y: number, atMs: number) => number) => ({
      ...stepsFor(probe(), () => []).steps,
      async *frames() {
        for (const atMs of every(250, 5_000)) {
          const at = (i: number) => Math.round(valueAt(i % width, Math.floor(i / width), atMs));
          yield { atMs, width, height, luma: Uint8Array.from({ length: width * height }, (_, i) => at(i)) };
        }
      },
    });
    const framed = shown(256, 144, (x, y, atMs) =>
      x >= 60 && x < 188 && y >= 40 && y < 112 ? inner(x - 60, y - 40, atMs) : outer(x, y),
    );
    const hashesOf = ({ fingerprints }: Awaited<ReturnType<typeof readFingerprints>>, variant: string) =>
      fingerprints.filter((f) => f.variant === variant).map((f) => Buffer.from(f.pdq).toString("hex"));
    const alone = await readFingerprints(shown(128, 72, inner), { path: "/x" }, { thrifty: true });
    const scan = await readFingerprints(framed, { path: "/x" }, { thrifty: true });
    expect(hashesOf(scan, "inside box")).toEqual(hashesOf(alone, "full"));
    expect(hashesOf(scan, "inside box").length).toBeGreaterThan(1);
    const reference = await readFingerprints(framed, { path: "/x" }, { thrifty: false });
    expect(hashesOf(reference, "inside box")).toEqual([]);
  });

  test("the file is gone whether reading succeeds or fails", async () => {
    const fine = stepsFor(probe(), () => every(500, 10_000));
    await readFingerprints(fine.steps, { path: "/x" }, { thrifty: true });
    const broken = stepsFor(probe(), () => {
      throw new Error("decoder");
    });
    await expect(readFingerprints(broken.steps, { path: "/x" }, { thrifty: true })).rejects.toThrow("decoder");
    expect([fine.disposed, broken.disposed]).toEqual([["/x"], ["/x"]]);
  });

  test("flat pictures are counted as unusable and give no fingerprints", async () => {
    const { steps } = stepsFor(probe(), () => []);
    const flat = {
      ...steps,
      async *frames() {
        for (const atMs of every(500, 10_000)) yield { atMs, width: 64, height: 64, luma: new Uint8Array(64 * 64).fill(40) };
      },
    };
    const reading = await readFingerprints(flat, { path: "/x" }, { thrifty: true });
    expect(reading).toMatchObject({ framesRead: 20, framesUnusable: 20, fingerprints: [] });
  });
});
