import { setTimeout as sleep } from "node:timers/promises";
import { createLog } from "../../../src/platform/log.js";
import { createQueues } from "../../../src/platform/queues.js";
import type { DrillSite } from "./site.js";

/** What whoever takes `alerts` and `takedowns` has seen: how often each came, by id (and attempt). */
export interface Consumers {
  alerts: Map<string, number>;
  takedowns: Map<string, number>;
  /** Takedowns reported removed, and answered. */
  reported: Set<string>;
  stop(): Promise<void>;
}

interface Message {
  alertId?: string;
  takedownId?: string;
  attempt?: number;
}

const RETRY_MS = 500;

/**
 * Consumers as an integration would write them: each message is noted before it is acknowledged, and repeats are dropped. Takedowns are
 * reported removed over HTTP, until that is answered.
 */
export function startConsumers(site: DrillSite, addresses: string[]): Consumers {
  const queues = createQueues({ redisUrl: site.redisUrl, queuePrefix: "reupload" }, site.databaseUrl, createLog("silent"));
  const seen = { alerts: new Map<string, number>(), takedowns: new Map<string, number>() };
  const reported = new Set<string>();
  const reports = new Set<Promise<void>>();
  const note = (notes: Map<string, number>, id: string) => {
    notes.set(id, (notes.get(id) ?? 0) + 1);
    return notes.get(id) === 1;
  };
  const report = async (takedownId: string, attempt: number) => {
    for (let n = 0; ; n++) {
      const answer = await fetch(`${addresses[n % addresses.length]}/v1/takedowns/${takedownId}/results`, {
        method: "POST",
        headers: { authorization: `Bearer ${site.token}`, "content-type": "application/json" },
        body: JSON.stringify({ state: "removed", attempt }),
        signal: AbortSignal.timeout(20_000),
      }).catch(() => undefined);
      // 409: an earlier try was applied, and its answer lost.
      if (answer && (answer.ok || answer.status === 409)) return void reported.add(takedownId);
      await sleep(RETRY_MS);
    }
  };
  queues.worker<Message>("alerts", async ({ data }) => void note(seen.alerts, data.alertId!));
  queues.worker<Message>("takedowns", async ({ data, name }) => {
    if (name !== "takedown" || !note(seen.takedowns, `${data.takedownId}-${data.attempt}`)) return;
    const work = report(data.takedownId!, data.attempt!).finally(() => reports.delete(work));
    reports.add(work);
  });
  return {
    ...seen,
    reported,
    stop: async () => {
      await Promise.all(reports);
      await queues.close();
    },
  };
}
