import { eachDot } from "../bitmap-font.js";
import { randomFrom } from "./random.js";

/** A drawn or photographed place, larger than what is seen of it at once. 8-bit luma, row-major. */
export interface Canvas {
  width: number;
  height: number;
  luma: Uint8Array;
}

export const CANVAS = { width: 320, height: 240 };

type Random = () => number;
type Scene = (canvas: Canvas, random: Random) => void;

/** The kinds of drawn scene; two of the same kind share their make-up, never their content. */
export const SCENES: Record<string, Scene> = { landscape, polygons, texture, textPage, interfaceScreen, portrait };

export function drawScene(kind: string, seed: number): Canvas {
  const canvas = { ...CANVAS, luma: new Uint8Array(CANVAS.width * CANVAS.height) };
  SCENES[kind](canvas, randomFrom(seed));
  return canvas;
}

function fill({ width, height, luma }: Canvas, shade: (x: number, y: number) => number): void {
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) luma[y * width + x] = Math.max(0, Math.min(255, shade(x, y)));
}

function rectangle({ width, height, luma }: Canvas, x0: number, y0: number, w: number, h: number, shade: number): void {
  const [left, right] = [Math.max(0, Math.round(x0)), Math.min(width, Math.round(x0 + w))];
  for (let y = Math.max(0, Math.round(y0)); y < Math.min(height, Math.round(y0 + h)); y++)
    luma.fill(shade, y * width + left, y * width + Math.max(left, right));
}

function ellipse(
  { width, height, luma }: Canvas,
  cx: number,
  cy: number,
  rx: number,
  ry: number,
  shade: (d: number) => number,
): void {
  for (let y = Math.max(0, Math.floor(cy - ry)); y < Math.min(height, cy + ry); y++) {
    for (let x = Math.max(0, Math.floor(cx - rx)); x < Math.min(width, cx + rx); x++) {
      const d = ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2;
      if (d <= 1) luma[y * width + x] = Math.max(0, Math.min(255, shade(d)));
    }
  }
}

/** Smooth noise of the given cell size, about -1 to 1. */
function valueNoise(random: Random, cell: number): (x: number, y: number) => number {
  const columns = Math.ceil(CANVAS.width / cell) + 2;
  const grid = Float32Array.from({ length: columns * (Math.ceil(CANVAS.height / cell) + 2) }, () => random() * 2 - 1);
  return (x, y) => {
    const [gx, gy] = [Math.floor(x / cell), Math.floor(y / cell)];
    const [fx, fy] = [x / cell - gx, y / cell - gy];
    const at = gy * columns + gx;
    const top = grid[at] + (grid[at + 1] - grid[at]) * fx;
    const bottom = grid[at + columns] + (grid[at + columns + 1] - grid[at + columns]) * fx;
    return top + (bottom - top) * fy;
  };
}

function landscape(canvas: Canvas, random: Random): void {
  const [sky, falloff] = [120 + random() * 120, random() * 0.5];
  const clouds = valueNoise(random, 30 + random() * 40);
  fill(canvas, (x, y) => sky - y * falloff + clouds(x, y) * 25);
  for (let ridge = 0; ridge < 4; ridge++) {
    const [base, shade] = [60 + ridge * 40 + random() * 40, 20 + random() * 160];
    const waves = Array.from({ length: 4 }, (_, i) => ({
      size: (30 * random()) / (i + 1),
      pace: (i + 1) * (0.01 + random() * 0.03),
      shift: random() * 7,
    }));
    const rough = valueNoise(random, 6 + random() * 12);
    for (let x = 0; x < canvas.width; x++) {
      const top = base + waves.reduce((sum, wave) => sum + wave.size * Math.sin(x * wave.pace + wave.shift), 0);
      for (let y = Math.max(0, Math.round(top)); y < canvas.height; y++)
        canvas.luma[y * canvas.width + x] = Math.max(0, Math.min(255, shade + rough(x, y) * 35));
    }
  }
}

