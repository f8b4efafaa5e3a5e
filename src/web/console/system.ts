import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { totals } from "../../casework/report.js";
import { indexProcesses } from "../../hash-index/index-tiers.js";
import { audit } from "../../platform/audit.js";
import type { Db } from "../../platform/database.js";
import { needs } from "../access/guard.js";
import type { Parts } from "../parts.js";
import { actor, read } from "./input.js";
import { page, readerOf, redirectBack } from "./page.js";
import { dropParked, parkedJobs, retryParked } from "./parked.js";

const QUEUES = ["submissions", "alerts", "takedowns", "takedown-results"];
const MOST_PARKED = 50;

const parkedForm = z.object({ id: z.string().regex(/^\d{1,18}$/, "must be the number of a parked job") });

/** `/system`: whether everything works, how much waits, and what was parked and why. */
export function systemRoutes(pages: FastifyInstance, parts: Parts): void {
  const { pool, queues } = parts;
  pages.get("/system", { preHandler: needs("submissions:read") }, async (request, reply) => {
    const [ready, counts, waiting, index, versions, parked] = await Promise.all([
      parts.readiness?.(),
      totals(pool),
      queueCounts(parts),
      indexProcesses(pool),
      versionsOf(pool),
      parkedJobs(pool, MOST_PARKED),
    ]);
    const title = readerOf(request).t.system.title;
    return page(request, reply, "system", { title, ready, counts, waiting, index, versions, parked, backend: queues.backend });
  });

  const act = { preHandler: needs("submissions:write"), bodyLimit: 4_096 };
  pages.post("/system/parked/retry", act, async (request, reply) => {
    const { id } = read(parkedForm, request.body);
    await retryParked(parts, id);
    await audit(pool, { actor: actor(request), act: "parked job tried again", subject: `parked:${id}` });
    return redirectBack(request, reply, "/system", "retried");
  });
  pages.post("/system/parked/drop", act, async (request, reply) => {
    const { id } = read(parkedForm, request.body);
    await dropParked(pool, id);
    await audit(pool, { actor: actor(request), act: "parked job dropped", subject: `parked:${id}` });
    return redirectBack(request, reply, "/system", "dropped");
  });
}

/** A queue backend that is away is no reason to show nothing: its counts are then undefined. */
async function queueCounts({ queues, log }: Parts) {
  return Promise.all(
    QUEUES.map(async (name) => {
      try {
        return { name, counts: await queues.queue(name).getJobCounts("waiting", "active", "delayed", "failed") };
      } catch (err) {
        log.warn({ err, queue: name }, "the queue cannot be counted");
        return { name, counts: undefined };
      }
    }),
  );
}

async function versionsOf(db: Db): Promise<{ database: string; policy: string | null }> {
  const { rows } = await db.query<{ database: string; policy: string | null }>(
    `select current_setting('server_version') as database, (select version from policy order by first_used_at desc limit 1) as policy`,
  );
  return rows[0];
}
