import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { expect, test } from "vitest";
import { UnscannableError } from "../../src/errors.js";
import { type ReadOptions, readFrames } from "../../src/media/frames.js";
import { probeMedia } from "../../src/media/probe.js";
import { collect, decoder, dir, ffmpegsReading, image, LIMITS, make, mean, meanDifference, mediaFile, video } from "./support.js";

const never = new AbortController().signal;
const ONE_A_SECOND: ReadOptions = { sampling: { mode: "every", framesPerSecond: 1 }, timeoutMs: 30_000, maxPixels: 50_000_000 };

async function open(path: string, options: Partial<ReadOptions> = {}, signal = never) {
  const probe = await probeMedia(mediaFile(path), decoder, LIMITS, never);
  return readFrames(mediaFile(path), probe, decoder, { ...ONE_A_SECOND, ...options }, signal);
}
const read = async (path: string, options: Partial<ReadOptions> = {}) => collect(await open(path, options));
const times = (frames: { atMs: number }[]) => frames.map((frame) => frame.atMs);

test("one frame a second, the first at the start, shape kept and longest side 256", async () => {
  const frames = await read(video("doorknob-hd-no-bar.mp4"));
  expect(times(frames)).toEqual([0, 1000, 2000, 3000]);
  expect(frames[0]).toMatchObject({ width: 256, height: 144 });
  expect(frames.every((frame) => frame.luma.length === 256 * 144)).toBe(true);
});

test("two frames a second, and no more than maxFrames", async () => {
  const sampling = { mode: "every", framesPerSecond: 2 } as const;
  expect(times(await read(video("doorknob-hd-no-bar.mp4"), { sampling }))).toEqual([0, 500, 1000, 1500, 2000, 2500, 3000, 3500]);
  expect(await read(video("doorknob-hd-no-bar.mp4"), { sampling, maxFrames: 3 })).toHaveLength(3);
});

test("keyframes only", async () => {
  const path = make("-i", video("friday.mp4"), "-c:v", "libx264", "-g", "60", "-sc_threshold", "0", "gop.mp4");
  expect(times(await read(path, { sampling: { mode: "keyframes" } }))).toEqual([0, 2000, 4000, 6000]);
  const seldom = { mode: "keyframes", framesPerSecond: 1 / 3 } as const;
  expect(times(await read(path, { sampling: seldom }))).toEqual([0, 4000, 6000]);
});

test("every frame of a video is the frame that its time names", async () => {
  const brighter = "geq=lum='16+40*floor(T)':cb=128:cr=128";
  const path = make("-f", "lavfi", "-i", "color=s=320x240:d=5:r=25", "-vf", brighter, "-c:v", "libx264", "steps.mp4");
  const frames = await read(path);
  expect(times(frames)).toEqual([0, 1000, 2000, 3000, 4000]);
  frames.forEach((frame, second) => {
    expect(Math.abs(mean(frame.luma) - (40 * second * 255) / 219)).toBeLessThan(3);
  });
});

test("a stretch has the frames that the video has there, wherever the file starts, and times count from the first of them", async () => {
  const brighter = "geq=lum='16+20*floor(T)':cb=128:cr=128";
  const path = make(
    "-f",
    "lavfi",
    "-i",
    "color=s=320x240:d=10:r=25",
    "-vf",
    brighter,
    "-c:v",
    "libx264",
    "-g",
    "50",
    "ten-steps.mp4",
  );
  const late = make("-i", path, "-c", "copy", "-output_ts_offset", "7", "ten-steps-late.mkv");
  const sampling = { mode: "every", framesPerSecond: 4, thrifty: true, stretch: { fromMs: 3_000, lastsMs: 4_000 } } as const;
  for (const file of [path, late]) {
    const frames = await read(file, { sampling });
    expect(frames).toHaveLength(16);
    expect(frames[0].atMs).toBe(0);
    // The first may come a few pictures later, so what lies at a change of brightness is left out.
    const inside = frames.filter(({ atMs }) => atMs % 1_000 > 200 && atMs % 1_000 < 700);
    expect(inside).toHaveLength(8);
    for (const { atMs, luma } of inside)
      expect(Math.abs(mean(luma) - (20 * Math.floor(3 + atMs / 1_000) * 255) / 219)).toBeLessThan(3);
  }
});

