import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readFrames } from "../../src/media/frames.js";
import { listGroups } from "../../src/media/groups.js";
import { probeMedia } from "../../src/media/probe.js";
import type { Frame, Stretch } from "../../src/model.js";
import { collect, decoder, dir, LIMITS, make, mediaFile, video } from "./support.js";

const { signal } = new AbortController();

/** Ten seconds that move, with a picture stored whole every two. */
const made = (name: string, ...how: string[]): string =>
  make(...["-stream_loop", "1", "-i", video("friday.mp4"), "-t", "10", "-an", "-vf", "fps=25,scale=320:240"], ...how, name);
const h264 = ["-c:v", "libx264", "-preset", "veryfast", "-g", "50", "-sc_threshold", "0"];

async function groupsOf(path: string, with_ = decoder): Promise<number[]> {
  const starts = await listGroups(path, await probeMedia(mediaFile(path), decoder, LIMITS, signal), with_, 30_000, signal);
  return starts.map(Math.round);
}

async function read(path: string, leftOut: Stretch[]): Promise<Frame[]> {
  const probe = await probeMedia(mediaFile(path), decoder, LIMITS, signal);
  const sampling = { mode: "every", framesPerSecond: 25, leftOut } as const;
  return collect(readFrames(mediaFile(path), probe, decoder, { ...LIMITS, sampling }, signal));
}

test("groups begin with pictures stored whole, wherever the file starts and whatever else is in it", async () => {
  const plain = made("plain.mp4", ...h264);
  const every2s = [0, 2_000, 4_000, 6_000, 8_000];
  expect(await groupsOf(plain)).toEqual(every2s);
  expect(await groupsOf(make("-i", plain, "-c", "copy", "-output_ts_offset", "7", "late.mkv"))).toEqual(every2s);
  expect(await groupsOf(make("-i", plain, "-c", "copy", "plain.ts"))).toEqual(every2s);
  const sound = ["-f", "lavfi", "-i", "sine=duration=10", "-map", "1:a", "-map", "0:v"];
  expect(await groupsOf(make("-i", plain, ...sound, "-c:v", "copy", "sound-first.mp4"))).toEqual(every2s);
  expect(
    await groupsOf(
      made(
        "h265.mp4",
        "-c:v",
        "libx265",
        "-preset",
        "ultrafast",
        "-x265-params",
        "keyint=50:scenecut=0:open-gop=0:log-level=none",
      ),
    ),
  ).toEqual(every2s);
});

test("none are told of a codec that does not say when what is left out is missed, nor where ffmpeg cannot leave anything out", async () => {
  expect(await groupsOf(video("flower.webm"))).toEqual([]);
  expect(await groupsOf(made("mpeg4.mp4", "-c:v", "mpeg4"))).toEqual([]);
  expect(await groupsOf(made("plain-2.mp4", ...h264), { ...decoder, version: "6.1.1" })).toEqual([]);
});

const ENDS = [
  { fromMs: 500, lastsMs: 1_500 },
  { fromMs: 4_500, lastsMs: 1_500 },
];

test.each([
  ["bidirectional pictures", []],
  ["none", ["-bf", "0"]],
  ["many", ["-bf", "8", "-b-pyramid", "normal"]],
  ["some that refer to the group before", ["-bf", "3", "-x264-params", "open-gop=1:keyint=50:min-keyint=50"]],
])("of a file with %s what is left out is not read, and all else is as if all were", async (name, how) => {
  const path = made(`${name}.mp4`, ...h264, ...how);
  for (const file of [path, make("-i", path, "-c", "copy", "-output_ts_offset", "3", `${name}.mkv`)]) {
    const all = await read(file, []);
    const some = await read(file, ENDS);
    const times = new Set(some.map(({ atMs }) => atMs));
    // By the order of decoding, in which a picture may come some places from where it is shown.
    const inside = (aroundMs: number) => (f: Frame) =>
      ENDS.some(({ fromMs, lastsMs }) => f.atMs > fromMs + aroundMs && f.atMs < fromMs + lastsMs - aroundMs);
    expect(all.filter(inside(400)).length).toBeGreaterThan(30);
    expect(some.filter(inside(400))).toEqual([]);
    expect(all.filter((f) => !inside(-400)(f) && !times.has(f.atMs))).toEqual([]);
    const byTime = new Map(all.map((f) => [f.atMs, f]));
    for (const frame of some) expect(Buffer.compare(frame.luma, byTime.get(frame.atMs)!.luma)).toBe(0);
  }
});

test("two thousand parts can be left out", async () => {
  const path = made("parts.mp4", ...h264);
  const parts = Array.from({ length: 2_000 }, (_, i) => ({ fromMs: 500 + i * 50_000, lastsMs: 1_500 }));
  const frames = await read(path, parts);
  expect(frames.length).toBeGreaterThan(200);
  expect(frames.filter(({ atMs }) => atMs > 900 && atMs < 1_960)).toEqual([]);
});

test("who aborts while groups are looked for is told so", async () => {
  const path = made("aborted.mp4", ...h264);
  const probe = await probeMedia(mediaFile(path), decoder, LIMITS, signal);
  const aborted = AbortSignal.abort(new Error("shutting down"));
  await expect(listGroups(path, probe, decoder, 30_000, aborted)).rejects.toThrow("shutting down");
  await expect(listGroups(path, probe, decoder, 1, signal)).rejects.toThrow("took longer");
});

/** The file, with these pictures marked as ones stored whole, which they are not. */
function marked(path: string, samples: number[], name: string): string {
  const bytes = readFileSync(path);
  const at = bytes.indexOf("stss") + 8;
  expect(bytes.readUInt32BE(at)).toBe(samples.length);
  for (const [i, sample] of samples.entries()) bytes.writeUInt32BE(sample, at + 4 + 4 * i);
  const to = join(dir, name);
  writeFileSync(to, bytes);
  return to;
}

test("what the file calls a picture stored whole, and is not, begins no group", async () => {
  const path = marked(made("honest.mp4", ...h264, "-bf", "0"), [1, 30, 80, 130, 180], "lies.mp4");
  expect(await groupsOf(path)).toEqual([0, 2_000, 4_000, 6_000, 8_000]);
});

test("what is called so in the stream itself, and is not, is found to refer to what was left out", async () => {
  const path = made("refreshed.mp4", ...h264, "-bf", "0", "-intra-refresh", "1");
  const starts = await groupsOf(path);
  expect(starts.length).toBeGreaterThan(2);
  const leftOut = starts.slice(1).map((startMs) => ({ fromMs: startMs - 700, lastsMs: 700 }));
  await expect(read(path, leftOut)).rejects.toThrow("pictures refer to others that were left out");
  expect((await read(path, [])).length).toBe(250);
});
