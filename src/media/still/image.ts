import { META_SIDE, type StillFrame } from "../../fingerprint/meta-pdq.js";
import type { Frame } from "../../model.js";
import type { Decoder } from "../find-decoder.js";
import { frameSize, toLuma } from "../luma.js";
import { type ImageLimits, type ImageMetadata, openImage, type Picture, type Size } from "./decoder.js";

/**
 * What the image's head says of it.
 *
 * @throws as {@link openImage}.
 */
export async function readImageMetadata(
  path: string,
  decoder: Decoder,
  limits: ImageLimits,
  signal: AbortSignal,
): Promise<ImageMetadata> {
  const image = await openImage(path, decoder, limits, signal);
  await image.close();
  return image.metadata;
}

/**
 * A still image as its one frame, at 0 ms, and as Meta's tools take it. The second costs a decode of its own: ours shrinks while it decodes,
 * which theirs does not allow.
 *
 * @throws UnscannableError if it is damaged or larger than `maxPixels`; and as {@link openImage}.
 */
export async function readStillImage(
  path: string,
  decoder: Decoder,
  limits: ImageLimits,
  signal: AbortSignal,
): Promise<StillFrame> {
  const image = await openImage(path, decoder, limits, signal);
  try {
    const shown = image.metadata.autoOrient;
    const [frame, asMeta] = await image.pictures([frameSize(shown.width, shown.height), metaSize(shown)]);
    return { ...frameOf(frame, 0), asMeta: frameOf(asMeta, 0) };
  } finally {
    await image.close();
  }
}

export function frameOf({ width, height, pixels, channels }: Picture, atMs: number): Frame {
  return { atMs, width, height, luma: toLuma(pixels, channels) };
}

/** Not enlarged; with a side over 512 pixels it becomes 512x512. */
function metaSize({ width, height }: Size): Size {
  return Math.max(width, height) > META_SIDE ? { width: META_SIDE, height: META_SIDE } : { width, height };
}
