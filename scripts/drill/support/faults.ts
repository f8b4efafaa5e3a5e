import { rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import type { TcpProxy } from "./proxy.js";
import type { ServiceProcess } from "./service-process.js";
import type { DrillSite } from "./site.js";

/** One thing that breaks, for a while. Two faults of one target never overlap; all others may. */
export interface Fault {
  name: string;
  target: string;
  /** Out of the sum of all. */
  weight: number;
  /** Resolves when what it broke is whole again. `random` gives a number from 0 to 1. */
  happen(random: () => number): Promise<void>;
}

const between = (random: () => number, least: number, most: number) => least + random() * (most - least);

const HOUR_MS = 3_600_000;

/** Everything that this drill can break. */
export function faultsOf(site: DrillSite, processes: ServiceProcess[]): Fault[] {
  return [
    ...networkFaults("postgres", site.proxies.postgres),
    ...(site.proxies.redis ? networkFaults("redis", site.proxies.redis) : []),
    ...postgresFaults(site),
    ...(site.redis ? redisFaults(site.redis) : []),
    ...diskFaults(site),
    ...processes.flatMap((process) => processFaults(process)),
  ];
}

function networkFaults(to: string, proxy: TcpProxy): Fault[] {
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

function postgresFaults(site: DrillSite): Fault[] {
  const { postgres } = site;
  const target = "the database server";
  const sessions = "database sessions";
  const restart = (signal: NodeJS.Signals) => async (random: () => number) => {
    await postgres.end(signal);
    await sleep(between(random, 0, 1_500));
    await startAgain(site);
  };
  return [
    { name: "database stopped at once", target, weight: 3, happen: restart("SIGQUIT") },
    { name: "database restarted", target, weight: 1, happen: restart("SIGINT") },
    {
      ...{ name: "all database sessions ended", target: sessions, weight: 8 },
      happen: async () => {
        await inSession(site, (client) =>
          client.query(
            "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and backend_type = 'client backend'",
          ),
        );
      },
    },
    {
      ...{ name: "no database connection left", target: sessions, weight: 4 },
      happen: async (random) => {
        const held = await holdConnections(site);
        await sleep(between(random, 1_000, 3_000));
        await Promise.all(held.map((client) => client.end().catch(() => {})));
      },
    },
    {
      ...{ name: "a table locked", target: sessions, weight: 8 },
      happen: async (random) => {
        const table = ["submission", "intake", "outbox", '"case"', "takedown"][Math.floor(random() * 5)];
        await inSession(site, async (client) => {
          await client.query(`begin; lock table ${table} in access exclusive mode`);
          await sleep(between(random, 300, 3_000));
          await client.query("commit");
        });
      },
    },
  ];
}

/** A database that finds no room when it recovers must be started again later. */
export async function startAgain({ postgres }: DrillSite): Promise<void> {
  while (!(await postgres.isRunning())) await postgres.start().catch(() => sleep(500));
}

/** What goes wrong in it is part of the drill: another fault may be at work at the same time. */
async function inSession(site: DrillSite, work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = await connectTo(site);
  if (!client) return;
  await work(client).catch(() => {});
  await client.end().catch(() => {});
}

async function connectTo({ directUrl }: DrillSite): Promise<pg.Client | undefined> {
  const client = new pg.Client({ connectionString: directUrl, connectionTimeoutMillis: 2_000 });
  client.on("error", () => {});
  return client.connect().then(
    () => client,
    () =>
      client.end().then(
        () => undefined,
        () => undefined,
      ),
  );
}

/** More than the server takes. */
const MOST_CONNECTIONS = 320;
const AT_ONCE = 20;

async function holdConnections(site: DrillSite): Promise<pg.Client[]> {
  const held: pg.Client[] = [];
  while (held.length < MOST_CONNECTIONS) {
    const more = (await Promise.all(Array.from({ length: AT_ONCE }, () => connectTo(site)))).filter((it) => it !== undefined);
    held.push(...more);
    if (more.length < AT_ONCE) break;
  }
  return held;
}

function redisFaults(redis: NonNullable<DrillSite["redis"]>): Fault[] {
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

/** Only small disks are filled: never one that others use. */
function diskFaults(site: DrillSite): Fault[] {
  if (!site.disks.areSmall) return [];
  const fill = (folder: string) => async (random: () => number) => {
    const path = join(folder, "filler");
    await fillDisk(path);
    await sleep(between(random, 1_000, 3_000));
    rmSync(path, { force: true });
  };
  return [
    {
      ...{ name: "the database's disk full", target: "the database server", weight: 3 },
      happen: async (random) => {
        await fill(site.disks.database)(random);
        await startAgain(site);
      },
    },
    { name: "the disk for media full", target: "the disk for media", weight: 5, happen: fill(site.disks.media) },
  ];
}

async function fillDisk(path: string): Promise<void> {
  writeFileSync(path, "");
  const file = await open(path, "a");
  try {
    for (let bytes = 1024 * 1024; bytes >= 4096; ) {
      try {
        await file.write(Buffer.alloc(bytes));
      } catch {
        bytes /= 2;
      }
    }
  } finally {
    await file.close();
  }
}

/** Until a process that was started again answers, on a busy machine; for longer it is not waited for. */
const PATIENCE_MS = 180_000;

function processFaults(process: ServiceProcess): Fault[] {
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
