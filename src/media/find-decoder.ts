import { resolve } from "node:path";
import { UsageError } from "../errors.js";
import { type Ffmpeg, findFfmpeg } from "./find-ffmpeg.js";
import { chooseSandbox, pathOf } from "./sandbox/choice.js";
import { librariesOf } from "./sandbox/libraries.js";
import type { Sandbox, SandboxKind } from "./sandbox/sandbox.js";

/** What media is decoded with, and within what. */
export interface Decoder extends Ffmpeg {
  /** Absolute. */
  path: string;
  /** What ffmpeg is loaded with. */
  libraries: string[];
  sandbox: Sandbox;
  /** Memory that a program decoding one file may fill. */
  maxMemoryBytes: number;
}

export interface DecoderConfig {
  ffmpegPath?: string;
  mediaSandbox: SandboxKind | "auto";
  mediaMaxMemoryBytes: number;
}

/**
 * glibc and threads reserve addresses that they do not fill: 0.7 GiB at most of ffmpeg 7 with a thread for each of two cores. Filled are,
 * decoding 7680x4320 on one thread, 0.3 GiB for H.264 and 0.8 GiB for HEVC with 10 bits.
 */
export const FFMPEG_RESERVED_BYTES = 2 * 1024 ** 3;
const TRIAL_SECONDS = 20;

const found = new Map<string, Promise<Decoder>>();

/**
 * ffmpeg and the sandbox for it and for the image decoder. Looked for, and tried out, once per process.
 *
 * @throws UsageError if `FFMPEG_PATH` or the sandbox that `MEDIA_SANDBOX` names does not work, or if there is no ffmpeg at all.
 */
export function findDecoder(config: DecoderConfig): Promise<Decoder> {
  const key = JSON.stringify([config.ffmpegPath, config.mediaSandbox, config.mediaMaxMemoryBytes]);
  const known = found.get(key);
  if (known) return known;
  const search = look(config);
  found.set(key, search);
  search.catch(() => found.delete(key));
  return search;
}

async function look(config: DecoderConfig): Promise<Decoder> {
  const ffmpeg = await findFfmpeg(config);
  const path = pathOf(ffmpeg.path);
  if (path === undefined) throw new UsageError(`${ffmpeg.path} is not in a folder of PATH: set FFMPEG_PATH to where it is`);
  const absolute = resolve(path);
  const libraries = await librariesOf([absolute]);
  const sandbox = await chooseSandbox(config.mediaSandbox, {
    program: absolute,
    args: ["-version"],
    readable: libraries,
    limits: { memoryBytes: config.mediaMaxMemoryBytes, reservedBytes: FFMPEG_RESERVED_BYTES, cpuSeconds: TRIAL_SECONDS },
  });
  return { ...ffmpeg, path: absolute, libraries, sandbox, maxMemoryBytes: config.mediaMaxMemoryBytes };
}
