import { TAKEDOWN_RESULTS } from "../casework/takedown-results.js";
import type { Config } from "../config.js";
import { SUBMISSIONS } from "../intake/client.js";
import type { Database } from "../platform/database.js";
import type { Queues } from "../platform/queues.js";
import { waitingElsewhere } from "../platform/queues-elsewhere.js";
import { type Finding, failed, ok, warning, worstOf } from "./doctor-findings.js";

export interface Opened {
  config: Config;
  database: Database;
  queues: Queues;
  /** Whether the server of the queues answers. */
  areReached: boolean;
}

/** Redis may be fuller than this only for a short time: then it refuses jobs. */
const MOST_MEMORY_SHARE = 0.8;

export async function checkQueues({ queues }: Opened): Promise<Finding> {
  const { waiting, prioritized, failed: parked } = await waitingIn(queues);
  const text = `${waiting + prioritized} waiting, ${parked} failed`;
  if (queues.backend === "postgres") return ok(text);
  const [policy, save, appendOnly, most, used] = await Promise.all([
    queues.redisSetting("maxmemory-policy"),
    queues.redisSetting("save"),
    queues.redisSetting("appendonly"),
    queues.redisSetting("maxmemory"),
    queues.redisMemory(),
  ]);
  const share = used !== undefined && Number(most) > 0 ? used / Number(most) : 0;
  return worstOf(
    [
      policy !== undefined &&
        policy !== "noeviction" &&
        warning(`maxmemory-policy is ${policy}: set it to noeviction, or Redis may drop jobs`),
      save === "" &&
        appendOnly === "no" &&
        warning("it keeps nothing on disk, so a restart empties the queues: set appendonly to yes"),
      share > MOST_MEMORY_SHARE && warning(`it is ${Math.round(share * 100)} % full: raise maxmemory, or start more workers`),
    ],
    text,
  );
}

async function waitingIn(queues: Queues): Promise<{ waiting: number; prioritized: number; failed: number }> {
  const counts = await queues.queue(SUBMISSIONS).getJobCounts("waiting", "prioritized", "failed");
  return { waiting: 0, prioritized: 0, failed: 0, ...counts };
}

/** Processes that take submissions, and that take what became of takedowns, which relays do. 0 where the server does not tell. */
export async function processesOf({ queues, areReached }: Opened): Promise<{ workers: number; relays: number; told: boolean }> {
  if (!areReached) return { workers: 0, relays: 0, told: false };
  try {
    const [workers, relays] = await Promise.all([SUBMISSIONS, TAKEDOWN_RESULTS].map((name) => queues.queue(name).getWorkers()));
    // A Redis that does not list its clients gives one without an address.
    const told = [...workers, ...relays].every((client) => queues.backend === "postgres" || client.addr !== undefined);
    return { workers: workers.length, relays: relays.length, told };
  } catch {
    return { workers: 0, relays: 0, told: false };
  }
}

export async function checkProcesses(opened: Opened): Promise<Finding> {
  const { queues, database } = opened;
  const { workers, relays, told } = await processesOf(opened);
  if (!told) return ok("the server of the queues does not tell who is connected");
  const { waiting, prioritized } = await waitingIn(queues);
  const { rows } = await database.pool.query<{ n: number }>("select count(*)::int as n from outbox where delivered_at is null");
  const say = (isNeeded: boolean, text: string) => (isNeeded ? failed : warning)(text);
  const jobs = waiting + prioritized;
  return worstOf(
    [
      workers === 0 && say(jobs > 0, `no process has the role worker, and ${jobs} submissions wait: start one with ROLES=worker`),
      relays === 0 &&
        say(rows[0].n > 0, `no process has the role relay, and ${rows[0].n} messages wait: start one with ROLES=relay`),
    ],
    `${workers} with the role worker, ${relays} with the role relay`,
  );
}

/** What a wrong REDIS_URL or QUEUE_PREFIX on one side looks like from the other. */
export async function checkElsewhere({ config, database: { pool } }: Opened): Promise<Finding> {
  const found = await waitingElsewhere(pool, config, SUBMISSIONS);
  const where = ({ backend, prefix }: (typeof found)[number]) =>
    `QUEUE_PREFIX ${prefix} in ${backend === "redis" ? "Redis" : "Postgres"}`;
  const problems = found.map((one) =>
    warning(
      `${one.waiting} submissions wait under ${where(one)}, where no worker of ours looks: give both sides the same QUEUE_PREFIX and REDIS_URL`,
    ),
  );
  return worstOf(problems, `${config.queuePrefix}: nothing waits under another`);
}
