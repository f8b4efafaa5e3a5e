import { stat } from "node:fs/promises";
import { loadConfig } from "../../config.js";
import { findDecoder } from "../../media/find-decoder.js";
import { readFrames } from "../../media/frames.js";
import { probeMedia } from "../../media/probe.js";
import type { Frame } from "../../model.js";

const HOUR_MS = 3_600_000;

/** The frames of an image or video, at most so many a second, through the same decoder that the product uses. */
export async function sampleFrames(path: string, framesPerSecond: number): Promise<Frame[]> {
  const decoder = await findDecoder(loadConfig());
  const { signal } = new AbortController();
  const file = { path, sha256: "", bytes: (await stat(path)).size, dispose: async () => {} };
  const limits = { maxPixels: 1e9, maxDurationMs: 24 * HOUR_MS, timeoutMs: HOUR_MS };
  const probe = await probeMedia(file, decoder, limits, signal);
  const options = { sampling: { mode: "every" as const, framesPerSecond }, timeoutMs: HOUR_MS, maxPixels: 1e9 };
  const frames: Frame[] = [];
  for await (const frame of readFrames(file, probe, decoder, options, signal)) frames.push(frame);
  return frames;
}
