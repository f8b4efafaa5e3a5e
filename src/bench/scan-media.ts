import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runPlainFfmpeg } from "./run-ffmpeg.js";

/** A file that comes with the program. */
export const fixture = (folder: "images" | "videos", name: string): string =>
  fileURLToPath(new URL(`../../fixtures/${folder}/${name}`, import.meta.url));

export const CLIPS = ["friday.mp4", "flower.webm", "doorknob-hd-no-bar.mp4", "rabbit320.webm", "stream-of-water.mp4"].map(
  (name) => fixture("videos", name),
);

/** The clips one after the other last 26 s. */
const ROUNDS = 3;
const MINUTE_S = 60;

/** A minute of H.264, 1280x720, 30 frames a second, at libx264's defaults (a keyframe every 250 frames and at cuts). */
export async function makeMinute(ffmpegPath: string, folder: string, signal: AbortSignal): Promise<string> {
  const path = join(folder, "minute-720p.mp4");
  const shape = "scale=1280:720,setsar=1,fps=30,format=yuv420p";
  await runPlainFfmpeg(ffmpegPath, [...concatenated(shape), "-t", String(MINUTE_S), "-c:v", "libx264", path], signal);
  return path;
}

/** `hours` of 320x240 at 10 frames a second: the same minute over and over, encoded once. */
export async function makeLong(ffmpegPath: string, folder: string, hours: number, signal: AbortSignal): Promise<string> {
  const minute = join(folder, "minute-240p.mp4");
  const path = join(folder, "long-240p.mp4");
  const shape = "scale=320:240,setsar=1,fps=10,format=yuv420p";
  const h264 = ["-c:v", "libx264", "-preset", "veryfast"];
  await runPlainFfmpeg(ffmpegPath, [...concatenated(shape), "-t", String(MINUTE_S), ...h264, minute], signal);
  const more = Math.max(0, Math.ceil(hours * 60) - 1);
  const length = String(hours * 60 * MINUTE_S);
  await runPlainFfmpeg(ffmpegPath, ["-stream_loop", String(more), "-i", minute, "-c", "copy", "-t", length, path], signal);
  return path;
}

/** Inputs and filter for all clips in turn, brought to one shape, without sound. */
function concatenated(shape: string): string[] {
  const inputs = Array.from({ length: ROUNDS }, () => CLIPS).flat();
  const shaped = inputs.map((_, i) => `[${i}:v]${shape}[v${i}]`).join(";");
  const joined = `${inputs.map((_, i) => `[v${i}]`).join("")}concat=n=${inputs.length}:v=1[v]`;
  return [...inputs.flatMap((path) => ["-i", path]), "-filter_complex", `${shaped};${joined}`, "-map", "[v]"];
}
