import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { expect, test } from "vitest";
import { UnscannableError } from "../../src/errors.js";
import { probeMedia } from "../../src/media/probe.js";
import { decoder, dir, image, LIMITS, make, mediaFile, video } from "./support.js";

const never = new AbortController().signal;
const probe = (path: string, limits = LIMITS) => probeMedia(mediaFile(path), decoder, limits, never);

function write(name: string, content: string | Buffer): string {
  const path = join(dir, name);
  writeFileSync(path, content);
  return path;
}

test("a video's size, duration and codec", async () => {
  expect(await probe(video("doorknob-hd-no-bar.mp4"))).toEqual({
    ...{ kind: "video", format: "mov", codec: "h264", width: 1280, height: 720, durationMs: 4310, framesPerSecond: 30 },
    keyframeGapMs: 2000,
  });
  expect(await probe(video("flower.webm"))).toMatchObject({ kind: "video", format: "matroska", codec: "vp8", width: 960 });
});

test("how far apart keyframes are at its start, and from the last of them to the end of what was looked at", async () => {
  const made = (name: string, ...how: string[]) =>
    make("-f", "lavfi", "-i", "testsrc2=size=128x72:rate=25:duration=8", ...how, "-pix_fmt", "yuv420p", name);
  const sound = ["-f", "lavfi", "-i", "sine=duration=8", "-map", "1:a", "-map", "0:v"];
  const gapOf = async (path: string) => (await probe(path)).keyframeGapMs;
  expect(await gapOf(made("every-second.mp4", "-g", "25"))).toBe(1000);
  expect(await gapOf(made("sound-first.mkv", ...sound, "-g", "25"))).toBe(1000);
  expect(await gapOf(made("seldom.mp4", "-g", "250"))).toBeGreaterThan(3_800);
  expect(await gapOf(made("at-cuts.mp4", "-g", "250", "-force_key_frames", "0.4,1"))).toBeGreaterThan(2_800);
  expect(await gapOf(made("bidirectional.avi", "-c:v", "mpeg4", "-bf", "2", "-g", "25"))).toBe(1000);
  const h265 = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "keyint=50:scenecut=0:log-level=none"];
  expect(await gapOf(made("pictures-that-may-be-dropped.mp4", ...h265))).toBeGreaterThan(1_900);
  expect(await gapOf(made("all-whole.avi", "-c:v", "mpeg4", "-g", "1"))).toBe(40);
});

test("rotation metadata turns width and height", async () => {
  const path = make("-display_rotation", "90", "-i", video("friday.mp4"), "-c", "copy", "turned.mp4");
  expect(await probe(path)).toMatchObject({ width: 480, height: 640 });
});

test("pixels that are not square widen the picture", async () => {
  const path = make("-i", video("rabbit320.webm"), "-t", "1", "-vf", "setsar=2/1", "-c:v", "libx264", "wide.mp4");
  expect(await probe(path)).toMatchObject({ width: 640, height: 240 });
});

test.each(["png", "webp", "tiff", "avif"] as const)("a still %s is an image", async (format) => {
  const path = join(dir, `still.${format}`);
  await sharp(image("teapot.jpg")).toFormat(format).toFile(path);
  expect(await probe(path)).toMatchObject({ kind: "image", width: 400, height: 372, durationMs: 0 });
});

test("a bitmap is an image although only ffmpeg reads it", async () => {
  expect(await probe(make("-i", image("teapot.jpg"), "a.bmp"))).toMatchObject({ kind: "image", width: 400, durationMs: 0 });
});

test("EXIF orientation turns width and height", async () => {
  const path = join(dir, "exif.jpg");
  await sharp(image("teapot.jpg")).withMetadata({ orientation: 6 }).toFile(path);
  expect(await probe(path)).toMatchObject({ kind: "image", width: 372, height: 400 });
});

