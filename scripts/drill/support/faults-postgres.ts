import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { between, type Fault } from "./fault.js";
import type { DrillSite } from "./site.js";

export function postgresFaults(site: DrillSite): Fault[] {
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
