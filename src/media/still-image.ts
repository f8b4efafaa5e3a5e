import sharp, { type Sharp, type SharpOptions } from "sharp";
import { UnscannableError } from "../errors.js";
import { META_SIDE, type StillFrame } from "../fingerprint/meta-pdq.js";
import type { Frame } from "../model.js";
import { BACKDROP, frameSize, toLuma } from "./luma.js";

// libvips would otherwise hand back the old pixels of a file that was replaced under the same name.
sharp.cache(false);

/** Opens an image for one use; pixels are read when it is asked for output. */
export function openImage(path: string, options: SharpOptions): Sharp {
  return sharp(path, { failOn: "error", sequentialRead: true, ...options });
}

/**
 * A still image as its one frame, at 0 ms, and as Meta's tools take it. The second costs a decode of its own: ours shrinks while it decodes,
 * which theirs does not allow.
 *
 * @throws UnscannableError if it is damaged or larger than `maxPixels`.
 */
export async function readStillImage(path: string, limits: { maxPixels: number; timeoutMs: number }): Promise<StillFrame> {
  const open = () => openImage(path, { limitInputPixels: limits.maxPixels });
  const image = open();
  try {
    const { autoOrient } = await image.metadata();
    const [frame, asMeta] = await Promise.all([
      shrink(image.autoOrient(), autoOrient, 0, limits.timeoutMs),
      asMetaTakesIt(open().autoOrient(), autoOrient, limits.timeoutMs),
    ]);
    return { ...frame, asMeta };
  } catch (error) {
    throw damagedImage(error);
  }
}

export function damagedImage(error: unknown): UnscannableError {
  const text = String(error);
  if (text.includes("timeout:")) return new UnscannableError("the image took too long to decode", text);
  if (text.includes("pixel limit")) return new UnscannableError("the image has more pixels than the limit", text);
  return new UnscannableError("the image is damaged and cannot be decoded", text);
}

/** Lays the picture on {@link BACKDROP}, reduces it to frame size and takes its luma. */
export async function shrink(
  picture: Sharp,
  shown: { width: number; height: number },
  atMs: number,
  timeoutMs: number,
): Promise<Frame> {
  return { atMs, ...(await lumaOf(picture, frameSize(shown.width, shown.height), timeoutMs)) };
}

/** Not enlarged; with a side over 512 pixels it becomes 512x512. */
async function asMetaTakesIt(picture: Sharp, shown: { width: number; height: number }, timeoutMs: number): Promise<Frame> {
  const isLarge = Math.max(shown.width, shown.height) > META_SIDE;
  const size = isLarge ? { width: META_SIDE, height: META_SIDE } : { width: shown.width, height: shown.height };
  return { atMs: 0, ...(await lumaOf(picture, size, timeoutMs)) };
}

async function lumaOf(picture: Sharp, size: { width: number; height: number }, timeoutMs: number): Promise<Omit<Frame, "atMs">> {
  const { data, info } = await picture
    .flatten({ background: { r: BACKDROP, g: BACKDROP, b: BACKDROP } })
    // Of libvips' kernels the nearest to the area filter that videos get: 0.6-1.6 grey levels apart on average, where
    // linear is 0.9-2.2 and lanczos3 0.8-1.9 (four photographs, enlarged to 1600 pixels and reduced to 256).
    .resize({ ...size, fit: "fill", kernel: "lanczos2", fastShrinkOnLoad: true })
    .toColourspace("srgb")
    .timeout({ seconds: Math.min(3600, Math.max(1, Math.ceil(timeoutMs / 1000))) })
    .raw({ depth: "uchar" })
    .toBuffer({ resolveWithObject: true });
  return { ...size, luma: toLuma(data, info.channels) };
}
