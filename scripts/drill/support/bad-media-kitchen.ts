import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { runPlainFfmpeg } from "../../../src/bench/run-ffmpeg.js";
import { fixture } from "../../../src/bench/scan-media.js";

/** Where inputs are made. Each file is made once, whoever asks for it. */
export interface Kitchen {
  folder: string;
  /** An address on this machine that counts its visitors: whoever follows a list of files comes here. */
  trapUrl: string;
  seed: number;
  /** Makes a file with ffmpeg: its arguments, without the output's path. */
  ffmpeg(name: string, ...args: string[]): Promise<string>;
  write(name: string, bytes: Uint8Array | string): Promise<string>;
  /** The path that `make` returned the first time it was called under this name. */
  once(name: string, make: () => Promise<string>): Promise<string>;
}

/** @param options `folder` must exist. */
export function openKitchen(
  ffmpegPath: string,
  options: { folder: string; trapUrl: string; seed: number },
  signal: AbortSignal,
): Kitchen {
  const made = new Map<string, Promise<string>>();
  const once = (name: string, make: () => Promise<string>) => {
    const known = made.get(name) ?? make();
    made.set(name, known);
    return known;
  };
  const pathOf = async (name: string) => {
    const path = join(options.folder, name);
    await mkdir(dirname(path), { recursive: true });
    return path;
  };
  return {
    ...options,
    once,
    ffmpeg: (name, ...args) =>
      once(name, async () => {
        const path = await pathOf(name);
        await runPlainFfmpeg(ffmpegPath, ["-threads", "1", ...args, "-threads", "1", path], signal);
        return path;
      }),
    write: async (name, bytes) => {
      const path = await pathOf(name);
      await writeFile(path, bytes);
      await chmod(path, 0o644);
      return path;
    },
  };
}

/** The video that all videos are made of, and that is registered: 3 s of 320x240 with 25 pictures a second. */
export const clip = ({ ffmpeg }: Kitchen): Promise<string> =>
  ffmpeg(
    "clean/clip.mp4",
    "-i",
    fixture("videos", "friday.mp4"),
    "-t",
    "3",
    "-an",
    "-vf",
    "scale=320:240,fps=25",
    ...H264,
    "-crf",
    "14",
  );

/** The picture that all stills are made of, and that is registered: 451x300. */
export const PHOTO = fixture("images", "chelsea.png");

export const H264 = ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p"];

/** The clip, made again by ffmpeg. */
export const fromClip =
  (name: string, ...args: string[]) =>
  async (kitchen: Kitchen): Promise<string> =>
    kitchen.ffmpeg(name, "-i", await clip(kitchen), ...args);

export const fromPhoto =
  (name: string, ...args: string[]) =>
  (kitchen: Kitchen): Promise<string> =>
    kitchen.ffmpeg(name, "-i", PHOTO, ...args);

/** Another file's bytes, changed. */
export const altered =
  (name: string, of: (kitchen: Kitchen) => Promise<string>, change: (bytes: Buffer) => Uint8Array) =>
  async (kitchen: Kitchen): Promise<string> =>
    kitchen.write(name, change(await readFile(await of(kitchen))));

/** A file with these bytes. */
export const holding =
  (name: string, bytes: () => Uint8Array | string) =>
  (kitchen: Kitchen): Promise<string> =>
    kitchen.write(name, bytes());