test("an animated GIF, WebP or PNG is a video, and a GIF of one picture an image", async () => {
  const gif = make("-i", video("rabbit320.webm"), "-t", "2", "-r", "10", "a.gif");
  const webp = make("-i", video("rabbit320.webm"), "-t", "2", "-r", "10", "-c:v", "libwebp_anim", "a.webp");
  const apng = make("-i", video("rabbit320.webm"), "-t", "1", "-r", "5", "-f", "apng", "a.png");
  expect(await probe(gif)).toMatchObject({ kind: "video", format: "gif", durationMs: 2000, width: 320 });
  expect(await probe(webp)).toMatchObject({ kind: "video", format: "webp", durationMs: 2000, width: 320 });
  expect(await probe(apng)).toMatchObject({ kind: "video", format: "apng", width: 320 });
  expect(await probe(make("-i", image("teapot.jpg"), "still.gif"))).toMatchObject({ kind: "image", format: "gif" });
});

test("a file is judged by its content and not by its name", async () => {
  const path = join(dir, "-tricky:%03d name.jpg");
  copyFileSync(video("friday.mp4"), path);
  expect(await probe(path)).toMatchObject({ kind: "video", codec: "h264" });
});

test("a video that does not know its duration has duration 0", async () => {
  const bytes = readFileSync(video("friday.mp4"));
  const path = make("-i", write("copy.mp4", bytes), "-an", "-c", "copy", "-bsf:v", "h264_mp4toannexb", "-f", "h264", "raw.h264");
  expect(await probe(path)).toMatchObject({ kind: "video", durationMs: 0, width: 640 });
});

test("cover art is not a video", async () => {
  const path = make(
    "-i",
    video("friday.mp4"),
    "-i",
    image("teapot.jpg"),
    "-map",
    "0:a",
    "-map",
    "1:v",
    "-c:a",
    "copy",
    "-c:v",
    "mjpeg",
    "-disposition:v",
    "attached_pic",
    "cover.m4a",
  );
  await expect(probe(path)).rejects.toThrow("sound but no picture");
});

test.each([
  ["an empty file", () => write("empty.mp4", ""), "the file is empty"],
  ["noise", () => write("noise.mp4", Buffer.alloc(5000, 7)), "not a known image or video"],
  ["a PDF", () => write("a.jpg", "%PDF-1.4\n%abc\n"), "of type pdf"],
  ["an SVG", () => write("a.svg", '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>'), "SVG drawing"],
  ["sound", () => make("-i", video("friday.mp4"), "-vn", "-c:a", "copy", "sound.mp4"), "sound but no picture"],
  ["a damaged image", () => write("cut.png", readFileSync(image("chelsea.png")).subarray(0, 20)), "damaged"],
  ["a video cut before its index", () => write("cut.mp4", readFileSync(video("friday.mp4")).subarray(0, 40)), "damaged"],
])("%s is unscannable, with a sentence", async (_, path, sentence) => {
  const error = await probe(path()).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(UnscannableError);
  expect((error as UnscannableError).reason).toContain(sentence);
});

test.each([
  ["hls", (to: string) => `#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n${to}\n#EXT-X-ENDLIST\n`],
  ["hls after a blank line", (to: string) => `\n\n#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n${to}\n#EXT-X-ENDLIST\n`],
  ["concat", (to: string) => `ffconcat version 1.0\nfile '${to}'\n`],
  ["dash", (to: string) => `<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>${to}</BaseURL></MPD>`],
])("a playlist (%s) that points at a local file is not followed", async (_, text) => {
  const path = write("playlist.mp4", text(video("friday.mp4")));
  await expect(probe(path)).rejects.toThrow(UnscannableError);
});

test("limits on pixels and duration", async () => {
  await expect(probe(image("teapot.jpg"), { ...LIMITS, maxPixels: 1000 })).rejects.toThrow("400 × 372 pixels");
  await expect(probe(video("friday.mp4"), { ...LIMITS, maxPixels: 1000 })).rejects.toThrow(UnscannableError);
  await expect(probe(video("friday.mp4"), { ...LIMITS, maxDurationMs: 3000 })).rejects.toThrow("lasts 0.1 minutes");
});
