import { setTimeout as sleep } from "node:timers/promises";
import { between, type Fault } from "./fault.js";
import type { ServiceProcess } from "./service-process.js";

const HOUR_MS = 3_600_000;

/** Until a process that was started again answers, on a busy machine; for longer it is not waited for. */
const PATIENCE_MS = 180_000;

export function processFaults(process: ServiceProcess): Fault[] {
  const target = process.name;
  const role = target.replace(/-\d+$/, "");
  const isBack = async () => {
    for (const untilMs = performance.now() + PATIENCE_MS; performance.now() < untilMs; await sleep(500))
      if (
        await fetch(`${process.address}/health/live`).then(
          (r) => r.ok,
          () => false,
        )
      )
        return;
  };
  return [
    {
      ...{ name: `${role} killed`, target, weight: 1.6 },
      happen: async () => {
        process.signal("SIGKILL");
        await isBack();
      },
    },
    {
      ...{ name: `${role} told to stop`, target, weight: 0.8 },
      happen: async (random) => {
        process.signal("SIGTERM");
        await sleep(between(random, 500, 2_000));
        await isBack();
      },
    },
    {
      ...{ name: `${role} frozen`, target, weight: 2.5 },
      happen: async (random) => {
        process.signal("SIGSTOP");
        // Longer than its lock of a job, now and then.
        await sleep(between(random, 500, 8_000));
        process.signal("SIGCONT");
      },
    },
    {
      ...{ name: `${role} with another clock`, target, weight: role === "worker" ? 0.5 : 0.2 },
      happen: async (random) => {
        process.skew(Math.round(between(random, -2, 2) * HOUR_MS));
        await isBack();
      },
    },
  ];
}
