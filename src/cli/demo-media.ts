import { execFile } from "node:child_process";
import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The checkout's or the package's fixtures: two folders above this file, in `src` and in `dist`. */
const FIXTURES = fileURLToPath(new URL("../../fixtures", import.meta.url));

export const KNOWN_VIDEO = join(FIXTURES, "videos", "friday.mp4");
export const KNOWN_IMAGE = join(FIXTURES, "images", "butterfly.jpg");

export interface DemoUpload {
  what: string;
  path: string;
  /** The case that must recognise it, or the verdict it must get. */
  expected: "C-17" | "C-18" | "clear" | "unscannable";
  platform: string;
  uploader: string;
}

const H264 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"];

const LOGO =
  "drawbox=x=iw*0.82:y=ih*0.05:w=iw*0.14:h=ih*0.08:color=orange@0.9:t=fill,drawbox=x=iw*0.84:y=ih*0.07:w=iw*0.1:h=ih*0.04:color=white:t=fill";

/** What is done to the known video, and how. */
const ALTERED: [what: string, file: string, args: string[]][] = [
  ["re-encoded at low quality", "reencoded.mp4", [...H264, "-crf", "40"]],
  ["resized to 240p", "resized.mp4", ["-vf", "scale=320:240", ...H264]],
  ["letterboxed", "letterboxed.mp4", ["-vf", "pad=iw:ih*1.33:0:(oh-ih)/2", ...H264]],
  ["mirrored", "mirrored.mp4", ["-vf", "hflip", ...H264]],
  ["with a logo", "logo.mp4", ["-vf", LOGO, ...H264]],
  ["trimmed at both ends", "trimmed.mp4", ["-ss", "1", "-t", "3.5", ...H264]],
  ["faster and in grey", "faster.mp4", ["-vf", "setpts=PTS/1.25,hue=s=0", ...H264]],
  ["as an animated GIF", "animated.gif", ["-vf", "fps=8,scale=240:-2"]],
];

/** An upload of the known video from before it was reported. */
export async function earlierUpload(ffmpegPath: string, folder: string): Promise<DemoUpload> {
  const path = join(folder, "earlier.mp4");
  await ffmpeg(ffmpegPath, KNOWN_VIDEO, ["-vf", "scale=480:-2", ...H264, "-crf", "33"], path);
  return { what: "uploaded before it was reported", path, expected: "C-17", platform: "videosite", uploader: "profile-1" };
}

/** Altered copies of the known material, innocent media, and a file that cannot be read, made in `folder`. */
export async function demoUploads(ffmpegPath: string, folder: string): Promise<DemoUpload[]> {
  const uploads: DemoUpload[] = [];
  for (const [what, file, args] of ALTERED) {
    await ffmpeg(ffmpegPath, KNOWN_VIDEO, args, join(folder, file));
    uploads.push({
      what,
      path: join(folder, file),
      expected: "C-17",
      platform: "videosite",
      uploader: `profile-${1 + (uploads.length % 3)}`,
    });
  }
  await bury(ffmpegPath, join(folder, "buried.mp4"));
  uploads.push({
    what: "buried in a longer video",
    path: join(folder, "buried.mp4"),
    expected: "C-17",
    platform: "videosite",
    uploader: "profile-4",
  });
  await ffmpeg(ffmpegPath, KNOWN_IMAGE, ["-vf", "hflip,scale=400:-2", "-q:v", "6"], join(folder, "picture.jpg"));
  uploads.push({
    what: "known picture, mirrored",
    path: join(folder, "picture.jpg"),
    expected: "C-18",
    platform: "imageboard",
    uploader: "profile-5",
  });
  return [...uploads, ...(await others(folder))];
}

async function others(folder: string): Promise<DemoUpload[]> {
  const innocent = [
    "videos/flower.webm",
    "videos/rabbit320.webm",
    "videos/doorknob-hd-no-bar.mp4",
    "videos/stream-of-water.mp4",
    "images/teapot.jpg",
    "images/wild-bear.jpg",
  ];
  const uploads: DemoUpload[] = [];
  for (const file of innocent) {
    const path = join(folder, file.replace("/", "-"));
    await copyFile(join(FIXTURES, file), path);
    uploads.push({
      what: `innocent: ${file.slice(file.indexOf("/") + 1)}`,
      path,
      expected: "clear",
      platform: "videosite",
      uploader: "somebody",
    });
  }
  const broken = join(folder, "broken.mp4");
  await writeFile(broken, "this is not a video");
  uploads.push({
    what: "a file that cannot be read",
    path: broken,
    expected: "unscannable",
    platform: "videosite",
    uploader: "profile-4",
  });
  return uploads;
}

/** Seconds 1 to 5 of the known video between two innocent ones. */
async function bury(ffmpegPath: string, path: string): Promise<void> {
  const [before, after] = ["rabbit320.webm", "flower.webm"].map((name) => join(FIXTURES, "videos", name));
  const shape = "scale=640:480,setsar=1,fps=30,format=yuv420p";
  const filter = `[0:v]${shape}[a];[1:v]trim=1:5,setpts=PTS-STARTPTS,${shape}[b];[2:v]${shape}[c];[a][b][c]concat=n=3:v=1[v]`;
  await run(ffmpegPath, [
    "-nostdin",
    "-v",
    "error",
    "-y",
    "-i",
    before,
    "-i",
    KNOWN_VIDEO,
    "-i",
    after,
    "-filter_complex",
    filter,
    "-map",
    "[v]",
    ...H264,
    path,
  ]);
}

async function ffmpeg(ffmpegPath: string, input: string, args: string[], output: string): Promise<void> {
  await run(ffmpegPath, ["-nostdin", "-v", "error", "-y", "-i", input, "-an", ...args, output]);
}
