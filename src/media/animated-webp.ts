import type { Frame } from "../model.js";
import type { Decoder } from "./find-decoder.js";
import type { Sampling } from "./frames.js";
import { frameSize } from "./luma.js";
import { pageDelaysMs } from "./probe.js";
import { isDamage, openImage } from "./still/decoder.js";
import { frameOf } from "./still/image.js";

/** Pages decoded at a time. libwebp can only play from the start, so that fewer reads are less work; this bounds memory. */
const CHUNK_PIXELS = 16_000_000;

/**
 * Frames of an animated WebP, which no ffmpeg build decodes. The decoder holds a few pages at a time. An animation that is damaged
 * further on yields the pages before the damage.
 */
export async function* readAnimatedWebp(
  path: string,
  decoder: Decoder,
  sampling: Sampling,
  limits: { maxPixels: number; timeoutMs: number; onWarning?: (text: string) => void },
  signal: AbortSignal,
): AsyncGenerator<Frame> {
  const image = await openImage(path, decoder, limits, signal);
  try {
    const { width, height } = image.metadata;
    const size = frameSize(width, height);
    const wanted = samplePages(pageDelaysMs(image.metadata), sampling);
    const perChunk = Math.max(1, Math.floor(CHUNK_PIXELS / (width * height)));
    for (let at = 0; at < wanted.length; ) {
      const { page: first } = wanted[at];
      const chunk = wanted.slice(at).filter(({ page }) => page < first + perChunk);
      const range = { first, count: chunk.at(-1)!.page - first + 1, wanted: chunk.map(({ page }) => page) };
      const pictures = await image.pages(range, size).catch((error: unknown) => {
        if (at === 0 || !isDamage(error)) throw error;
        limits.onWarning?.(`the animation is damaged after page ${first}: ${String(error)}`);
      });
      if (!pictures) return;
      for (const [i, picture] of pictures.entries()) yield frameOf(picture, chunk[i].atMs);
      at += chunk.length;
    }
  } finally {
    await image.close();
  }
}

/** The pages shown at the sampling's points in time; in keyframes mode one per second unless more are asked for, as an animation has none. */
export function samplePages(delaysMs: number[], sampling: Sampling): { page: number; atMs: number }[] {
  const intervalMs = 1000 / (sampling.framesPerSecond ?? 1);
  const samples: { page: number; atMs: number }[] = [];
  let startsMs = 0;
  delaysMs.forEach((delay, page) => {
    const last = samples.at(-1);
    if (!last || startsMs - last.atMs >= intervalMs - 1) samples.push({ page, atMs: startsMs });
    startsMs += delay;
  });
  return samples;
}