test("time is counted from the first picture, wherever the file starts", async () => {
  const late = make("-i", video("friday.mp4"), "-an", "-c:v", "copy", "-output_ts_offset", "7", "late.mkv");
  const soundFirst = make(
    "-itsoffset",
    "3",
    "-i",
    video("friday.mp4"),
    "-i",
    video("friday.mp4"),
    "-map",
    "0:v",
    "-map",
    "1:a",
    "-c",
    "copy",
    "sound-first.mkv",
  );
  expect(times(await read(late))).toEqual([0, 1000, 2000, 3000, 4000, 5000, 6000]);
  expect(times(await read(soundFirst)).slice(0, 3)).toEqual([0, 1000, 2000]);
});

test("a video of one picture yields it", async () => {
  const path = make("-i", video("friday.mp4"), "-frames:v", "1", "-an", "-c:v", "libx264", "one.mp4");
  expect(times(await read(path))).toEqual([0]);
});

test("a tiny picture gets sides of at least 16, and a small one is not enlarged", async () => {
  const tiny = make("-f", "lavfi", "-i", "testsrc=s=64x2:d=1", "-c:v", "ffv1", "tiny.mkv");
  expect((await read(tiny))[0]).toMatchObject({ width: 64, height: 16 });
});

test("rotation metadata is applied to the frames", async () => {
  const path = make("-display_rotation", "90", "-i", video("friday.mp4"), "-c", "copy", "turned-frames.mp4");
  const [frame] = await read(path);
  const [upright] = await read(video("friday.mp4"));
  expect(frame).toMatchObject({ width: 192, height: 256 });
  const { width, height } = upright;
  const turnedBack = upright.luma.map((_, i) => frame.luma[(width - 1 - (i % width)) * height + Math.floor(i / width)]);
  expect(meanDifference(turnedBack, upright.luma)).toBeLessThan(2);
});

test("a change of size in mid-stream changes nothing for the reader", async () => {
  const part = (name: string, size: string) =>
    make("-i", video("friday.mp4"), "-t", "2", "-an", "-vf", `scale=${size}`, "-c:v", "libx264", "-f", "mpegts", name);
  const path = join(dir, "two-sizes.ts");
  writeFileSync(path, Buffer.concat([readFileSync(part("a.ts", "640:480")), readFileSync(part("b.ts", "320:240"))]));
  const frames = await read(path);
  expect(frames.length).toBeGreaterThanOrEqual(4);
  expect(frames.every((frame) => frame.width === 256 && frame.height === 192)).toBe(true);
  expect(meanDifference(frames[0].luma, frames.find((f) => f.atMs >= 2000)!.luma)).toBeLessThan(12);
});

test("what can be decoded of a broken video is yielded, with a warning", async () => {
  const path = join(dir, "half.mkv");
  const whole = make("-i", video("friday.mp4"), "-c", "copy", "whole.mkv");
  const bytes = readFileSync(whole);
  writeFileSync(path, bytes.subarray(0, bytes.length / 2));
  const warnings: string[] = [];
  expect((await read(path, { onWarning: (text) => warnings.push(text) })).length).toBeGreaterThanOrEqual(2);
  expect(warnings).toEqual([expect.stringContaining("only in part")]);
});

test("a video of which nothing can be decoded is unscannable, with ffmpeg's words as detail", async () => {
  const bytes = readFileSync(video("stream-of-water.mp4"));
  const from = bytes.indexOf("mdat") + 4;
  const to = bytes.indexOf("moov") > from ? bytes.indexOf("moov") - 4 : bytes.length;
  const path = join(dir, "hollow.mp4");
  writeFileSync(path, Buffer.concat([bytes.subarray(0, from), Buffer.alloc(to - from, 0xff), bytes.subarray(to)]));
  const error = await read(path).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(UnscannableError);
  expect((error as UnscannableError).reason).toBe("not one picture could be decoded");
  expect((error as UnscannableError).detail).not.toBe("");
});

test("leaving the loop early leaves no ffmpeg behind", async () => {
  const path = join(dir, "left.mp4");
  copyFileSync(video("doorknob-hd-no-bar.mp4"), path);
  for await (const _ of await open(path, { sampling: { mode: "every", framesPerSecond: 30 } })) {
    expect(ffmpegsReading(path)).not.toEqual([]);
    break;
  }
  expect(ffmpegsReading(path)).toEqual([]);
});

test("an abort in mid-way throws its reason and leaves no ffmpeg behind", async () => {
  const path = join(dir, "aborted.mp4");
  copyFileSync(video("doorknob-hd-no-bar.mp4"), path);
  const abort = new AbortController();
  const reading = (async () => {
    for await (const _ of await open(path, { sampling: { mode: "every", framesPerSecond: 30 } }, abort.signal)) {
      abort.abort(new Error("enough"));
    }
  })();
  await expect(reading).rejects.toThrow("enough");
  expect(ffmpegsReading(path)).toEqual([]);
});

