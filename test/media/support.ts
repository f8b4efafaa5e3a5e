import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadConfig } from "../../src/config.js";
import { findDecoder } from "../../src/media/find-decoder.js";
import type { Frame, MediaFile } from "../../src/model.js";
import { temporaryDir } from "../support/temporary-dir.js";

/** The strongest sandbox that works here, as in production. */
export const decoder = await findDecoder(loadConfig({}));
export const LIMITS = { maxPixels: 50_000_000, maxDurationMs: 3_600_000, timeoutMs: 30_000 };
export const dir = temporaryDir().path;

export const video = (name: string) => fileURLToPath(new URL(`../../fixtures/videos/${name}`, import.meta.url));
export const image = (name: string) => fileURLToPath(new URL(`../../fixtures/images/${name}`, import.meta.url));

export const mediaFile = (path: string): MediaFile => ({ path, sha256: "", bytes: 0, dispose: async () => {} });

/** Makes an altered file in the test's folder: arguments as for ffmpeg, the last being the new file's name. */
export function make(...args: string[]): string {
  const path = join(dir, args.at(-1)!);
  execFileSync(decoder.path, ["-v", "error", "-nostdin", "-y", ...args.slice(0, -1), path], {
    timeout: 30_000,
    killSignal: "SIGKILL",
  });
  return path;
}

export async function collect(frames: AsyncIterable<Frame>): Promise<Frame[]> {
  const all: Frame[] = [];
  for await (const frame of frames) all.push(frame);
  return all;
}

export const mean = (luma: Uint8Array) => luma.reduce((sum, value) => sum + value, 0) / luma.length;

export const meanDifference = (a: Uint8Array, b: Uint8Array) => mean(a.map((value, i) => Math.abs(value - b[i])));

/** Process ids of ffmpegs, with those of their sandboxes, that were started on this file. */
export function ffmpegsReading(path: string): string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(path);
    } catch {
      return false;
    }
  });
}
