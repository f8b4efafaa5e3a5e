import { describe, expect, test } from "vitest";
import { UnscannableError } from "../../src/errors.js";
import { parseFfmpegInput } from "../../src/media/parse-ffmpeg-input.js";

const HEAD = ["Input #0, matroska,webm, from 'file:/in':", "  Metadata:", "    ENCODER         : Lavf"];
const DURATION = "  Duration: 00:00:04.31, start: 0.000000, bitrate: 387 kb/s";
const VIDEO =
  "  Stream #0:0(eng): Video: h264 (Main), yuv420p(tv, progressive), 640x480 [SAR 1:1 DAR 4:3], 30 fps, 30 tbr, 1k tbn (default)";
const SOUND = "  Stream #0:1: Audio: aac (LC), 44100 Hz, stereo, fltp (default)";
const whole = (...streams: string[]) => [...HEAD, DURATION, ...streams, "Stream mapping:", "  Stream #0:0 -> #0:0 (copy)"];

test("format, duration, sound and the shown video", () => {
  expect(parseFfmpegInput(whole(VIDEO, SOUND))).toEqual({
    ...{ format: "matroska", durationMs: 4310, hasAudio: true },
    video: { stream: 0, isFirst: true, codec: "h264", width: 640, height: 480, framesPerSecond: 30 },
  });
  expect(parseFfmpegInput(["file:/in: Invalid data found when processing input"])).toBeUndefined();
});

test("ffmpeg 5 describes what it writes before it says how streams are mapped", () => {
  const output = ["Output #0, null, to 'pipe:':", DURATION.replace("4.31", "9.99"), VIDEO, SOUND];
  const said = [...HEAD, DURATION, VIDEO, SOUND, ...output, "Stream mapping:", "  Stream #0:0 -> #0:0 (copy)"];
  expect(parseFfmpegInput(said)).toEqual(parseFfmpegInput(whole(VIDEO, SOUND)));
});

test("rates of thousands are written with a k", () => {
  expect(parseFfmpegInput(whole(VIDEO.replace("30 fps", "1000k fps")))?.video?.framesPerSecond).toBe(1_000_000);
});

test("a Matroska that begins late lasts no longer for it", () => {
  const late = "  Duration: 25:00:03.00, start: 90000.000000, bitrate: 1 kb/s";
  expect(parseFfmpegInput([...HEAD, late, VIDEO])?.durationMs).toBe(3000);
});

test("of several videos the one that is to be shown, and never cover art", () => {
  const cover = "  Stream #0:0: Video: mjpeg, yuvj420p, 451x300, 25 fps, 25 tbr, 1k tbn (default) (attached pic)";
  const decoy = "  Stream #0:1: Video: h264, yuv420p, 320x240, 25 fps, 25 tbr, 1k tbn";
  const shown = "  Stream #0:2: Video: h264, yuv420p, 640x360, 25 fps, 25 tbr, 1k tbn (default)";
  expect(parseFfmpegInput(whole(cover, decoy, shown))?.video).toMatchObject({ stream: 2, isFirst: false, width: 640 });
  expect(parseFfmpegInput(whole(cover, decoy))?.video).toMatchObject({ stream: 1, isFirst: true, width: 320 });
});

test("of a moving AVIF the pictures, and not the still before them", () => {
  const still = "  Stream #0:0[0x1]: Video: av1 (Main), yuv420p, 320x240, 1 fps, 1 tbr, 1 tbn (default)";
  const moving = "  Stream #0:1[0x1](und): Video: av1 (Main), yuv420p, 320x240, 8 fps, 8 tbr, 16384 tbn";
  expect(parseFfmpegInput(whole(still, moving), true)?.video).toMatchObject({ stream: 1, isFirst: false });
});

test("only ffmpeg's own line about a turned picture turns it", () => {
  const turned = ["      Side data:", "        displaymatrix: rotation of -90.00 degrees"];
  const tag = "      displaymatrix: rotation of -90.00 degrees: x";
  expect(parseFfmpegInput(whole(VIDEO, ...turned))?.video).toMatchObject({ width: 480, height: 640 });
  expect(parseFfmpegInput(whole(VIDEO, tag))?.video).toMatchObject({ width: 640, height: 480 });
});

describe("texts of the file that pretend to be ffmpeg's lines give it away", () => {
  const other = "  Stream #0:0: Video: mjpeg, gray, 16x9000, 25 fps";
  test.each([
    ["a language of several lines", whole("  Stream #0:0(und):", other, VIDEO)],
    ["a language of one line", whole("  Stream #0:0(x): Video: mjpeg, gray, 16x9000, 25 fps (y): Video: h264, 640x480")],
    ["a tag before the streams", [...HEAD, other, DURATION, VIDEO]],
    ["a second duration", [...HEAD, "  Duration: 00:00:00.01, start: 0.0,", DURATION, VIDEO]],
    ["a second input", ["Input #0, mov, from 'x':", other, ...whole(VIDEO)]],
    ["an end that is none", [...HEAD, other, "Stream mapping:", ...whole(VIDEO)]],
  ])("%s", (_, lines) => {
    expect(() => parseFfmpegInput(lines)).toThrow(UnscannableError);
  });

  test("a stream of two programmes is named twice and is no forgery", () => {
    expect(parseFfmpegInput(whole(VIDEO, VIDEO))?.video).toMatchObject({ width: 640 });
  });
});
