import { z } from "zod";
import { alertCounts } from "../../casework/alerts.js";
import { totals } from "../../casework/report.js";
import { TransientError } from "../../errors.js";
import { indexProcesses } from "../../hash-index/index-tiers.js";
import { SUBMISSIONS } from "../../intake/client.js";
import { readVersion } from "../../platform/version.js";
import { needs } from "../access/guard.js";
import type { Parts } from "../parts.js";
import type { Api } from "./routes.js";

const counts = z.record(z.string(), z.int());

const statusSchema = z
  .object({
    version: z.string(),
    queues: z.enum(["redis", "postgres"]),
    jobs: counts.meta({ description: "On the queue `submissions`, by state." }),
    parked: z.int().meta({ description: "Jobs set aside because trying again cannot help." }),
    cases: z.int(),
    references: z.int(),
    fingerprints: z.int(),
    verdicts: counts.meta({ description: "Of scans, by kind." }),
    alerts: counts.meta({ description: "By state." }),
    takedowns: counts.meta({ description: "By state." }),
    outboxWaiting: z.int().meta({ description: "Messages that no queue has yet." }),
    index: z.object({
      serving: z.int().meta({ description: "Processes that look hashes up in their memory." }),
      loading: z.int(),
    }),
  })
  .meta({ id: "Status" });

const EXAMPLE = {
  version: "0.1.0",
  queues: "redis",
  jobs: { waiting: 3, prioritized: 0, active: 2, delayed: 0, failed: 0 },
  parked: 0,
  cases: 12,
  references: 140,
  fingerprints: 2310,
  verdicts: { clear: 9120, match: 61, review: 9, unscannable: 14 },
  alerts: { open: 12, confirmed: 48, dismissed: 7, escalated: 2 },
  takedowns: { removed: 51, sent: 4, queued: 1 },
  outboxWaiting: 0,
  index: { serving: 0, loading: 0 },
};

export function statusRoutes(api: Api, { pool, queues }: Parts): void {
  api.get(
    "/status",
    {
      onRequest: needs("submissions:read"),
      schema: {
        operationId: "readStatus",
        tags: ["system"],
        summary: "How the installation stands",
        description: "The counts an operator looks at first. Whether a process is of use says `/health/ready`.",
        right: "submissions:read",
        response: { 200: statusSchema },
        answers: { 200: { description: "How it stands.", example: EXAMPLE } },
      },
    },
    async () => {
      const { openAlerts: _, ...recorded } = await totals(pool);
      const jobs = await queues
        .queue(SUBMISSIONS)
        .getJobCounts("waiting", "prioritized", "active", "delayed", "failed")
        .catch((error) => {
          throw new TransientError("the queue did not answer", { cause: error });
        });
      const [alerts, index] = [await alertCounts(pool), await indexProcesses(pool)];
      return { version: readVersion(), queues: queues.backend, jobs, alerts, index, ...recorded };
    },
  );
}
