import type { Table } from "./tables.js";

/** How often a detector took one innocent for another, over many. */
export interface MassScore {
  detector: string;
  test: string;
  checked: number;
  matches: number;
  reviews: number;
  /** What `checked` counts, and how much material that was. */
  unit: string;
}

export function massTable(scores: MassScore[]): Table {
  return { title: "Mass tests on innocents", head: [], rows: scores.map(() => []) };
}
