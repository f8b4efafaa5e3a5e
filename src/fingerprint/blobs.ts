import { type Layer, layersOf, peaksOf, STEP } from "./hessian.js";
import type { Integral } from "./integral.js";

/** A point that stands out from what is around it. Position and size in pixels of the frame. */
export interface Blob {
  x: number;
  y: number;
  /** Standard deviation of the Gaussian it resembles. */
  sigma: number;
  strength: number;
}

/** Sides of the box filters, in pixels: they find blobs of 2 to 13 pixels (standard deviation = 1.2 side / 9, Bay et al.). */
const FILTER_SIDES = [15, 21, 27, 39, 51, 75, 99];

/** No more than this (of the determinant with luma scaled to 0-1), as a 32-bit float, is noise. It goes with the square of contrast: a tenth of this is for dark films. */
const LEAST_STRENGTH = 2e-6;

/** Points this close to the edge, in sigmas, have too little around them to be told apart. */
const MARGIN_SIGMAS = 4.5;

/**
 * The blobs of a picture, strongest first: maxima over place and size of the determinant of the Hessian, by box filters on
 * an integral image (SURF: Bay, Ess, Tuytelaars, Van Gool, CVIU 2008), placed between pixels and filter sizes by parabolas.
 */
export function blobsOf(integral: Integral): Blob[] {
  const { width, height } = integral;
  const found = layersOf(integral, FILTER_SIDES);
  const { columns, layers } = found;
  const blobs: Blob[] = [];
  for (let i = 0; i < layers.length; i++) {
    const { response } = layers[i];
    for (const at of peaksOf(found, i, LEAST_STRENGTH)) {
      const strength = response[at];
      const x = ((at % columns) + parabola(response[at - 1], strength, response[at + 1])) * STEP;
      const y = (Math.floor(at / columns) + parabola(response[at - columns], strength, response[at + columns])) * STEP;
      const sigma = (1.2 / 9) * sideBetween(layers, i, at);
      const margin = MARGIN_SIGMAS * sigma;
      if (x >= margin && y >= margin && x <= width - margin && y <= height - margin) blobs.push({ x, y, sigma, strength });
    }
  }
  return blobs.sort((a, b) => b.strength - a.strength);
}

/** Offset of the top of the parabola through three equidistant values, -0.5 to 0.5. */
function parabola(before: number, at: number, after: number): number {
  const bend = before - 2 * at + after;
  return bend >= 0 ? 0 : Math.max(-0.5, Math.min(0.5, (0.5 * (before - after)) / bend));
}

/** The filter side at the top of the parabola over neighbouring layers, on a logarithmic scale. */
function sideBetween(layers: Layer[], i: number, at: number): number {
  const [below, above] = [layers[i - 1], layers[i + 1]];
  if (!below || !above) return layers[i].side;
  const shift = parabola(below.response[at], layers[i].response[at], above.response[at]);
  return layers[i].side * (shift > 0 ? (above.side / layers[i].side) ** shift : (layers[i].side / below.side) ** shift);
}
