import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { promisify } from "node:util";
import sharp from "sharp";
import { findFfmpeg } from "../../media/find-ffmpeg.js";
import type { MediaKind } from "../../model.js";
import type { Media } from "./types.js";

const run = promisify(execFile);
const IMAGE_EXTENSIONS = new Set([".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"]);
const VIDEO_EXTENSIONS = new Set([
  ".mp4",
  ".mkv",
  ".webm",
  ".avi",
  ".mov",
  ".m4v",
  ".gif",
  ".mpg",
  ".mpeg",
  ".ts",
  ".flv",
  ".wmv",
  ".3gp",
]);

/** The ffmpeg that makes the attacked files: the one the product uses. */
export async function ffmpegPath(): Promise<string> {
  return (await findFfmpeg({ ffmpegPath: process.env.FFMPEG_PATH || undefined })).path;
}

/** No file takes so long; but some that ffmpeg is told to loop keep it busy for ever, and then it does not heed SIGTERM either. */
const LONGEST_MINUTES = 15;

/** Runs ffmpeg quietly on one thread per codec. Throws with its last lines when it fails. */
export async function runFfmpeg(args: string[]): Promise<void> {
  try {
    const limits = { maxBuffer: 1 << 24, timeout: 60_000 * LONGEST_MINUTES, killSignal: "SIGKILL" as const };
    await run(await ffmpegPath(), ["-v", "error", "-nostdin", "-y", ...args], limits);
  } catch (error) {
    if ((error as { killed?: boolean }).killed)
      throw new Error(`ffmpeg did not end within ${LONGEST_MINUTES} minutes: ${args.join(" ")}`);
    const stderr = String((error as { stderr?: string }).stderr ?? error).trim();
    throw new Error(`ffmpeg failed on ${args.join(" ")}: ${stderr.split("\n").slice(-4).join(" | ")}`);
  }
}

/** What the file's extension says it is; undefined for anything that is no picture. */
export function kindOf(path: string): MediaKind | undefined {
  const extension = extname(path).toLowerCase();
  if (IMAGE_EXTENSIONS.has(extension)) return "image";
  return VIDEO_EXTENSIONS.has(extension) ? "video" : undefined;
}

/** Size with square pixels, duration and frame rate. Throws for a file without a picture. */
export async function readMedia(path: string): Promise<Media> {
  const name = basename(path);
  const kind = kindOf(path);
  if (kind === "image") {
    const { width, height } = await sharp(path).metadata();
    return { name, caseId: name, path, kind, width, height, durationMs: 0, framesPerSecond: 0 };
  }
  if (kind === undefined) throw new Error("not an image or video by its name");
  const text = await describe(path);
  const size = /Video:.*?, (\d{2,5})x(\d{2,5})/.exec(text);
  const duration = /Duration: (\d+):(\d+):([\d.]+)/.exec(text);
  if (!size || !duration) throw new Error("ffmpeg finds no video with a duration in it");
  const sar = /SAR (\d+):(\d+)/.exec(text);
  const stretch = sar && Number(sar[2]) > 0 ? Number(sar[1]) / Number(sar[2]) : 1;
  const seconds = Number(duration[1]) * 3600 + Number(duration[2]) * 60 + Number(duration[3]);
  const framesPerSecond = Number(/([\d.]+) fps/.exec(text)?.[1] ?? 25);
  return {
    name,
    caseId: name,
    path,
    kind,
    width: Math.round(Number(size[1]) * stretch),
    height: Number(size[2]),
    durationMs: seconds * 1000,
    framesPerSecond,
  };
}

/**
 * The video, or a copy of it, that can be played over and over. AVI keeps no presentation times: ffmpeg 7.0, told to loop one with H.264 in it, reads on
 * for ever and gives no picture.
 */
export async function loopable(cacheDir: string, path: string): Promise<string> {
  if (extname(path).toLowerCase() !== ".avi") return path;
  const evenly = "scale=trunc(iw/2)*2:trunc(ih/2)*2";
  return cached(cacheDir, ".mp4", ["loopable", 1, path], (to) =>
    runFfmpeg(["-i", path, "-an", "-vf", evenly, "-c:v", "libx264", "-crf", "12", "-pix_fmt", "yuv420p", to]),
  );
}

async function describe(path: string): Promise<string> {
  return run(await ffmpegPath(), ["-hide_banner", "-nostdin", "-i", path]).then(
    () => "",
    (error: { stderr?: string }) => error.stderr ?? "",
  );
}

const underWay = new Map<string, Promise<string>>();

/**
 * The path of a generated file, made at most once per cache folder: `recipe` names everything that decides its content.
 * A file appears under its name only when it is complete.
 */
export function cached(
  cacheDir: string,
  extension: string,
  recipe: unknown,
  make: (path: string) => Promise<void>,
): Promise<string> {
  const key = createHash("sha256").update(JSON.stringify(recipe)).digest("hex").slice(0, 24);
  const path = join(cacheDir, `${key}${extension}`);
  if (existsSync(path)) return Promise.resolve(path);
  const making = underWay.get(path) ?? makeOnce(path, join(cacheDir, `${key}.${process.pid}.part${extension}`), make);
  underWay.set(path, making);
  return making.finally(() => underWay.delete(path));
}

async function makeOnce(path: string, unfinished: string, make: (path: string) => Promise<void>): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  try {
    await make(unfinished);
    if (!existsSync(unfinished)) throw new Error("ffmpeg ended well, but made no picture");
    await rename(unfinished, path);
  } finally {
    await rm(unfinished, { force: true });
  }
  return path;
}
