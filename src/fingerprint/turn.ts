import type { Frame } from "../model.js";
import { CELLS } from "./cell-means.js";

/** Where a picture's points go when it is turned clockwise about its middle, within the smallest upright rectangle that holds it. */
export interface Turn {
  /** The rectangle's, in pixels. */
  width: number;
  height: number;
  to(x: number, y: number): { x: number; y: number };
}

export function turnOf({ width, height }: Pick<Frame, "width" | "height">, degrees: number): Turn {
  const [cos, sin] = cosAndSin(degrees);
  const around = {
    width: Math.abs(width * cos) + Math.abs(height * sin),
    height: Math.abs(width * sin) + Math.abs(height * cos),
  };
  return {
    ...around,
    to(x, y) {
      const [across, down] = [x - width / 2, y - height / 2];
      return { x: around.width / 2 + cos * across - sin * down, y: around.height / 2 + sin * across + cos * down };
    },
  };
}

export function cosAndSin(degrees: number): [number, number] {
  const radians = (degrees * Math.PI) / 180;
  return [Math.cos(radians), Math.sin(radians)];
}

/** Pixels a side that each cell is read at: of patches, whose sides are 20 to 132 pixels, a cell is 2.5 to 16.5 wide. */
const SAMPLES = 3;

/**
 * As `cellMeans`, of the square that is upright once the picture is turned clockwise by so many degrees: sums instead of means, which compare alike.
 * What lies outside the frame is what its edge is.
 */
export function turnedCells(frame: Frame, x: number, y: number, side: number, degrees: number, sums: Float64Array): void {
  const { luma, width, height } = frame;
  const [cos, sin] = cosAndSin(degrees);
  const step = side / (CELLS * SAMPLES);
  const middle = (CELLS * SAMPLES - 1) / 2;
  sums.fill(0);
  for (let row = 0; row < CELLS * SAMPLES; row++) {
    const down = (row - middle) * step;
    for (let column = 0; column < CELLS * SAMPLES; column++) {
      const across = (column - middle) * step;
      const at =
        within(Math.floor(y - sin * across + cos * down), height) * width +
        within(Math.floor(x + cos * across + sin * down), width);
      sums[CELLS * Math.floor(row / SAMPLES) + Math.floor(column / SAMPLES)] += luma[at];
    }
  }
}

const within = (at: number, length: number): number => Math.min(Math.max(at, 0), length - 1);
