import type { BadInput } from "./bad-media.js";
import { complaintsAbout, type Judgement, judgeMedia, leftIn } from "./bad-media-judge.js";
import type { BadMediaSite } from "./bad-media-site.js";
import { descendantsOf } from "./processes.js";

export interface Judged {
  input: BadInput;
  path: string;
  /** By path, or fetched from a server. */
  way: "path" | "url";
  judgement: Judgement;
  complaints: string[];
}

/**
 * Makes each input and reads it, several at a time, every other one through the server. After each nothing may be left of it: no process
 * that has its path, no temporary file but those of inputs still being read.
 */
export async function judgeAll(
  { site: { app }, server, kitchen, tmpDir }: BadMediaSite,
  inputs: BadInput[],
  options: { atOnce: number; onJudged?: (judged: Judged) => void | Promise<void> },
  signal: AbortSignal,
): Promise<Judged[]> {
  const done: Judged[] = [];
  let next = 0;
  let reading = 0;
  const secrets = [kitchen.folder, tmpDir, new URL(server.trapUrl).host];
  const work = async () => {
    while (next < inputs.length) {
      signal.throwIfAborted();
      const place = next++;
      const input = inputs[place];
      const path = await input.make(kitchen).catch((cause: unknown) => {
        throw new Error(`the input "${input.name}" could not be made`, { cause });
      });
      const way = input.byPathOnly || place % 2 === 0 ? "path" : "url";
      reading++;
      const judgement = await judgeMedia(app, way === "path" ? { path } : { url: server.urlOf(path) }, signal);
      reading--;
      const complaints = [...complaintsAbout(input, judgement, secrets), ...(await leftovers(tmpDir, path, reading))];
      const judged: Judged = { input, path, way, judgement, complaints };
      done.push(judged);
      await options.onJudged?.(judged);
    }
  };
  await Promise.all(Array.from({ length: options.atOnce }, work));
  return done;
}

/** @param reading inputs that are still being read: each may have one temporary folder. */
async function leftovers(tmpDir: string, path: string, reading: number): Promise<string[]> {
  const running = (await descendantsOf(process.pid)).filter(({ command }) => command.includes(path));
  const files = await leftIn(tmpDir);
  return [
    ...running.map(({ command }) => `a process is left: ${command.slice(0, 80)}`),
    ...(files.length > reading ? [`files are left: ${files.join(", ")}`] : []),
  ];
}

/** How many inputs of each group came to what. */
export function countsByGroup(all: Judged[]): { group: string; inputs: number; counts: Record<string, number>; wrong: number }[] {
  const groups = [...new Set(all.map(({ input }) => input.group))].sort();
  return groups.map((group) => {
    const those = all.filter(({ input }) => input.group === group);
    const counts: Record<string, number> = {};
    for (const { judgement } of those) counts[judgement.verdict] = (counts[judgement.verdict] ?? 0) + 1;
    return { group, inputs: those.length, counts, wrong: those.filter(({ complaints }) => complaints.length > 0).length };
  });
}
