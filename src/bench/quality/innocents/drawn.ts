import sharp from "sharp";
import { svgText } from "../bitmap-font.js";
import { cached, runFfmpeg } from "../ffmpeg.js";
import type { InnocentFile } from "../types.js";

const SECONDS = 6;
const S = "s=426x240:r=15";

/** Pictures that a camera never saw, as ffmpeg sources, by category. */
const CLIPS: [category: string, name: string, source: string][] = [
  ["flat", "black", `color=black:${S}`],
  ["flat", "white", `color=white:${S}`],
  ["flat", "grey", `color=0x808080:${S}`],
  ["flat", "blue", `color=0x1030c0:${S}`],
  ["flat", "fade from white to black", `color=white:${S},fade=t=out:d=5`],
  ["gradients", "gradient 1", `gradients=${S}:seed=1:nb_colors=2:speed=0.01`],
  ["gradients", "gradient 2", `gradients=${S}:seed=2:nb_colors=3:speed=0.04`],
  ["gradients", "radial gradient", `gradients=${S}:seed=3:nb_colors=4:type=radial:speed=0.02`],
  ["noise", "grey noise", `color=0x808080:${S},noise=alls=90:allf=t:all_seed=1`],
  ["noise", "dark noise", `color=0x101010:${S},noise=alls=30:allf=t:all_seed=2`],
  ["noise", "still noise", `color=0x808080:${S},noise=alls=100:all_seed=3`],
  ["test cards", "smpte bars", `smptebars=${S}`],
  ["test cards", "smpte hd bars", `smptehdbars=${S}`],
  ["test cards", "pal bars", `pal100bars=${S}`],
  ["test cards", "testsrc", `testsrc=${S}`],
  ["test cards", "testsrc2", `testsrc2=${S}`],
  ["test cards", "rgb testsrc", `rgbtestsrc=${S}`],
  ["test cards", "colour chart", "colorchart=r=15:patch_size=64x60"],
  ["animations", "mandelbrot", `mandelbrot=${S}`],
  ["animations", "life", "life=s=106x60:r=15:seed=7:mold=10,scale=426:240:flags=neighbor"],
  ["animations", "cellular automaton", `cellauto=${S}:rule=30:seed=4`],
  ["animations", "sierpinski", `sierpinski=${S}:seed=5`],
  ["animations", "zone plate", `zoneplate=${S}:kt2=4:kx2=30:ky2=30`],
];

const WORDS =
  "REPORT PLAN BUDGET RESULT TEAM NEXT STEPS MARKET RISK GROWTH DATA MODEL CHART ACTION GOALS REVIEW YEAR TOTAL COST TIME".split(
    " ",
  );
const word = (n: number) => WORDS[(n * 7 + Math.floor(n / 3)) % WORDS.length];
const words = (n: number, count: number) => Array.from({ length: count }, (_, i) => word(n + i * 3)).join(" ");

function slide(n: number): string {
  const bullets = Array.from(
    { length: 4 },
    (_, i) =>
      `<circle cx="60" cy="${152 + i * 62}" r="6" fill="#1f4e79"/>${svgText(words(n * 11 + i, 4), 84, 140 + i * 62, 3, "#222222")}`,
  );
  return `<rect width="640" height="400" fill="#ffffff"/><rect width="640" height="80" fill="#1f4e79"/>${svgText(words(n, 2), 40, 26, 4, "#ffffff")}${bullets.join("")}`;
}

function textPage(n: number): string {
  const lines = Array.from({ length: 22 }, (_, i) =>
    i % 7 === 6 ? "" : svgText(words(n * 31 + i, 9), 30, 20 + i * 17, 1.7, "#111111"),
  );
  return `<rect width="640" height="400" fill="#fbfbf6"/>${lines.join("")}`;
}