function polygons(canvas: Canvas, random: Random): void {
  const grain = valueNoise(random, 25);
  const base = random() * 255;
  fill(canvas, (x, y) => base + grain(x, y) * 40);
  const count = 8 + Math.floor(random() * 30);
  for (let i = 0; i < count; i++) {
    const shade = Math.floor(random() * 256);
    const [x, y, w, h] = [random() * canvas.width, random() * canvas.height, 10 + random() * 110, 10 + random() * 90];
    if (random() < 0.5) rectangle(canvas, x - w / 2, y - h / 2, w, h, shade);
    else ellipse(canvas, x, y, w / 2, h / 2, (d) => shade - d * 60 * random());
  }
}

function texture(canvas: Canvas, random: Random): void {
  const octaves = [64, 32, 16, 8, 4].map((cell) => ({ noise: valueNoise(random, cell), size: 20 + random() * 60 }));
  const base = 80 + random() * 100;
  fill(canvas, (x, y) => base + octaves.reduce((sum, { noise, size }) => sum + noise(x, y) * size * 0.6, 0));
}

function textLine(canvas: Canvas, text: string, x: number, y: number, dot: number, shade: number): void {
  eachDot(text, (column, row) => rectangle(canvas, x + column * dot, y + row * dot, dot, dot, shade));
}

function randomText(random: Random, length: number): string {
  return Array.from({ length }, () => (random() < 0.18 ? " " : String.fromCharCode(65 + Math.floor(random() * 26)))).join("");
}

function textPage(canvas: Canvas, random: Random): void {
  const dark = random() < 0.3;
  fill(canvas, () => (dark ? 25 : 240));
  const [dot, margin] = [1 + random() * 1.4, 8 + random() * 30];
  const lineHeight = dot * (9 + random() * 6);
  for (let y = margin; y < canvas.height - margin; y += lineHeight) {
    if (random() < 0.15) continue;
    const fits = Math.floor((canvas.width - 2 * margin) / (6 * dot));
    textLine(canvas, randomText(random, Math.ceil(fits * (random() < 0.25 ? random() : 1))), margin, y, dot, dark ? 220 : 20);
  }
}

function interfaceScreen(canvas: Canvas, random: Random): void {
  const back = random() * 255;
  fill(canvas, () => back);
  rectangle(canvas, 0, 0, canvas.width, 14 + random() * 20, random() * 255);
  if (random() < 0.6) rectangle(canvas, 0, 20, 40 + random() * 50, canvas.height, random() * 255);
  const [columns, rows] = [1 + Math.floor(random() * 4), 2 + Math.floor(random() * 4)];
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const [w, h] = [230 / columns, 190 / rows];
      const [x, y] = [80 + column * w, 40 + row * h];
      rectangle(canvas, x, y, w * (0.5 + random() * 0.4), h * (0.4 + random() * 0.45), random() * 255);
      textLine(canvas, randomText(random, Math.floor(w / 8)), x + 4, y + 4, 1, random() < 0.5 ? 255 : 0);
    }
  }
}

function portrait(canvas: Canvas, random: Random): void {
  texture(canvas, random);
  const [cx, cy, r, skin] = [110 + random() * 100, 90 + random() * 40, 45 + random() * 30, 90 + random() * 130];
  ellipse(canvas, cx, cy + r * 2.3, r * (1.5 + random()), r * 1.4, () => 30 + random() * 8);
  ellipse(canvas, cx, cy - r * 0.3, r * 1.15, r * 1.3, () => 40);
  ellipse(canvas, cx, cy, r, r * 1.3, (d) => skin - d * 40);
  for (const side of [-1, 1]) ellipse(canvas, cx + side * r * (0.35 + random() * 0.1), cy - r * 0.2, r * 0.14, r * 0.1, () => 25);
  ellipse(canvas, cx, cy + r * 0.6, r * (0.2 + random() * 0.25), r * 0.09, () => 60);
}
