import sharp from "sharp";
import { UnscannableError } from "../errors.js";
import type { Frame } from "../model.js";
import type { Sampling } from "./frames.js";
import { pageDelaysMs } from "./probe.js";
import { damagedImage, openImage, shrink } from "./still-image.js";

/** Pages decoded at a time. libwebp can only play from the start, so that fewer reads are less work; this bounds memory. */
const CHUNK_PIXELS = 16_000_000;

interface Animation {
  path: string;
  pages: number;
  width: number;
  height: number;
  delaysMs: number[];
}

/**
 * Frames of an animated WebP, which no ffmpeg build decodes. Holds a few pages at a time. An animation that is damaged
 * further on yields the pages before the damage.
 */
export async function* readAnimatedWebp(
  path: string,
  sampling: Sampling,
  limits: { maxPixels: number; timeoutMs: number; onWarning?: (text: string) => void },
  signal: AbortSignal,
): AsyncGenerator<Frame> {
  const deadline = Date.now() + limits.timeoutMs;
  const animation = await openAnimation(path, limits.maxPixels);
  const wanted = samplePages(animation.delaysMs, sampling);
  const perChunk = Math.max(1, Math.floor(CHUNK_PIXELS / (animation.width * animation.height)));
  let yielded = 0;
  for (let at = 0; at < wanted.length; ) {
    signal.throwIfAborted();
    const leftMs = deadline - Date.now();
    if (leftMs <= 0) throw new UnscannableError("the animation took too long to decode");
    const first = wanted[at].page;
    const chunk = wanted.slice(at).filter(({ page }) => page < first + perChunk);
    try {
      const pixels = await readPages(animation, first, chunk.at(-1)!.page - first + 1, leftMs);
      for (const { page, atMs } of chunk) {
        signal.throwIfAborted();
        yield await shrinkPage(animation, pixels, page - first, atMs, leftMs);
        yielded++;
      }
    } catch (error) {
      if (yielded === 0 || signal.aborted) throw signal.aborted ? signal.reason : damagedImage(error);
      limits.onWarning?.(`the animation is damaged after page ${first}: ${String(error)}`);
      return;
    }
    at += chunk.length;
  }
}

async function openAnimation(path: string, maxPixels: number): Promise<Animation> {
  try {
    const metadata = await openImage(path, { limitInputPixels: maxPixels }).metadata();
    const { width, height, pages = 1 } = metadata;
    return { path, pages, width, height, delaysMs: pageDelaysMs(metadata) };
  } catch (error) {
    throw damagedImage(error);
  }
}

/** The pages shown at the sampling's points in time; in keyframes mode one per second, as an animation has none. */
export function samplePages(delaysMs: number[], sampling: Sampling): { page: number; atMs: number }[] {
  const intervalMs = 1000 / (sampling.mode === "every" ? sampling.framesPerSecond : 1);
  const samples: { page: number; atMs: number }[] = [];
  let startsMs = 0;
  delaysMs.forEach((delay, page) => {
    const last = samples.at(-1);
    if (!last || startsMs - last.atMs >= intervalMs - 1) samples.push({ page, atMs: startsMs });
    startsMs += delay;
  });
  return samples;
}

interface Pixels {
  data: Buffer;
  channels: 1 | 2 | 3 | 4;
}

/** `count` pages, one above the other. */
async function readPages(animation: Animation, page: number, count: number, timeoutMs: number): Promise<Pixels> {
  const { data, info } = await openImage(animation.path, { page, pages: count, limitInputPixels: false })
    .toColourspace("srgb")
    .timeout({ seconds: Math.min(3600, Math.ceil(timeoutMs / 1000)) })
    .raw({ depth: "uchar" })
    .toBuffer({ resolveWithObject: true });
  return { data, channels: info.channels as Pixels["channels"] };
}

async function shrinkPage(animation: Animation, pixels: Pixels, index: number, atMs: number, timeoutMs: number): Promise<Frame> {
  const { width, height } = animation;
  const { data, channels } = pixels;
  const pageBytes = width * height * channels;
  const page = data.subarray(index * pageBytes, (index + 1) * pageBytes);
  return await shrink(sharp(page, { raw: { width, height, channels } }), { width, height }, atMs, timeoutMs);
}
