import type { LoadReport } from "./load.js";

const WIDTH = 640;
const HEIGHT = 300;
const LEFT = 60;
const RIGHT = 20;
const TOP = 24;
const BOTTOM = 46;
const COLOURS = ["#0b6e4f", "#7a88a8", "#c1666b", "#b08900", "#555555", "#5b3f8c", "#2a7f9e", "#8a5a44"];

/** Resident memory of each replica by submissions done. An SVG document. */
export function loadPlot({ submissions, samples }: Pick<LoadReport, "submissions" | "samples">): string {
  const most = Math.max(...samples.flatMap((s) => Object.values(s.residentBytes))) / 1e6;
  const step = niceStep(most / 4);
  const top = step * Math.ceil(most / step);
  const x = (done: number) => LEFT + (done / submissions) * (WIDTH - LEFT - RIGHT);
  const y = (megabytes: number) => HEIGHT - BOTTOM - (megabytes / top) * (HEIGHT - TOP - BOTTOM);
  const lines = Array.from({ length: Math.round(top / step) + 1 }, (_, i) => i * step);
  const replicas = [...new Set(samples.flatMap((s) => Object.keys(s.residentBytes)))];
  const drawn = replicas.map((replica, i) => {
    const points = samples
      .filter((s) => s.residentBytes[replica] !== undefined)
      .map((s) => `${x(s.done).toFixed(1)},${y(s.residentBytes[replica] / 1e6).toFixed(1)}`);
    return `<polyline points="${points.join(" ")}" fill="none" stroke="${COLOURS[i % COLOURS.length]}" stroke-width="1.5"/>`;
  });
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => Math.round(share * submissions));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" font-family="sans-serif" font-size="12">
<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>
${lines.map((v) => `<path d="M${LEFT} ${y(v).toFixed(1)}H${WIDTH - RIGHT}" stroke="#ddd"/><text x="${LEFT - 8}" y="${(y(v) + 4).toFixed(1)}" text-anchor="end">${v}</text>`).join("\n")}
${ticks.map((done) => `<text x="${x(done).toFixed(1)}" y="${HEIGHT - 24}" text-anchor="${done === submissions ? "end" : "middle"}">${done.toLocaleString("en")}</text>`).join("\n")}
<text x="${LEFT}" y="14">MB of memory, one line a replica</text><text x="${WIDTH - RIGHT}" y="${HEIGHT - 6}" text-anchor="end">submissions done</text>
${drawn.join("\n")}
</svg>
`;
}

/** 1, 2 or 5 times a power of ten, at least `least`. */
function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map((n) => n * power).find((n) => n >= least)!;
}
