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

/**
 * How a minute is encoded by whom: libx264's defaults (a keyframe every 250 pictures and at cuts); a telephone (no bidirectional pictures, a keyframe a second);
 * a messenger (no bidirectional pictures, keyframes as by default).
 */
const ENCODERS: Record<string, string[]> = {
  "minute-720p.mp4": [],
  "minute-720p-telephone.mp4": ["-bf", "0", "-preset", "fast", "-g", "30"],
  "minute-720p-messenger.mp4": ["-profile:v", "baseline", "-g", "250"],
};

/** Minutes of H.264, 1280x720, 30 pictures a second, of one content. */
export async function makeMinutes(ffmpegPath: string, folder: string, signal: AbortSignal): Promise<string[]> {
  const names = Object.keys(ENCODERS);
  const paths = names.map((name) => join(folder, name));
  const shape = concatenated("scale=1280:720,setsar=1,fps=30,format=yuv420p", names.length);
  const outputs = names.flatMap((name, i) => [
    "-map",
    `[v${i}]`,
    "-t",
    String(MINUTE_S),
    "-c:v",
    "libx264",
    ...ENCODERS[name],
    paths[i],
  ]);
  await runPlainFfmpeg(ffmpegPath, [...shape, ...outputs], signal);
  return paths;
}

/** `hours` of 320x240 at 10 frames a second: the same minute over and over, encoded once. */
export async function makeLong(ffmpegPath: string, folder: string, hours: number, signal: AbortSignal): Promise<string> {
  const minute = join(folder, "minute-240p.mp4");
  const path = join(folder, "long-240p.mp4");
  const shape = "scale=320:240,setsar=1,fps=10,format=yuv420p";
  const h264 = ["-c:v", "libx264", "-preset", "veryfast"];
  await runPlainFfmpeg(ffmpegPath, [...concatenated(shape, 1), "-map", "[v0]", "-t", String(MINUTE_S), ...h264, minute], signal);
  const more = Math.max(0, Math.ceil(hours * 60) - 1);
  const length = String(hours * 60 * MINUTE_S);
  await runPlainFfmpeg(ffmpegPath, ["-stream_loop", String(more), "-i", minute, "-c", "copy", "-t", length, path], signal);
  return path;
}

/** Inputs and filter for all clips in turn, brought to one shape, without sound, as streams v0, v1 and so on. */
function concatenated(shape: string, copies: number): string[] {
  const inputs = Array.from({ length: ROUNDS }, () => CLIPS).flat();
  const shaped = inputs.map((_, i) => `[${i}:v]${shape}[clip${i}]`).join(";");
  const joined = `${inputs.map((_, i) => `[clip${i}]`).join("")}concat=n=${inputs.length}:v=1`;
  const streams = Array.from({ length: copies }, (_, i) => `[v${i}]`).join("");
  return [...inputs.flatMap((path) => ["-i", path]), "-filter_complex", `${shaped};${joined},split=${copies}${streams}`];
}
