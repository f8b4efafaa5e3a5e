import { setTimeout as sleep } from "node:timers/promises";
import { between, type Fault } from "./fault.js";
import type { TcpProxy } from "./proxy.js";

export function networkFaults(to: string, proxy: TcpProxy): Fault[] {
  const target = `connections to ${to}`;
  const during = (name: string, weight: number, least: number, most: number, begin: (random: () => number) => void): Fault => ({
    ...{ name: `${target} ${name}`, target, weight },
    happen: async (random) => {
      begin(random);
      await sleep(between(random, least, most));
      proxy.heal();
    },
  });
  return [
    { name: `${target} cut`, target, weight: 14, happen: async () => proxy.cut() },
    during("delayed by 0.3 to 3 s", 8, 500, 3_000, (random) => proxy.delay(between(random, 300, 3_000))),
    during("silent", 5, 500, 4_000, () => proxy.silence()),
    during("half open", 5, 1_000, 5_000, () => proxy.halfOpen()),
  ];
}