function gameMenu(n: number): string {
  const items = ["NEW GAME", "CONTINUE", "OPTIONS", "CREDITS", "QUIT"];
  const rows = items.map(
    (item, i) =>
      `<rect x="200" y="${110 + i * 54}" width="240" height="40" rx="6" fill="${i === n % 5 ? "#e0a030" : "#303848"}"/>${svgText(item, 244, 120 + i * 54, 3, "#ffffff")}`,
  );
  const stars = Array.from(
    { length: 60 },
    (_, i) => `<circle cx="${(i * 97 + n * 53) % 640}" cy="${(i * 61 + n * 29) % 400}" r="1.5" fill="#8899cc"/>`,
  );
  return `<rect width="640" height="400" fill="#141826"/>${stars.join("")}${svgText(["SPACE WAR", "DRAGON 3", "RACE DAY"][n % 3], 170, 36, 5, "#ffd060")}${rows.join("")}`;
}

function chatScreen(n: number): string {
  const bubbles = Array.from({ length: 6 }, (_, i) => {
    const mine = (i + n) % 2 === 0;
    return `<rect x="${mine ? 280 : 20}" y="${30 + i * 60}" width="330" height="44" rx="14" fill="${mine ? "#2f80ed" : "#e5e5ea"}"/>${svgText(words(n * 5 + i, 3), mine ? 300 : 40, 44 + i * 60, 2.2, mine ? "#ffffff" : "#111111")}`;
  });
  return `<rect width="640" height="400" fill="#ffffff"/>${bubbles.join("")}`;
}

const PAGES: [category: string, draw: (n: number) => string][] = [
  ["slides", slide],
  ["text", textPage],
  ["game menus", gameMenu],
  ["screens", chatScreen],
];

async function drawnClip(cacheDir: string, category: string, name: string, source: string): Promise<InnocentFile> {
  const path = await cached(cacheDir, ".mp4", ["innocent clip", 1, source], (to) =>
    runFfmpeg([
      "-f",
      "lavfi",
      "-t",
      String(SECONDS),
      "-i",
      source,
      "-vf",
      "scale=426:240,format=yuv420p",
      "-c:v",
      "libx264",
      "-preset",
      "veryfast",
      "-crf",
      "26",
      "-threads",
      "1",
      to,
    ]),
  );
  return { name, category, path, kind: "video", durationMs: SECONDS * 1000 };
}

async function drawnPages(cacheDir: string, category: string, draw: (n: number) => string): Promise<InnocentFile[]> {
  const pages: string[] = [];
  for (let n = 0; n < 3; n++) {
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="640" height="400">${draw(n)}</svg>`;
    pages.push(
      await cached(cacheDir, ".png", ["innocent page", svg], async (to) => void (await sharp(Buffer.from(svg)).png().toFile(to))),
    );
  }
  const inputs = pages.flatMap((page) => ["-loop", "1", "-framerate", "15", "-t", "3", "-i", page]);
  const film = await cached(cacheDir, ".mp4", ["innocent pages", 1, pages], (to) =>
    runFfmpeg([
      ...inputs,
      "-filter_complex",
      "[0:v][1:v][2:v]concat=n=3,format=yuv420p[out]",
      "-map",
      "[out]",
      "-c:v",
      "libx264",
      "-preset",
      "veryfast",
      "-threads",
      "1",
      to,
    ]),
  );
  return [
    ...pages.map((path, n): InnocentFile => ({ name: `${category} ${n}`, category, path, kind: "image", durationMs: 0 })),
    { name: `${category} film`, category, path: film, kind: "video", durationMs: 9000 },
  ];
}

/** Drawn innocents: flat, gradients, noise, test cards, animations, slides, text, menus, screens. */
export async function drawnInnocents(cacheDir: string): Promise<InnocentFile[]> {
  const files: InnocentFile[] = [];
  for (const [category, name, source] of CLIPS) files.push(await drawnClip(cacheDir, category, name, source));
  for (const [category, draw] of PAGES) files.push(...(await drawnPages(cacheDir, category, draw)));
  return files;
}
