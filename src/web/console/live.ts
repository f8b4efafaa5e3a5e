import type { FastifyInstance, FastifyReply } from "fastify";
import type { Pool } from "pg";
import type { Log } from "../../platform/log.js";
import { needs } from "../access/guard.js";

/** How often the newest alert is looked for, by one query a process however many people watch. */
const POLL_MS = 2_000;
/** Proxies drop a connection that says nothing for a minute. */
const KEEP_ALIVE_MS = 20_000;
/** A browser that was cut off comes back after this. */
const RETRY_MS = 5_000;

export interface Live {
  openAlerts(): string | undefined;
  /** Of the newest change that was seen; "" before the first look. */
  mark(): string;
  /** Starts looking, until `close`. */
  start(): void;
  close(): Promise<void>;
  watch(reply: FastifyReply): void;
}

interface Seen {
  /** How many, or "999+". */
  open: string;
  /** Changes whenever an alert is raised or its state changes. */
  mark: string;
}

/**
 * Counts the open alerts every two seconds and tells every watching page when something changed. It carries numbers only: pages ask
 * for what they show.
 */
export function createLive(pool: Pool, log: Log): Live {
  const watchers = new Set<FastifyReply>();
  let seen: Seen | undefined;
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> = Promise.resolve();
  let lastKeptAliveMs = 0;
  let failing = false;

  const look = async () => {
    const now = await newest(pool);
    if (now.mark !== seen?.mark) for (const reply of watchers) reply.raw.write(eventOf(now));
    seen = now;
    if (Date.now() - lastKeptAliveMs < KEEP_ALIVE_MS) return;
    lastKeptAliveMs = Date.now();
    for (const reply of watchers) reply.raw.write(": still here\n\n");
  };
  const lookOnce = () => {
    looking = look().then(
      () => {
        failing = false;
      },
      (err) => {
        if (!failing) log.warn({ err }, "the console cannot count alerts");
        failing = true;
      },
    );
    return looking;
  };
  const run = async () => {
    await lookOnce();
    if (timer !== undefined) timer = setTimeout(run, POLL_MS);
  };

  return {
    openAlerts: () => seen?.open,
    mark: () => seen?.mark ?? "",
    start: () => {
      timer = setTimeout(run, 0);
    },
    close: async () => {
      clearTimeout(timer);
      timer = undefined;
      for (const reply of watchers) reply.raw.end();
      await looking;
    },
    watch: (reply) => {
      watchers.add(reply);
      reply.raw.on("close", () => watchers.delete(reply));
      reply.raw.write(`retry: ${RETRY_MS}\n\n${seen ? eventOf(seen) : ""}`);
    },
  };
}

const eventOf = (seen: Seen) => `event: alerts\ndata: ${JSON.stringify(seen)}\n\n`;

/** Open alerts are counted up to here: more than that is "999+" on a page, and no reason to read 100,000 rows every two seconds. */
const COUNTED = 1_000;

async function newest(pool: Pool): Promise<Seen> {
  const { rows } = await pool.query<{ open: number; seq: string; event: string }>(
    `select (select count(*)::int from (select 1 from alert where state = 'open' limit $1) counted) as open,
            (select coalesce(max(seq), 0) from alert) as seq,
            (select coalesce(max(id), 0) from alert_event) as event`,
    [COUNTED],
  );
  return {
    open: rows[0].open < COUNTED ? String(rows[0].open) : `${COUNTED - 1}+`,
    mark: `${rows[0].seq}-${rows[0].event}-${rows[0].open}`,
  };
}

/** `GET /events`: server-sent events for whoever is signed in. */
export function liveRoutes(server: FastifyInstance, live: Live): void {
  server.get("/events", { preHandler: needs("alerts:read") }, (_request, reply) => {
    reply.hijack();
    reply.raw.writeHead(200, {
      "content-type": "text/event-stream",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
      "x-content-type-options": "nosniff",
    });
    live.watch(reply);
  });
}