test("a reading that takes too long is unscannable and leaves no ffmpeg behind", async () => {
  const path = make("-f", "lavfi", "-i", "testsrc=s=1280x720:d=20", "-c:v", "libx264", "-preset", "ultrafast", "slow.mp4");
  await expect(read(path, { timeoutMs: 100 })).rejects.toThrow(/took longer/);
  expect(ffmpegsReading(path)).toEqual([]);
});

test("an image and a video of the same picture have nearly the same luma", async () => {
  for (const name of ["teapot.jpg", "urban-bear.jpg", "chelsea.png"]) {
    const path = make(
      "-loop",
      "1",
      "-i",
      image(name),
      "-t",
      "1",
      "-vf",
      "scale=trunc(iw/2)*2:trunc(ih/2)*2",
      "-c:v",
      "libx264",
      "-qp",
      "0",
      "still.mp4",
    );
    const [still] = await read(image(name));
    const [moving] = await read(path);
    expect(moving).toMatchObject({ width: still.width, height: still.height });
    expect(meanDifference(still.luma, moving.luma)).toBeLessThan(3);
  }
});

test("EXIF orientation is applied", async () => {
  const path = join(dir, "exif-frame.jpg");
  await sharp(image("teapot.jpg")).withMetadata({ orientation: 6 }).toFile(path);
  expect((await read(path))[0]).toMatchObject({ atMs: 0, width: 238, height: 256 });
});

test("transparent parts become mid-grey, in images and animations alike", async () => {
  const clear = { create: { width: 64, height: 64, channels: 4, background: { r: 255, g: 0, b: 0, alpha: 0 } } } as const;
  const png = join(dir, "clear.png");
  await sharp(clear).png().toFile(png);
  const gif = make(
    "-loop",
    "1",
    "-t",
    "1",
    "-i",
    png,
    "-r",
    "5",
    "-vf",
    "split[a][b];[a]palettegen[p];[b][p]paletteuse",
    "clear.gif",
  );
  for (const path of [png, gif]) expect(Math.abs(mean((await read(path))[0].luma) - 128)).toBeLessThan(2);
});

test("a CMYK and a 16-bit image are read", async () => {
  const cmyk = join(dir, "cmyk.jpg");
  const deep = join(dir, "deep.png");
  await sharp(image("teapot.jpg")).toColourspace("cmyk").toFile(cmyk);
  await sharp(image("teapot.jpg")).toColourspace("rgb16").png().toFile(deep);
  const [plain] = await read(image("teapot.jpg"));
  expect(meanDifference((await read(cmyk))[0].luma, plain.luma)).toBeLessThan(12);
  expect(meanDifference((await read(deep))[0].luma, plain.luma)).toBeLessThan(3);
});

test("a damaged image is unscannable", async () => {
  const path = join(dir, "cut.png");
  writeFileSync(path, readFileSync(image("chelsea.png")).subarray(0, 100_000));
  await expect(read(path)).rejects.toThrow("the image is damaged");
});

test("animated GIF and WebP give the frames of the video they were made from", async () => {
  const source = ["-i", video("rabbit320.webm"), "-t", "3", "-r", "10"];
  const lossless = make(...source, "-an", "-c:v", "libx264", "-qp", "0", "-bf", "0", "source.mp4");
  const original = await read(lossless);
  for (const path of [make(...source, "rabbit.gif"), make(...source, "-c:v", "libwebp_anim", "rabbit.webp")]) {
    const frames = await read(path);
    expect(times(frames)).toEqual([0, 1000, 2000]);
    expect(times(await read(path, { sampling: { mode: "keyframes" } }))).toEqual([0, 1000, 2000]);
    frames.forEach((frame, i) => {
      expect(meanDifference(frame.luma, original[i].luma)).toBeLessThan(8);
    });
  }
});

test("a bitmap yields one frame", async () => {
  expect(times(await read(make("-i", image("teapot.jpg"), "frame.bmp")))).toEqual([0]);
});

test("a bare stream without times is timed by its frame rate", async () => {
  const bare = make(
    "-i",
    video("rabbit320.webm"),
    "-t",
    "3",
    "-r",
    "25",
    "-an",
    "-c:v",
    "libx264",
    "-bf",
    "0",
    "-f",
    "h264",
    "bare.h264",
  );
  expect(times(await read(bare))).toEqual([0, 1000, 2000]);
});
