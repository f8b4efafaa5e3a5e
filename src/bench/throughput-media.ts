import { join } from "node:path";
import { runPlainFfmpeg } from "./run-ffmpeg.js";
import { CLIPS, fixture } from "./scan-media.js";

/** A file of the stream. */
export interface StreamFile {
  path: string;
  kind: "image" | "video";
  /** 0 for stills. */
  seconds: number;
}

const IMAGES = ["butterfly.jpg", "chelsea.png", "teapot.jpg", "dinosaur.jpg", "urban-bear.jpg", "wild-bear.jpg"].map((name) =>
  fixture("images", name),
);

/** What is registered before the stream is scanned: copies of these are re-uploads, all others are new to the program. */
export const KNOWN = [CLIPS[0], CLIPS[2], ...IMAGES.slice(0, 3)];

/** Of each still two copies, as boards and messengers make them. */
const STILL_COPIES = ["scale=1280:-2", "hflip,crop=iw*0.9:ih*0.9,scale=640:-2"];

/** Of each clip one copy at each of these, looped or cut to so many seconds. */
const VIDEO_COPIES = [
  { seconds: 6, filter: "scale=640:360:force_original_aspect_ratio=increase,crop=640:360,fps=30" },
  { seconds: 15, filter: "hflip,scale=1280:720:force_original_aspect_ratio=increase,crop=1280:720,fps=30" },
];

/** Makes the stream's files, the first `most` of 22: 12 stills and 10 H.264 videos, mixed the same way every time. */
export async function makeStream(ffmpegPath: string, folder: string, most: number, signal: AbortSignal): Promise<StreamFile[]> {
  const stills = IMAGES.flatMap((image) => STILL_COPIES.map((filter) => stillOf(image, filter)));
  const videos = CLIPS.flatMap((clip) => VIDEO_COPIES.map((copy) => videoOf(clip, copy)));
  const all = [...stills, ...videos];
  // 7 has no factor in common with 22, so this visits every file once, stills and videos in turn.
  const mixed = all.map((_, i) => all[(7 * i) % all.length]).slice(0, most);
  const files: StreamFile[] = [];
  for (const [i, { args, extension, kind, seconds }] of mixed.entries()) {
    const path = join(folder, `${i}.${extension}`);
    await runPlainFfmpeg(ffmpegPath, [...args, path], signal);
    files.push({ path, kind, seconds });
  }
  return files;
}

type Recipe = Omit<StreamFile, "path"> & { args: string[]; extension: string };

const stillOf = (image: string, filter: string): Recipe => ({
  args: ["-i", image, "-vf", filter, "-q:v", "4", "-frames:v", "1"],
  extension: "jpg",
  kind: "image",
  seconds: 0,
});

const videoOf = (clip: string, { seconds, filter }: (typeof VIDEO_COPIES)[number]): Recipe => ({
  args: [
    ...["-stream_loop", "-1", "-i", clip, "-t", String(seconds), "-an", "-vf", `${filter},setsar=1`],
    ...["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p"],
  ],
  extension: "mp4",
  kind: "video",
  seconds,
});
