import { setTimeout as sleep } from "node:timers/promises";
import { between, type Fault } from "./fault.js";
import type { DrillSite } from "./site.js";

export function redisFaults(redis: NonNullable<DrillSite["redis"]>): Fault[] {
  const target = "the queue server";
  const restart = (signal: NodeJS.Signals) => async (random: () => number) => {
    await redis.end(signal);
    await sleep(between(random, 0, 1_500));
    await redis.start();
  };
  return [
    { name: "Redis restarted", target, weight: 3, happen: restart("SIGTERM") },
    { name: "Redis killed, and back with an old state", target, weight: 3, happen: restart("SIGKILL") },
    {
      name: "Redis emptied (FLUSHALL)",
      target,
      weight: 4,
      happen: async () => void (await redis.ask("FLUSHALL").catch(() => {})),
    },
    {
      ...{ name: "Redis out of memory", target, weight: 5 },
      happen: async (random) => {
        await redis.ask("CONFIG", "SET", "maxmemory", "1mb");
        await sleep(between(random, 500, 3_000));
        await redis.ask("CONFIG", "SET", "maxmemory", "0");
      },
    },
    {
      ...{ name: "Redis pauses", target, weight: 4 },
      happen: async (random) => {
        const ms = Math.round(between(random, 300, 2_500));
        await redis.ask("CLIENT", "PAUSE", String(ms), "ALL");
        await sleep(ms);
      },
    },
  ];
}
