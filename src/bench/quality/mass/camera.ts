import type { Frame } from "../../../model.js";
import { randomFrom } from "./random.js";
import type { Canvas } from "./scenes.js";

/** The part of a canvas that is seen: shares of its width and height. */
export interface View {
  x: number;
  y: number;
  width: number;
  height: number;
}

export const FRAME = { width: 160, height: 120 };

/** What the camera sees: the view, bilinear to 160×120, with contrast, brightness and a little noise of its own. */
export function shoot(canvas: Canvas, view: View, atMs: number, look: { gain: number; lift: number; seed: number }): Frame {
  const { width, height } = FRAME;
  const luma = new Uint8Array(width * height);
  const noise = randomFrom(look.seed + atMs);
  const [stepX, stepY] = [(view.width * (canvas.width - 2)) / width, (view.height * (canvas.height - 2)) / height];
  const [left, top] = [view.x * (canvas.width - 2), view.y * (canvas.height - 2)];
  for (let y = 0; y < height; y++) {
    const sy = top + y * stepY;
    const row = Math.floor(sy) * canvas.width;
    const fy = sy - Math.floor(sy);
    for (let x = 0; x < width; x++) {
      const sx = left + x * stepX;
      const at = row + Math.floor(sx);
      const fx = sx - Math.floor(sx);
      const upper = canvas.luma[at] + (canvas.luma[at + 1] - canvas.luma[at]) * fx;
      const lower = canvas.luma[at + canvas.width] + (canvas.luma[at + canvas.width + 1] - canvas.luma[at + canvas.width]) * fx;
      const value = (upper + (lower - upper) * fy - 128) * look.gain + 128 + look.lift + noise() * 6 - 3;
      luma[y * width + x] = Math.max(0, Math.min(255, value));
    }
  }
  return { atMs, width, height, luma };
}
