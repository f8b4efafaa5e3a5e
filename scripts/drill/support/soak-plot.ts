import type { SoakSample } from "./soak-samples.js";

const WIDTH = 760;
const PANEL = 120;
const LEFT = 60;
const RIGHT = 20;
const HEAD = 22;
const COLOURS = ["#0b6e4f", "#c1666b", "#7a88a8", "#b08900"];

interface Panel {
  title: string;
  names: string[];
}

/** One panel below the other over the same time, each from 0 to its own greatest value. An SVG document. */
export function soakPlot(samples: SoakSample[], panels: Panel[]): string {
  const endMs = samples[samples.length - 1].atMs;
  const height = panels.length * PANEL + 30;
  const drawn = panels.map((panel, i) => `<g transform="translate(0 ${i * PANEL})">${panelOf(samples, panel, endMs)}</g>`);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="sans-serif" font-size="12">
<rect width="${WIDTH}" height="${height}" fill="#fff"/>
${drawn.join("\n")}
<text x="${LEFT}" y="${height - 10}">0</text><text x="${WIDTH - RIGHT}" y="${height - 10}" text-anchor="end">${(endMs / 60_000).toFixed(0)} minutes</text>
</svg>
`;
}

function panelOf(samples: SoakSample[], { title, names }: Panel, endMs: number): string {
  const most = Math.max(1, ...samples.flatMap(({ values }) => names.map((name) => values[name] ?? 0)));
  const x = (atMs: number) => LEFT + (atMs / endMs) * (WIDTH - LEFT - RIGHT);
  const y = (value: number) => PANEL - 8 - (value / most) * (PANEL - HEAD - 8);
  const lines = names.map((name, i) => {
    const points = samples
      .filter(({ values }) => name in values)
      .map((s) => `${x(s.atMs).toFixed(1)},${y(s.values[name]).toFixed(1)}`);
    return `<polyline points="${points.join(" ")}" fill="none" stroke="${COLOURS[i % COLOURS.length]}" stroke-width="1.2"/>`;
  });
  return `<text x="${LEFT}" y="14">${title}</text><path d="M${LEFT} ${y(0)}H${WIDTH - RIGHT}M${LEFT} ${y(most)}H${WIDTH - RIGHT}" stroke="#ddd"/><text x="${LEFT - 6}" y="${y(most) + 4}" text-anchor="end">${most >= 10 ? most.toFixed(0) : most.toFixed(1)}</text><text x="${LEFT - 6}" y="${y(0) + 4}" text-anchor="end">0</text>${lines.join("")}`;
}
