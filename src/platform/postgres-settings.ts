import { totalmem } from "node:os";

const MEGABYTE = 1024 ** 2;

/**
 * Pages that Postgres keeps to itself: an eighth of the memory, from the 128 MB that it would take by itself up to 4 GB. The program has the
 * rest to share with the system's own cache, which holds the same files: it decodes, and may hold an index.
 */
const BUFFERS = { share: 1 / 8, leastMb: 128, mostMb: 4096 };

/** How much of the files the planner may take to be in memory, Postgres's own and the system's cache together. */
const CACHED_SHARE = 1 / 2;

/** The memory that this process may use, in bytes: of the machine, or of the container if that is less. */
export function availableMemory(total = totalmem(), constrained = process.constrainedMemory()): number {
  // Without a limit it is 0, undefined, or a number larger than any memory.
  return constrained && constrained < total ? constrained : total;
}

/**
 * What the embedded Postgres is told, as names and values of postgresql.conf: for a laptop, and for data that must survive a power cut, so
 * fsync stays on. Statements may quote URLs and hashes, so they are not logged.
 *
 * @param memory in bytes.
 */
export function postgresSettings(memory: number): Record<string, string> {
  const buffersMb = Math.floor(Math.min(BUFFERS.mostMb, Math.max(BUFFERS.leastMb, (memory * BUFFERS.share) / MEGABYTE)));
  const cachedMb = Math.max(buffersMb, Math.floor((memory * CACHED_SHARE) / MEGABYTE));
  return {
    listen_addresses: "'127.0.0.1'",
    unix_socket_directories: "''",
    max_connections: "200",
    shared_buffers: `${buffersMb}MB`,
    effective_cache_size: `${cachedMb}MB`,
    // The first change of a page after a checkpoint writes all of it, and postings change pages everywhere: so fewer checkpoints.
    max_wal_size: "2GB",
    checkpoint_timeout: "15min",
    fsync: "on",
    jit: "off",
    timezone: "'UTC'",
    log_timezone: "'UTC'",
    log_min_error_statement: "panic",
    log_error_verbosity: "terse",
  };
}
