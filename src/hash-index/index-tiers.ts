import { setTimeout as sleep } from "node:timers/promises";
import type { Db } from "../platform/database.js";
import type { Log } from "../platform/log.js";
import { type Follower, follow, SERVING } from "./in-process/follow.js";
import { createInProcessIndex, type InProcessIndex } from "./in-process/in-process-index.js";
import { LOADING } from "./in-process/load.js";
import { startThreads, type Threads, usualThreads } from "./in-process/threads.js";
import { newestChange } from "./lookup.js";
import { inProcess, type Lookups, POSTGRES } from "./lookups.js";

/** From how many active fingerprints on a process answers from its own index; "never" leaves all to Postgres. */
export type InProcessFrom = number | "never";

export interface IndexOptions {
  connectionString: string;
  algorithm: string;
  patchAlgorithm: string;
  inProcessFrom: InProcessFrom;
  /** How many threads search; 0 searches in the thread that asks. */
  threads?: number;
}

export interface IndexState {
  tier: "postgres" | "in-process";
  loading: boolean;
  references: number;
  fingerprints: number;
  patches: number;
  bytes: number;
  segments: number;
  /** The newest change of references that is in it. */
  appliedSeq: string;
}

/** The two tiers behind one lookup. Without {@link HashIndex.serve}, as in a command that looks up once, Postgres answers. */
export interface HashIndex {
  /** Who answers now. */
  lookups(): Lookups;
  /** Who answers to one that must see every change until `seq`, inside a transaction that holds the index still. */
  lookupsAt(seq: string): Promise<Lookups>;
  /** Loads the index once there are enough fingerprints, keeps it fresh, and begins anew should it fail; until `stopping`. */
  serve(stopping: AbortSignal): Promise<void>;
  state(): IndexState;
  /** Resolves when the index answers from memory; for a bench or a test. */
  ready(): Promise<void>;
  /** Changes that are committed but not yet in it; 0 when Postgres answers. */
  behind(db: Db): Promise<number>;
}

/** How often a process that does not need an index yet counts again, and one whose index failed tries again. */
const RECOUNT_MS = 60_000;
const RETRY_MS = 5_000;
const READY_POLL_MS = 20;

/** How long a transaction waits for the changes that came since its lookup, before it asks Postgres. A pass takes some milliseconds. */
const CATCH_UP_MS = 2_000;

interface Serving {
  index: InProcessIndex;
  follower: Follower;
  threads: Threads;
  lookups: Lookups;
}

/** Opens nothing yet. */
export function createHashIndex(db: Db, options: IndexOptions, log: Log): HashIndex {
  let serving: Serving | undefined;
  let loading = false;
  let fail = () => {};
  const onFailure = (err: unknown) => {
    log.error({ err }, "the hash index failed; Postgres answers until it is loaded again");
    fail();
  };

  async function open(): Promise<Serving> {
    const fromMs = performance.now();
    const threads = startThreads(options.threads ?? usualThreads());
    try {
      const loaded = await threads.load(options);
      const index = createInProcessIndex(loaded, threads, (err) => log.warn({ err }, "the hash index could not be merged"));
      const follower = follow(options.connectionString, index, options, log);
      await follower.catchUp().catch(async (error) => {
        await follower.close();
        throw error;
      });
      const { references, fingerprints, patches, bytes } = index.size();
      const elapsedMs = Math.round(performance.now() - fromMs);
      log.info({ references, fingerprints, patches, bytes, elapsedMs }, "the hash index answers in this process");
      return { index, follower, threads, lookups: inProcess(index, options, onFailure) };
    } catch (error) {
      await threads.close();
      throw error;
    }
  }

  /** Serves until it is stopped or fails. */
  async function serveOnce(stopping: AbortSignal): Promise<void> {
    loading = true;
    const opened = await open().finally(() => {
      loading = false;
    });
    serving = opened;
    await new Promise<void>((resolve) => {
      fail = resolve;
      if (stopping.aborted) resolve();
      stopping.addEventListener("abort", () => resolve(), { once: true });
    });
    serving = undefined;
    await opened.follower.close();
    await opened.threads.close();
  }

  return {
    lookups: () => serving?.lookups ?? POSTGRES,
    async lookupsAt(seq) {
      if (!serving) return POSTGRES;
      const { index, follower, lookups } = serving;
      if (BigInt(index.appliedSeq()) < BigInt(seq)) {
        const late = sleep(CATCH_UP_MS, undefined, { ref: false });
        await Promise.race([follower.catchUp(), late]).catch((err) => log.debug({ err }, "the hash index is behind"));
      }
      return BigInt(index.appliedSeq()) >= BigInt(seq) ? lookups : POSTGRES;
    },
    async serve(stopping) {
      const { inProcessFrom } = options;
      while (inProcessFrom !== "never" && !stopping.aborted) {
        let waitMs = RECOUNT_MS;
        try {
          if ((await activeFingerprints(db)) >= inProcessFrom) {
            await serveOnce(stopping);
            waitMs = RETRY_MS;
          }
        } catch (err) {
          if (stopping.aborted) return;
          log.warn({ err }, "the hash index could not be loaded; Postgres answers, and it is tried again");
          waitMs = RETRY_MS;
        }
        await sleep(waitMs, undefined, { signal: stopping }).catch(() => {});
      }
    },
    state: () => ({
      tier: serving ? "in-process" : "postgres",
      loading,
      ...(serving?.index.size() ?? { references: 0, fingerprints: 0, patches: 0, bytes: 0, segments: 0 }),
      appliedSeq: serving?.index.appliedSeq() ?? "0",
    }),
    ready: async () => {
      while (!serving) await sleep(READY_POLL_MS);
    },
    behind: async (asked) => (serving ? Math.max(0, Number(await newestChange(asked)) - Number(serving.index.appliedSeq())) : 0),
  };
}

/** Fingerprints of whole pictures of active references: what the tiers' threshold is about. */
export async function activeFingerprints(db: Db): Promise<number> {
  const { rows } = await db.query<{ n: string }>(
    "select coalesce(sum(fingerprint_count), 0)::text as n from reference where retired_at is null",
  );
  return Number(rows[0].n);
}

/** How many processes of all that use this database answer from an index of their own, and how many are loading one. */
export async function indexProcesses(db: Db): Promise<{ serving: number; loading: number }> {
  const { rows } = await db.query<{ serving: number; loading: number }>(
    `select count(*) filter (where application_name = $1)::int as serving,
            count(*) filter (where application_name = $2)::int as loading
     from pg_stat_activity where datname = current_database()`,
    [SERVING, LOADING],
  );
  return rows[0];
}
