import { setTimeout as sleep } from "node:timers/promises";
import type { Consumers } from "./consumers.js";
import { type Broken, checkExactlyOnce, leftOver } from "./exactly-once.js";
import { startAgain } from "./faults-postgres.js";
import type { IntakeLoad } from "./intake-load.js";
import type { ServiceProcess } from "./service-process.js";
import type { DrillSite } from "./site.js";

/** For everything that was accepted to come to its end. */
const DRY_WITHIN_MS = 6 * 60_000;

/** Leftovers of killed processes are removed when no scan can still use them: 50 s here, and the look for them comes once a minute. */
const TIDY_WITHIN_MS = 150_000;

const READY_WITHIN_MS = 300_000;

/** Waits until all answer that they are ready. @throws Error naming those that are not, after five minutes. */
export async function allReady(processes: ServiceProcess[], signal: AbortSignal): Promise<void> {
  for (const untilMs = performance.now() + READY_WITHIN_MS; ; await sleep(300)) {
    signal.throwIfAborted();
    const ready = await Promise.all(processes.map((process) => process.isReady()));
    if (ready.every(Boolean)) return;
    if (performance.now() > untilMs)
      throw new Error(`not ready: ${processes.filter((_, i) => !ready[i]).map(({ name }) => name)}`);
  }
}

/** Heals everything, waits for the end of all that was accepted, stops the service and compares. */
export async function settle(
  site: DrillSite,
  processes: ServiceProcess[],
  load: IntakeLoad,
  consumers: Consumers,
  signal: AbortSignal,
): Promise<Broken> {
  for (const proxy of [site.proxies.postgres, site.proxies.redis]) proxy?.heal();
  await startAgain(site);
  if (site.redis && !(await site.redis.isRunning())) await site.redis.start();
  for (const process of processes) process.signal("SIGCONT");
  await load.stop();
  for (const untilMs = performance.now() + DRY_WITHIN_MS; performance.now() < untilMs; await sleep(1_000)) {
    signal.throwIfAborted();
    if (Object.keys(await checkExactlyOnce(site, load.accepted, consumers)).length === 0) break;
  }
  const isTidy = () => !("files left over" in leftOver(site));
  for (const untilMs = performance.now() + TIDY_WITHIN_MS; performance.now() < untilMs && !isTidy(); await sleep(1_000))
    signal.throwIfAborted();
  await consumers.stop();
  load.close();
  const ends = await Promise.all(processes.map(async (process) => `${process.name}: ${await process.stop()}`));
  const notClean = ends.filter((end) => !end.endsWith(": 0"));
  await sleep(1_000);
  return {
    ...(await checkExactlyOnce(site, load.accepted, consumers)),
    ...leftOver(site),
    ...(load.refused.length > 0 && {
      "refused without a reason": { times: load.refused.length, such: load.refused.slice(0, 5) },
    }),
    ...(notClean.length > 0 && { "did not stop with exit code 0": { times: notClean.length, such: notClean } }),
  };
}
