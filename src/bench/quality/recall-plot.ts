import { GROUPS } from "./groups.js";
import type { Score } from "./scorer.js";
import { recallOf } from "./tables.js";

const COLOURS = ["#0b6e4f", "#c1666b", "#d4a373", "#7a88a8", "#9d79bc", "#555555"];
const LABEL_WIDTH = 470;
const PLOT_WIDTH = 520;
const BAR = 9;
const GAP = 12;
const TOP = 48;

const escaped = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

/** Horizontal bars: recall by attack group, one bar per detector, with the floor as a black tick. An SVG document. */
export function recallPlot(scores: Score[]): string {
  const groups = GROUPS.filter((group) => scores[0].attacks.some((outcome) => outcome.group === group.id));
  const groupHeight = scores.length * BAR + GAP;
  const height = TOP + groups.length * groupHeight + 30;
  const width = LABEL_WIDTH + PLOT_WIDTH + 60;
  const parts = [legend(scores), grid(height)];
  groups.forEach((group, index) => {
    const y = TOP + index * groupHeight;
    parts.push(
      `<text x="${LABEL_WIDTH - 10}" y="${y + (scores.length * BAR) / 2 + 4}" text-anchor="end">${escaped(group.label)}</text>`,
    );
    scores.forEach((score, row) => {
      const { seen, of } = recallOf(score.attacks.filter((outcome) => outcome.group === group.id));
      const share = of === 0 ? 0 : seen / of;
      parts.push(
        `<rect x="${LABEL_WIDTH}" y="${y + row * BAR}" width="${(share * PLOT_WIDTH).toFixed(1)}" height="${BAR - 1}" fill="${COLOURS[row % COLOURS.length]}"><title>${escaped(score.detector)}: ${seen}/${of}</title></rect>`,
      );
    });
    if ("floor" in group) {
      const x = LABEL_WIDTH + group.floor * PLOT_WIDTH;
      parts.push(`<path d="M${x} ${y - 3}v${scores.length * BAR + 5}" stroke="#000" stroke-width="2"/>`);
    }
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="12">
<rect width="${width}" height="${height}" fill="#fff"/>
${parts.join("\n")}
</svg>
`;
}

function legend(scores: Score[]): string {
  return scores
    .map((score, i) => {
      const x = 12 + i * 150;
      return `<rect x="${x}" y="10" width="12" height="12" fill="${COLOURS[i % COLOURS.length]}"/><text x="${x + 18}" y="20">${escaped(score.detector)}</text>`;
    })
    .join("\n");
}

function grid(height: number): string {
  return [0, 25, 50, 75, 100]
    .map((percent) => {
      const x = LABEL_WIDTH + (percent / 100) * PLOT_WIDTH;
      return `<path d="M${x} ${TOP - 8}V${height - 24}" stroke="#ddd"/><text x="${x}" y="${height - 8}" text-anchor="middle">${percent} %</text>`;
    })
    .join("\n");
}
