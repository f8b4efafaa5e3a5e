/** Longest side of a frame. PDQ and Blockhash reduce it to 64 × 64 or less. */
export const FRAME_SIDE = 256;
const SHORTEST_SIDE = 16;
/** Transparent parts of a picture are laid on mid-grey, so that they are neither edge nor content. */
export const BACKDROP = 128;

/** The size of the frames of a picture: its shape, never enlarged, except that no side is shorter than 16 pixels. */
export function frameSize(width: number, height: number): { width: number; height: number } {
  const scale = Math.min(1, FRAME_SIDE / Math.max(width, height));
  const side = (pixels: number) => Math.max(SHORTEST_SIDE, Math.round(pixels * scale));
  return { width: side(width), height: side(height) };
}

/**
 * 8-bit luma (ITU-R BT.601: 0.299 R + 0.587 G + 0.114 B) of interleaved pixels with 1 (grey), 2 (grey, alpha),
 * 3 (RGB) or 4 (RGB, alpha) channels; transparent parts become {@link BACKDROP}.
 */
export function toLuma(pixels: Uint8Array, channels: number): Uint8Array {
  if (channels === 3) return opaqueToLuma(pixels);
  const count = pixels.length / channels;
  const luma = new Uint8Array(count);
  const colour = channels >= 3;
  const alphaAt = channels === 2 ? 1 : channels === 4 ? 3 : -1;
  for (let i = 0, at = 0; i < count; i++, at += channels) {
    const grey = colour ? 0.299 * pixels[at] + 0.587 * pixels[at + 1] + 0.114 * pixels[at + 2] : pixels[at];
    const opacity = alphaAt < 0 ? 1 : pixels[at + alphaAt] / 255;
    luma[i] = Math.round(grey * opacity + BACKDROP * (1 - opacity));
  }
  return luma;
}

/** The same without transparent parts: most stills. */
function opaqueToLuma(pixels: Uint8Array): Uint8Array {
  const luma = new Uint8Array(pixels.length / 3);
  for (let i = 0, at = 0; i < luma.length; i++, at += 3) {
    luma[i] = Math.round(0.299 * pixels[at] + 0.587 * pixels[at + 1] + 0.114 * pixels[at + 2]);
  }
  return luma;
}
