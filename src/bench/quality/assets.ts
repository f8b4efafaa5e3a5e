import sharp from "sharp";
import { svgText } from "./bitmap-font.js";
import { cached } from "./ffmpeg.js";

/** PNG overlays of exactly the picture's size, with transparency, so that an attack only has to lay them on top. */
export interface Assets {
  logo: string;
  watermark: string;
  captionBar: string;
  captionAbove: string;
  subtitles: string;
  emoji: string;
  moire: string;
  desktop: string;
}

type Draw = (width: number, height: number) => string;

const drawings: Record<Exclude<keyof Assets, "moire">, Draw> = {
  logo: (w) => {
    const size = Math.round(w * 0.18);
    return `<rect x="${w - size - 8}" y="8" width="${size}" height="${size * 0.5}" rx="6" fill="#d81e5b" fill-opacity="0.9"/>
      ${svgText("TV9", w - size * 0.86 - 8, 8 + size * 0.12, size / 26, "#ffffff")}`;
  },
  watermark: (w, h) => {
    const dot = w / 70;
    return `<g transform="rotate(${(-Math.atan2(h, w) * 180) / Math.PI} ${w / 2} ${h / 2})" opacity="0.45">
      ${svgText("SAMPLE SITE", w / 2 - 33 * dot, h / 2 - 3.5 * dot, dot, "#ffffff")}</g>`;
  },
  captionBar: (w, h) => {
    const bar = h * 0.15;
    return `<rect x="0" y="${h - bar}" width="${w}" height="${bar}" fill="#101010"/>
      ${svgText("YOU WILL NOT BELIEVE THIS", w * 0.04, h - bar * 0.75, Math.min(bar / 14, (w * 0.92) / 150), "#ffffff")}`;
  },
  captionAbove: (w, h) => `<rect width="${w}" height="${h}" fill="#ffffff"/>
    ${svgText("WHEN YOU SEE IT", w * 0.06, h * 0.12, Math.min(h / 24, (w * 0.88) / 90), "#000000")}
    ${svgText("AT THREE IN THE NIGHT", w * 0.06, h * 0.55, Math.min(h / 24, (w * 0.88) / 126), "#000000")}`,
  subtitles: (w, h) => {
    const dot = (w * 0.8) / 120;
    return `${svgText("AND THEN SHE SAID NO", w * 0.1 + dot / 2, h * 0.86 + dot / 2, dot, "#000000")}
      ${svgText("AND THEN SHE SAID NO", w * 0.1, h * 0.86, dot, "#ffff80")}`;
  },
  emoji: (w, h) => {
    const r = Math.sqrt((0.15 * w * h) / Math.PI);
    const [x, y] = [w * 0.62, h * 0.45];
    return `<circle cx="${x}" cy="${y}" r="${r}" fill="#ffcc22"/><circle cx="${x - r * 0.35}" cy="${y - r * 0.25}" r="${r * 0.13}" fill="#442200"/>
      <circle cx="${x + r * 0.35}" cy="${y - r * 0.25}" r="${r * 0.13}" fill="#442200"/>
      <path d="M${x - r * 0.55} ${y + r * 0.15}a${r * 0.55} ${r * 0.55} 0 0 0 ${r * 1.1} 0z" fill="#ffffff" stroke="#442200" stroke-width="${r * 0.06}"/>`;
  },
  desktop: (w, h) => `<rect width="${w}" height="${h}" fill="#22303c"/><rect width="${w}" height="${h * 0.06}" fill="#e8e8e8"/>
    <circle cx="${w * 0.02}" cy="${h * 0.03}" r="${h * 0.015}" fill="#ff5f56"/><circle cx="${w * 0.05}" cy="${h * 0.03}" r="${h * 0.015}" fill="#ffbd2e"/>
    ${svgText("MY CHANNEL - WATCH NOW", w * 0.1, h * 0.012, h / 200, "#333333")}
    ${Array.from({ length: 7 }, (_, i) => `<rect x="${w * 0.86}" y="${h * (0.1 + i * 0.12)}" width="${w * 0.12}" height="${h * 0.09}" fill="hsl(${i * 47},45%,45%)"/>`).join("")}
    <rect x="${w * 0.03}" y="${h * 0.94}" width="${w * 0.6}" height="${h * 0.02}" fill="#8899aa"/>`,
};

function render(draw: Draw, width: number, height: number): Promise<Buffer> {
  return sharp(
    Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${draw(width, height)}</svg>`),
  )
    .png({ compressionLevel: 3 })
    .toBuffer();
}

/** Interference of two slightly different gratings, as a phone camera sees a screen: dark stripes of up to a fifth of full opacity. */
async function moire(width: number, height: number): Promise<Buffer> {
  const rgba = Buffer.alloc(width * height * 4);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const beat = Math.sin(x * 0.21 + y * 0.05) * Math.sin(x * 0.017 - y * 0.19 + 3 * Math.sin(x / 90));
      rgba[(y * width + x) * 4 + 3] = Math.round(26 + 26 * beat);
    }
  }
  return sharp(rgba, { raw: { width, height, channels: 4 } })
    .png({ compressionLevel: 3 })
    .toBuffer();
}

/** Makes one overlay for a picture of that size, at most once per cache folder. */
export function asset(cacheDir: string, name: keyof Assets, width: number, height: number): Promise<string> {
  return cached(cacheDir, ".png", ["asset", 1, name, width, height], async (path) => {
    const png = await (name === "moire" ? moire(width, height) : render(drawings[name], width, height));
    await sharp(png).toFile(path);
  });
}
