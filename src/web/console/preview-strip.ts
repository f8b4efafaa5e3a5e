import type { Config } from "../../config.js";
import { UnscannableError } from "../../errors.js";
import { fetchMedia, fetchOptionsOf } from "../../media/fetch/fetch-media.js";
import { findDecoder } from "../../media/find-decoder.js";
import { readFrames } from "../../media/frames.js";
import { probeMedia } from "../../media/probe.js";
import type { Frame } from "../../model.js";

/** What is shown: this many pictures, each this many pixels across before it is blurred and drawn larger. */
const TILES = 8;
const TILE_PIXELS = 24;
const BLUR = 1.2;
const DRAWN_PIXELS = 96;
/** Key pictures looked at to choose the tiles from: the beginning of a long video must do. */
const MOST_FRAMES = 64;
const MOST_MS = 60_000;

/** Fetches media under the same rules as a scan and makes of it a coarse strip without colour: a PNG. Nothing is kept. */
export async function stripOf(config: Config, url: string): Promise<Buffer> {
  const signal = AbortSignal.timeout(Math.min(MOST_MS, config.fetchTimeoutMs));
  const fetching = { ...(await fetchOptionsOf(config)), timeoutMs: Math.min(MOST_MS, config.fetchTimeoutMs) };
  const file = await fetchMedia({ url }, fetching, signal);
  try {
    const decoder = await findDecoder(config);
    const limits = { maxPixels: config.mediaMaxPixels, maxDurationMs: config.mediaMaxDurationMs, timeoutMs: MOST_MS };
    const probe = await probeMedia(file, decoder, limits, signal);
    const frames: Frame[] = [];
    const options = { ...limits, sampling: { mode: "keyframes" as const }, maxFrames: MOST_FRAMES };
    for await (const frame of readFrames(file, probe, decoder, options, signal)) frames.push(frame);
    if (frames.length === 0) throw new UnscannableError("not one picture could be decoded");
    return drawn(evenly(frames, TILES));
  } finally {
    await file.dispose();
  }
}

/** So many of them, evenly; all when there are fewer. */
export function evenly<T>(items: T[], count: number): T[] {
  if (items.length <= count) return items;
  return Array.from({ length: count }, (_, i) => items[Math.floor((i * items.length) / count)]);
}

/**
 * Draws, from pictures that the decoder has handed out; no file of others comes near it in this process. Loaded when first needed: it takes
 * 100 ms of processor time, which every start of the service or of a command would pay.
 */
const loadSharp = async () => (await import("sharp")).default;

async function drawn(frames: Frame[]): Promise<Buffer> {
  const sharp = await loadSharp();
  const tiles = await Promise.all(frames.map(tileOf));
  const strip = sharp({
    create: { width: DRAWN_PIXELS * tiles.length, height: DRAWN_PIXELS, channels: 3, background: "#808080" },
  });
  const placed = tiles.map((input, i) => ({ input, left: i * DRAWN_PIXELS, top: 0 }));
  // Composing comes last whatever the order of calls, and brings an alpha channel back.
  const composed = await strip.composite(placed).png().toBuffer();
  return sharp(composed).removeAlpha().toColourspace("b-w").png().toBuffer();
}

/** First made small, which is what loses the detail; then blurred, so that no edges of large pixels are left; then enlarged. */
async function tileOf({ luma, width, height }: Frame): Promise<Buffer> {
  const sharp = await loadSharp();
  const raw = { raw: { width, height, channels: 1 as const } };
  const small = await sharp(luma, raw)
    .resize(TILE_PIXELS, TILE_PIXELS, { fit: "contain", background: "#808080" })
    .blur(BLUR)
    .png()
    .toBuffer();
  return sharp(small).resize(DRAWN_PIXELS, DRAWN_PIXELS, { kernel: "cubic" }).png().toBuffer();
}
