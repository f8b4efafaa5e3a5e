import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type MassScore, massTable } from "./mass-innocents.js";
import { recallPlot } from "./recall-plot.js";
import type { Score } from "./scorer.js";
import { attackTable, confidenceTable, figuresTable, groupTable, innocentTable, type Table } from "./tables.js";

export interface Report {
  heading: string;
  /** Files that could not be read or made, with the reason. */
  skipped: string[];
  scores: Score[];
  mass: MassScore[];
}

function tablesOf({ scores, mass }: Report): Table[] {
  const tables = [
    groupTable(scores),
    attackTable(scores),
    innocentTable(scores),
    figuresTable(scores),
    confidenceTable(scores),
    massTable(mass),
  ];
  return tables.filter((table) => table.rows.length > 0);
}

/** The report as plain text with aligned columns. */
export function textReport(report: Report): string {
  return [report.heading, ...skippedLine(report), ...tablesOf(report).map((table) => `${table.title}\n\n${aligned(table)}`)].join(
    "\n\n",
  );
}

export function markdownReport(report: Report): string {
  const line = (cells: string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  const sections = tablesOf(report).map(
    ({ title, head, rows }) => `## ${title}\n\n${[line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n")}`,
  );
  return `${[`# ${report.heading}`, ...skippedLine(report), ...sections].join("\n\n")}\n`;
}

const skippedLine = ({ skipped }: Report): string[] =>
  skipped.length > 0 ? [`Left out, ${skipped.length} files: ${skipped.join("; ")}`] : [];

function aligned({ head, rows }: Table): string {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((cells) => cells[column].length)));
  const line = (cells: string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column]))
      .join("  ")
      .trimEnd();
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}

/** Writes report.md, recall.svg and outcomes.json (every single outcome, for looking into misses) into the folder. */
export async function writeReport(outDir: string, report: Report): Promise<void> {
  await mkdir(outDir, { recursive: true });
  await writeFile(join(outDir, "report.md"), markdownReport(report));
  await writeFile(join(outDir, "recall.svg"), recallPlot(report.scores));
  await writeFile(
    join(outDir, "outcomes.json"),
    `${JSON.stringify({ heading: report.heading, scores: report.scores, mass: report.mass }, null, 1)}\n`,
  );
}
