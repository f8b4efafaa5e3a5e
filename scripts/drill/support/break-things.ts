import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { randomFrom } from "../../../src/bench/index/generate.js";
import type { Fault } from "./fault.js";
import { say, type Timed } from "./report.js";

/** So many faults, by their weights. It depends on nothing but the seed and on what can break here. */
export function drawFaults(faults: Fault[], count: number, seed: number): Fault[] {
  const random = randomFrom(seed);
  const sum = faults.reduce((all, { weight }) => all + weight, 0);
  return Array.from({ length: count }, () => {
    let place = random() * sum;
    const drawn = faults.find(({ weight }) => {
      place -= weight;
      return place < 0;
    });
    return drawn ?? faults[faults.length - 1];
  });
}

/** Eight digits by which two runs can be seen to have drawn the same faults in the same order. */
export function checksumOf(drawn: Pick<Fault, "name" | "target">[]): string {
  const names = drawn.map(({ name, target }) => `${name} ${target}\n`).join("");
  return createHash("sha256").update(names).digest("hex").slice(0, 8);
}

/** Work of one line is done one after the other, whatever becomes of it; lines do not wait for one another. */
export function createLines() {
  const lines = new Map<string, Promise<void>>();
  return {
    add: (line: string, work: () => Promise<void>): void => {
      const before = lines.get(line) ?? Promise.resolve();
      lines.set(
        line,
        before.then(work).catch((error: Error) => say(`${line}: ${error.message}`)),
      );
    },
    /** Once all is done. */
    done: async (): Promise<void> => void (await Promise.all(lines.values())),
  };
}

/** The last begin a little before the end. */
const SHARE_OF_TIME = 0.93;
const SHORTEST_MS = 20;

/** Progress is said after so many. */
const SAID_EVERY = 50;

/**
 * Lets drawn faults happen in their order, evenly in the time but for chance. One whose target is still broken waits in line for it, and
 * the others do not wait for it: so faults of one target never overlap. What has not begun when the time is over is left out. Returns those
 * that have happened, by when they began, once all is whole again.
 */
export async function breakThings(drawn: Fault[], forMs: number, seed: number, interrupted: AbortSignal): Promise<Timed[]> {
  const happened: Timed[] = [];
  const lines = createLines();
  const pace = randomFrom(seed + 1);
  const fromMs = performance.now();
  const leftMs = () => fromMs + forMs - performance.now();
  const begin = async (fault: Fault, nth: number): Promise<void> => {
    if (leftMs() <= 0 || interrupted.aborted) return;
    happened.push({ name: fault.name, atMs: Math.round(performance.now() - fromMs) });
    if (happened.length % SAID_EVERY === 0) say(`${happened.length} faults after ${Math.round((forMs - leftMs()) / 1_000)} s`);
    await fault.happen(randomFrom(seed + 7_919 * (nth + 1)));
  };
  for (const [nth, fault] of drawn.entries()) {
    if (leftMs() <= 0 || interrupted.aborted) break;
    lines.add(fault.target, () => begin(fault, nth));
    const evenlyMs = (leftMs() - (1 - SHARE_OF_TIME) * forMs) / (drawn.length - nth);
    await sleep(Math.max(SHORTEST_MS, evenlyMs * (0.4 + 1.2 * pace())), undefined, { signal: interrupted }).catch(() => {});
  }
  await lines.done();
  interrupted.throwIfAborted();
  return happened;
}
