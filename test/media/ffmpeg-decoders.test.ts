import { expect, test } from "vitest";
import { UnscannableError } from "../../src/errors.js";
import { DECODER_LIST, refuseOtherCodecs } from "../../src/media/ffmpeg-decoders.js";
import { readFrames } from "../../src/media/frames.js";
import { probeMedia } from "../../src/media/probe.js";
import { collect, decoder, LIMITS, make, mediaFile, video } from "./support.js";

const never = new AbortController().signal;
const SAMPLING = { mode: "every", framesPerSecond: 1 } as const;

const source = ["-i", video("friday.mp4"), "-t", "1", "-vf", "scale=176:144", "-an"];

async function read(path: string) {
  const probe = await probeMedia(mediaFile(path), decoder, LIMITS, never);
  const frames = await collect(readFrames(mediaFile(path), probe, decoder, { ...LIMITS, sampling: SAMPLING }, never));
  return { codec: probe.codec, frames };
}

test.each([
  ["h264", ["-c:v", "libx264"], "mp4"],
  ["hevc", ["-c:v", "libx265"], "mp4"],
  ["vp8", ["-c:v", "libvpx"], "webm"],
  ["vp9", ["-c:v", "libvpx-vp9"], "webm"],
  ["av1", ["-c:v", "libaom-av1", "-cpu-used", "8"], "mp4"],
  ["theora", ["-c:v", "libtheora"], "ogv"],
  ["mpeg1video", ["-c:v", "mpeg1video"], "mpg"],
  ["mpeg2video", ["-c:v", "mpeg2video"], "ts"],
  ["mpeg4", ["-c:v", "mpeg4"], "avi"],
  ["msmpeg4v3", ["-c:v", "msmpeg4"], "avi"],
  ["flv1", ["-c:v", "flv"], "flv"],
  ["wmv2", ["-c:v", "wmv2"], "asf"],
  ["h263", ["-c:v", "h263"], "3gp"],
  ["mjpeg", ["-c:v", "mjpeg"], "mov"],
  ["prores", ["-c:v", "prores"], "mov"],
  ["qtrle", ["-c:v", "qtrle"], "mov"],
  ["svq1", ["-c:v", "svq1"], "mov"],
  ["ffv1", ["-c:v", "ffv1"], "mkv"],
  ["huffyuv", ["-c:v", "huffyuv"], "avi"],
  ["utvideo", ["-c:v", "utvideo"], "avi"],
  ["rv20", ["-c:v", "rv20"], "rm"],
])("%s is decoded", async (codec, encoded, extension) => {
  const { frames, ...said } = await read(make(...source, ...encoded, `of-${codec}.${extension}`));
  expect(said.codec).toBe(codec);
  expect(frames.length).toBeGreaterThan(0);
});

test.each([
  ["cinepak", ["-c:v", "cinepak", "-r", "2"], "avi"],
  ["zmbv", ["-c:v", "zmbv"], "avi"],
  ["flashsv", ["-c:v", "flashsv"], "flv"],
])("%s is not, which the file is told", async (codec, encoded, extension) => {
  const path = make(...source, ...encoded, `of-${codec}.${extension}`);
  await expect(read(path)).rejects.toThrow(
    `the pictures are in the format ${codec}, which is not among those that are decoded here`,
  );
});

test("no decoder of sound or subtitles is allowed", () => {
  for (const name of ["aac", "mp3", "ac3", "opus", "vorbis", "flac", "ass", "srt", "dvdsub"]) {
    expect(DECODER_LIST.split(",")).not.toContain(name);
    expect(() => refuseOtherCodecs(name)).toThrow(UnscannableError);
  }
  expect(() => refuseOtherCodecs("constructor")).toThrow(UnscannableError);
});
