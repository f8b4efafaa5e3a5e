import type { IndexBenchReport } from "../index.js";

const WIDTH = 640;
const HEIGHT = 340;
const LEFT = 90;
const RIGHT = 170;
const TOP = 24;
const BOTTOM = 46;

interface Line {
  label: string;
  colour: string;
  points: [hashes: number, perS: number][];
}

/** Lookups a second by the number of hashes, both on logarithmic scales. An SVG document. */
export function indexPlot({ inMemory, postgres, threads }: IndexBenchReport): string {
  const lines: Line[] = [
    { label: `in memory, ${threads} threads`, colour: "#0b6e4f", points: inMemory.map((r) => [r.hashes, r.allThreadsPerS]) },
    { label: "in memory, 1 thread", colour: "#7a88a8", points: inMemory.map((r) => [r.hashes, r.oneThreadPerS]) },
    ...(postgres
      ? [
          {
            label: "Postgres, 4 connections",
            colour: "#c1666b",
            points: [[postgres.hashes, postgres.fourConnectionsPerS]] as Line["points"],
          },
        ]
      : []),
    { label: `linear scan, ${threads} threads`, colour: "#555555", points: inMemory.map((r) => [r.hashes, r.linearPerS]) },
  ];
  const all = lines.flatMap((line) => line.points);
  const x = scale(
    all.map(([hashes]) => hashes),
    LEFT,
    WIDTH - RIGHT,
  );
  const y = scale(
    all.map(([, perS]) => perS),
    HEIGHT - BOTTOM,
    TOP,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" font-family="sans-serif" font-size="12">
<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>
${y.ticks.map((v) => `<path d="M${LEFT} ${y.at(v)}H${WIDTH - RIGHT}" stroke="#ddd"/><text x="${LEFT - 8}" y="${y.at(v) + 4}" text-anchor="end">${v.toLocaleString("en")}</text>`).join("\n")}
${inMemory.map(({ hashes }) => `<text x="${x.at(hashes)}" y="${HEIGHT - 24}" text-anchor="middle">${(hashes / 1e6).toLocaleString("en")} M</text>`).join("\n")}
<text x="${LEFT}" y="14">lookups a second</text><text x="${WIDTH - RIGHT}" y="${HEIGHT - 6}" text-anchor="end">known hashes</text>
${lines.map((line) => drawn(line, x.at, y.at)).join("\n")}
</svg>
`;
}

function drawn({ label, colour, points }: Line, x: (v: number) => number, y: (v: number) => number): string {
  const at = points.map(([hashes, perS]) => [x(hashes).toFixed(1), y(perS).toFixed(1)]);
  const [lastX, lastY] = at[at.length - 1];
  const dots = at.map(([cx, cy]) => `<circle cx="${cx}" cy="${cy}" r="3" fill="${colour}"/>`).join("");
  return `<polyline points="${at.map((p) => p.join(",")).join(" ")}" fill="none" stroke="${colour}" stroke-width="2"/>${dots}<text x="${Number(lastX) + 8}" y="${Number(lastY) + 4}" fill="${colour}">${label}</text>`;
}

/** A logarithmic scale over whole powers of ten for `from` to `to` of the drawing, and those powers. */
function scale(values: number[], from: number, to: number): { at(value: number): number; ticks: number[] } {
  const [least, most] = [Math.min(...values), Math.max(...values)].map(Math.log10);
  const [low, high] = from < to ? [least, most] : [Math.floor(least), Math.ceil(most)];
  const ticks = Array.from({ length: Math.floor(high) - Math.ceil(low) + 1 }, (_, i) => 10 ** (Math.ceil(low) + i));
  return { at: (value) => from + ((Math.log10(value) - low) / (high - low || 1)) * (to - from), ticks };
}
