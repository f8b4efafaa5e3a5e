import { setTimeout as sleep } from "node:timers/promises";
import { createPostgresBackend } from "bullmq";

/** After a database that is away, so that a worker does not ask it as fast as it can. */
const REST_MS = 1_000;

/** What BullMQ's connections and backends have in common: the outcome of the first connection, kept for good. */
interface Remembering {
  readyPromise?: Promise<void>;
  waitUntilReady(): Promise<void>;
}

/**
 * BullMQ's backend on PostgreSQL, with more patience. By itself it remembers a failed first connection for ever, and a worker that was
 * started while the database was away would ask that memory in a tight loop, and never take a job. Here a failure is forgotten, and whoever
 * looks for the next job waits a second after one.
 */
export const createPatientBackend: typeof createPostgresBackend = (name, opts, factoryOpts) => {
  const backend = createPostgresBackend(name, opts, factoryOpts);
  const { connection } = backend as unknown as { connection: Remembering };
  for (const each of [connection, backend as unknown as Remembering]) forgetFailures(each);
  const moveToActive = backend.moveToActive.bind(backend);
  backend.moveToActive = async (...given) => {
    try {
      return await moveToActive(...given);
    } catch (error) {
      await sleep(REST_MS, undefined, { ref: false });
      throw error;
    }
  };
  return backend;
};

function forgetFailures(remembering: Remembering): void {
  const first = remembering.waitUntilReady.bind(remembering);
  remembering.waitUntilReady = async () => {
    try {
      await first();
    } catch (error) {
      remembering.readyPromise = undefined;
      throw error;
    }
  };
}
