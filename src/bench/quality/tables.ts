import { selectAttacks } from "./attacks.js";
import { GROUPS } from "./groups.js";
import type { AttackOutcome, Score } from "./scorer.js";
import { clopperPearson, median } from "./statistics.js";

export interface Table {
  title: string;
  head: string[];
  rows: string[][];
}

export interface Recall {
  seen: number;
  of: number;
}

const percent = (part: number, of: number) => (of === 0 ? "-" : `${((100 * part) / of).toFixed(1)} %`);
const milliseconds = (value: number) => (Number.isFinite(value) ? String(Math.round(value)) : "-");

export function recallOf(outcomes: AttackOutcome[], level: "matched" | "flagged" = "matched"): Recall {
  return { seen: outcomes.filter((outcome) => outcome[level]).length, of: outcomes.length };
}

function recallCell(outcomes: AttackOutcome[]): string {
  const matched = recallOf(outcomes);
  const flagged = recallOf(outcomes, "flagged");
  const more = flagged.seen > matched.seen ? ` (+${flagged.seen - matched.seen} review)` : "";
  return matched.of === 0 ? "-" : `${matched.seen}/${matched.of} ${percent(matched.seen, matched.of)}${more}`;
}

/** Recall by group, against the floors; the first detector is the one the floors are for. */
export function groupTable(scores: Score[]): Table {
  const rows = GROUPS.flatMap((group) => {
    const mine = scores.map((score) => score.attacks.filter((outcome) => outcome.group === group.id));
    const { seen, of } = recallOf(mine[0]);
    if (of === 0) return [];
    const floor = "floor" in group ? group.floor : undefined;
    const held = floor === undefined ? "" : seen / of >= floor ? "held" : "MISSED";
    return [[group.label, floor === undefined ? "-" : `${floor * 100} %`, held, ...mine.map(recallCell)]];
  });
  return {
    title: "Recall by attack group",
    head: ["attack group", "floor", `${scores[0].detector}: floor`, ...names(scores)],
    rows,
  };
}

/** Recall by attack. */
export function attackTable(scores: Score[]): Table {
  const attacks = [...new Set(scores[0].attacks.map((outcome) => outcome.attack))];
  const order = new Map(selectAttacks().map((attack, index) => [attack.name, index]));
  attacks.sort((a, b) => (order.get(a) ?? 999) - (order.get(b) ?? 999));
  const rows = attacks.map((attack) => [attack, ...scores.map((s) => recallCell(s.attacks.filter((o) => o.attack === attack)))]);
  return { title: "Recall by attack", head: ["attack", ...names(scores)], rows };
}

/** `match` and `review` on innocents by category, as "matches+reviews of checked". */
export function innocentTable(scores: Score[]): Table {
  const categories = [...new Set(scores[0].innocents.map((innocent) => innocent.category))];
  const cell = (score: Score, category?: string) => {
    const mine = score.innocents.filter((innocent) => category === undefined || innocent.category === category);
    const count = (verdict: string) => mine.filter((innocent) => innocent.verdict === verdict).length;
    return `${count("match")}+${count("review")} of ${mine.length}`;
  };
  const rows = categories.map((category) => [category, ...scores.map((score) => cell(score, category))]);
  rows.push(["all", ...scores.map((score) => cell(score))]);
  return { title: "Innocents: matches + reviews of checked", head: ["innocents", ...names(scores)], rows };
}

/** Where the known was said to be, how sure a verdict is, and what it cost. */
export function figuresTable(scores: Score[]): Table {
  const row = (label: string, figure: (score: Score) => string) => [label, ...scores.map(figure)];
  const spans = (score: Score) => score.attacks.flatMap((o) => (o.spanErrorMs === undefined ? [] : [o.spanErrorMs]));
  const mappings = (score: Score) => score.attacks.flatMap((o) => (o.mappingErrorMs === undefined ? [] : [o.mappingErrorMs]));
  const rows = [
    row("span error, median ms", (s) => milliseconds(median(spans(s)))),
    row("span error, worst ms", (s) => milliseconds(Math.max(...spans(s)))),
    row("spans within 1 s", (s) => withinASecond(spans(s))),
    row("reference time error, median ms", (s) => milliseconds(median(mappings(s)))),
    row("reference time error, worst ms", (s) => milliseconds(Math.max(...mappings(s)))),
    row("reference times within 1 s", (s) => withinASecond(mappings(s))),
    row("attacked files matched to a wrong case", (s) =>
      String(new Set(s.attacks.filter((o) => o.wrongCases.length > 0).map((o) => o.path)).size),
    ),
    row("precision of match (95 % interval)", (s) => precision(s, "match")),
    row("precision of review (95 % interval)", (s) => precision(s, "review")),
    row("CPU s per minute of video", (s) => s.cost.cpuSecondsPerMinute.toFixed(2)),
    row("CPU s per image", (s) => s.cost.cpuSecondsPerImage.toFixed(3)),
    row("fingerprints per minute of reference", (s) => s.cost.fingerprintsPerMinute.toFixed(1)),
  ];
  return { title: "Location, precision, cost", head: ["", ...names(scores)], rows };
}

const withinASecond = (errorsMs: number[]): string => `${errorsMs.filter((e) => e <= 1000).length}/${errorsMs.length}`;

/** Of the files with that verdict in this run, how many really hold a known that was named. Depends on the mix of files in the run. */
function precision(score: Score, verdict: "match" | "review"): string {
  const right = new Set<string>();
  const all = new Set<string>();
  for (const outcome of score.attacks) {
    if (outcome.verdict !== verdict) continue;
    all.add(outcome.path);
    if (outcome.flagged) right.add(outcome.path);
  }
  const innocents = score.innocents.filter((innocent) => innocent.verdict === verdict).length;
  const total = all.size + innocents;
  if (total === 0) return "-";
  const { low, high } = clopperPearson(right.size, total);
  return `${right.size}/${total} (${(low * 100).toFixed(1)}-${(high * 100).toFixed(1)} %)`;
}

/** How sure a detector says it is of a case, against how often that case is in the file. Depends on the mix of files in the run. */
export function confidenceTable(scores: Score[]): Table {
  const rows = scores.flatMap(({ detector, claims }) =>
    (["match", "review"] as const).flatMap((verdict) => {
      const mine = claims.filter((c) => c.verdict === verdict);
      const stated = [...new Set(mine.map((c) => c.confidence.toFixed(3)))].sort().reverse();
      return stated.map((confidence) => {
        const alike = mine.filter((c) => c.confidence.toFixed(3) === confidence);
        const right = alike.filter((c) => c.right).length;
        const { low, high } = clopperPearson(right, alike.length);
        const interval = `${(low * 100).toFixed(1)}-${(high * 100).toFixed(1)} %`;
        return [detector, verdict, confidence, `${right}/${alike.length}`, interval];
      });
    }),
  );
  return {
    title: "Stated confidence and cases named rightly",
    head: ["detector", "verdict", "stated", "right", "95 % interval"],
    rows,
  };
}

function names(scores: Score[]): string[] {
  return scores.map((score) => score.detector);
}
