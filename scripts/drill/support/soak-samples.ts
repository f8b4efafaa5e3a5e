import { type TableState, tableStates } from "../../../src/bench/load-growth.js";
import type { Replica } from "../../../src/bench/load-replica.js";
import { SUBMISSIONS } from "../../../src/intake/client.js";
import { leftIn } from "./bad-media-judge.js";
import type { BadMediaSite } from "./bad-media-site.js";
import { descendantsOf, handlesOf } from "./processes.js";

/** One moment: values by name. */
export interface SoakSample {
  atMs: number;
  values: Record<string, number>;
}

/** What is watched, and by how much it may grow in an hour before it is said to. */
export interface Watched {
  name: string;
  unit: string;
  mostPerHour: number;
}

/** Tables whose rows come and go: their size must come to rest. The others keep what was submitted, and grow with it. */
const PASSING = ["submission_fingerprint", "intake", "queue.event"];

const QUEUES = [SUBMISSIONS, "alerts", "takedowns", "takedown-results"];

export function watchedOf(replicas: Replica[], samples: SoakSample[]): Watched[] {
  const names = new Set(samples.flatMap(({ values }) => Object.keys(values)));
  const each = replicas.flatMap((_, i): Watched[] => [
    { name: `memory of worker ${i + 1}`, unit: "MB", mostPerHour: 20 },
    { name: `open files of worker ${i + 1}`, unit: "", mostPerHour: 3 },
    { name: `threads of worker ${i + 1}`, unit: "", mostPerHour: 2 },
    { name: `programs run by worker ${i + 1}`, unit: "", mostPerHour: 1 },
  ]);
  const all = [
    ...each,
    { name: "temporary files", unit: "", mostPerHour: 1 },
    { name: "database connections", unit: "", mostPerHour: 2 },
    { name: "outbox waiting", unit: "", mostPerHour: 20 },
    { name: "submissions waiting", unit: "", mostPerHour: 100 },
    { name: "dead rows", unit: "% of all", mostPerHour: 10 },
    ...PASSING.map((table) => ({ name: `size of ${table}`, unit: "MB", mostPerHour: 10 })),
  ];
  return all.filter(({ name }) => names.has(name));
}

export async function takeSample({ site, tmpDir }: BadMediaSite, replicas: Replica[], atMs: number): Promise<SoakSample> {
  const { pool } = site.app.database;
  const values: Record<string, number> = {};
  for (const [i, { pid }] of replicas.entries()) {
    const { files, threads, residentBytes } = await handlesOf(pid);
    values[`memory of worker ${i + 1}`] = residentBytes / 1e6;
    values[`open files of worker ${i + 1}`] = files;
    values[`threads of worker ${i + 1}`] = threads;
    values[`programs run by worker ${i + 1}`] = (await descendantsOf(pid)).length;
  }
  values["temporary files"] = (await leftIn(tmpDir)).length;
  values["database connections"] = await countIn(
    pool,
    "select count(*)::int as n from pg_stat_activity where datname = current_database()",
  );
  values["outbox waiting"] = await countIn(pool, "select count(*)::int as n from outbox where delivered_at is null");
  values["submissions done"] = await countIn(pool, "select count(*)::int as n from submission");
  const states = await tableStates(pool);
  const rows = (of: (state: TableState) => number) => states.reduce((sum, state) => sum + of(state), 0);
  values["dead rows"] =
    (100 * rows((s) => s.deadRows)) /
    Math.max(
      1,
      rows((s) => s.deadRows + s.liveRows),
    );
  for (const { table, bytes } of states) values[`size of ${table.replace(/^\w+_queue\./, "queue.")}`] = bytes / 1e6;
  for (const name of QUEUES) {
    const { waiting = 0, prioritized = 0, delayed = 0 } = await site.app.queues.queue(name).getJobCounts();
    values[`${name} waiting`] = waiting + prioritized + delayed;
  }
  return { atMs, values };
}

async function countIn(pool: { query(sql: string): Promise<{ rows: { n: number }[] }> }, sql: string): Promise<number> {
  return (await pool.query(sql)).rows[0].n;
}
