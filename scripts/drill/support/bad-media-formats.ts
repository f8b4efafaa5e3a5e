import { join } from "node:path";
import sharp, { type Sharp } from "sharp";
import { fromClip, fromPhoto, H264, type Kitchen, PHOTO } from "./bad-media-kitchen.js";

type Make = (kitchen: Kitchen) => Promise<string>;

/** A still made of the photo by sharp. */
export const still =
  (name: string, change: (image: Sharp) => Sharp): Make =>
  (kitchen) =>
    kitchen.once(name, async () => {
      const path = join(kitchen.folder, name);
      return kitchen.write(name, await change(sharp(PHOTO)).toBuffer()).then(() => path);
    });

/** A sound and healthy file of every format: whole, all of them are recognised. */
export const FORMATS: Record<string, Make> = {
  mp4: fromClip("whole.mp4", "-c", "copy"),
  "mp4, index first": fromClip("whole-faststart.mp4", "-c", "copy", "-movflags", "+faststart"),
  "mp4, fragmented": fromClip("whole-fragmented.mp4", ...H264, "-g", "12", "-movflags", "+frag_keyframe+empty_moov"),
  mov: fromClip("whole.mov", "-c:v", "mpeg4", "-q:v", "3", "-movflags", "+faststart"),
  mkv: fromClip("whole.mkv", "-c", "copy"),
  webm: fromClip("whole.webm", "-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "600k"),
  avi: fromClip("whole.avi", "-c:v", "mpeg4", "-q:v", "3"),
  flv: fromClip("whole.flv", "-c:v", "flv", "-q:v", "3"),
  "mpeg-ts": fromClip("whole.ts", "-c", "copy"),
  "mpeg-ps": fromClip("whole.mpg", "-c:v", "mpeg2video", "-q:v", "3"),
  ogv: fromClip("whole.ogv", "-c:v", "libtheora", "-q:v", "9"),
  wmv: fromClip("whole.wmv", "-c:v", "wmv2", "-q:v", "3"),
  gif: fromClip("whole.gif", "-r", "8"),
  apng: fromClip("whole.png", "-r", "5", "-plays", "0", "-f", "apng"),
  "webp, moving": fromClip("whole.webp", "-r", "8", "-c:v", "libwebp_anim", "-q:v", "80", "-loop", "0"),
  "avif, moving": fromClip("whole-moving.avif", "-r", "8", "-c:v", "libsvtav1", "-preset", "10", "-crf", "25", "-f", "avif"),
  jpeg: still("still.jpg", (image) => image.jpeg({ quality: 90 })),
  "jpeg, progressive": still("progressive.jpg", (image) => image.jpeg({ quality: 90, progressive: true })),
  png: still("still.png", (image) => image.png()),
  webp: still("still.webp", (image) => image.webp({ quality: 90 })),
  tiff: still("still.tiff", (image) => image.tiff({ compression: "lzw" })),
  avif: still("still.avif", (image) => image.avif({ quality: 70, effort: 2 })),
  "gif, still": still("still.gif", (image) => image.gif()),
  bmp: fromPhoto("still.bmp"),
  jxl: fromPhoto("still.jxl", "-c:v", "libjxl", "-distance", "1"),
  jp2: fromPhoto("still.jp2", "-c:v", "jpeg2000"),
};

export const FORMAT_NAMES = Object.keys(FORMATS);
