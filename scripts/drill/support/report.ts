import type { Consumers } from "./consumers.js";
import type { Broken } from "./exactly-once.js";
import type { Accepted, IntakeLoad } from "./intake-load.js";
import type { DrillSite } from "./site.js";

export interface Timed {
  name: string;
  atMs: number;
}

export interface Figures {
  happened: Timed[];
  /** Checksum of the order in which faults were drawn, where they were. */
  order?: string;
  broken: Broken;
  load: IntakeLoad;
  consumers: Consumers;
  /** From being accepted to the verdict, in milliseconds, ascending. */
  times: number[];
  deaths: string[];
}

export const say = (line: string): void => void process.stdout.write(`${line}\n`);

export async function timesToVerdict(site: DrillSite, accepted: Map<string, Accepted>): Promise<number[]> {
  const rows = await site.ask<{ id: string; at: Date }>("select submission_id as id, created_at as at from verdict");
  return rows
    .filter(({ id }) => accepted.has(id))
    .map(({ id, at }) => Math.max(0, at.getTime() - accepted.get(id)!.acceptedAtMs))
    .sort((a, b) => a - b);
}

/** Of tries that failed, the most frequent. */
const REASONS = 8;

const seconds = (ms = 0) => `${(ms / 1_000).toFixed(1)} s`;

/** Prints what was done and what came of it. True when every promise was kept. */
export function report(about: object, { happened, order, broken, load, consumers, times, deaths }: Figures): boolean {
  const kinds = new Map<string, number>();
  for (const { name } of happened) kinds.set(name, (kinds.get(name) ?? 0) + 1);
  const repeats = (notes: Map<string, number>) => [...notes.values()].reduce((sum, n) => sum + n - 1, 0);
  const at = (share: number) => seconds(times[Math.min(times.length - 1, Math.floor(share * times.length))]);
  const matches = [...load.accepted.values()].filter(({ expected }) => expected === "match").length;
  say(`\n${JSON.stringify(about)}`);
  for (const [name, n] of [...kinds].sort(([, a], [, b]) => b - a)) say(`${String(n).padStart(6)}  ${name}`);
  say(`${String(happened.length).padStart(6)}  faults${order ? `, drawn in the order ${order}` : ""}\n`);
  const tries = [...load.retries.values()].reduce((sum, n) => sum + n, 0);
  say(`${load.accepted.size} submissions accepted, ${matches} of them known; before that ${tries} tries were not:`);
  for (const [reason, n] of [...load.retries].sort(([, a], [, b]) => b - a).slice(0, REASONS))
    say(`${String(n).padStart(6)}  ${reason}`);
  say(`time to the verdict: half within ${at(0.5)}, 95 % within ${at(0.95)}, 99 % within ${at(0.99)}, the longest ${at(1)}`);
  for (const what of ["alerts", "takedowns"] as const)
    say(`${consumers[what].size} ${what} delivered, with ${repeats(consumers[what])} repeats for their consumer to drop`);
  for (const death of deaths) say(death);
  const isKept = Object.keys(broken).length === 0;
  say(isKept ? "\nEverything accepted has exactly one verdict, alert and takedown: 0 lost, 0 doubled." : "\nBroken promises:");
  for (const [name, { times: n, such }] of Object.entries(broken)) say(`  ${n} ${name}: ${such.join(" | ")}`);
  return isKept;
}
