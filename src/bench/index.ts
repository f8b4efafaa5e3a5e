import { availableParallelism, cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { usualThreads } from "../hash-index/in-process/threads.js";
import type { Log } from "../platform/log.js";
import { type InMemoryResult, measureInMemory } from "./index/in-memory.js";
import { measureInPostgres, type PostgresResult } from "./index/in-postgres.js";

export interface IndexBenchSettings {
  hashes: number;
  postgres: boolean;
  onStep(text: string): void;
}

/** A limit that holds at 10 million hashes on two cores; at fewer hashes it is shown as well. */
export interface IndexFloor {
  name: string;
  limit: number;
  measured: number;
  passed: boolean;
}

export interface IndexBenchReport {
  cores: number;
  cpu: string;
  node: string;
  threads: number;
  inMemory: InMemoryResult[];
  /** A lookup takes as much processor time as the number of hashes to this power. */
  exponent: number;
  postgres?: PostgresResult;
  floors: IndexFloor[];
}

const SUBMISSIONS = 120;
const VERIFIED = 16;
const POSTGRES_SUBMISSIONS = 8;
const INSERTS = 100;

/** The fewest hashes with which the sizes that are compared still differ. */
export const LEAST_HASHES = 60_000;

/** Measures the hash index at a tenth, three tenths and all of the hashes, in memory and, when asked, in a Postgres of its own. */
export async function benchIndex({ hashes, postgres, onStep }: IndexBenchSettings, log: Log): Promise<IndexBenchReport> {
  const threads = usualThreads();
  const inMemory: InMemoryResult[] = [];
  for (const size of [hashes / 10, (3 * hashes) / 10, hashes].map(Math.round)) {
    onStep(`${size} hashes in memory`);
    inMemory.push(await measureInMemory(size, { threads, submissions: SUBMISSIONS, verified: VERIFIED }));
  }
  const dataDir = join(tmpdir(), `reupload-bench-index-${process.pid}`);
  const options = { dataDir, submissions: POSTGRES_SUBMISSIONS, inserts: INSERTS, onStep };
  const inPostgres = postgres ? await measureInPostgres(hashes, options, log) : undefined;
  return {
    cores: availableParallelism(),
    cpu: cpus()[0].model,
    node: process.version,
    threads,
    inMemory,
    exponent: slope(
      inMemory.map((r) => Math.log(r.hashes)),
      inMemory.map((r) => Math.log(1 / r.perCpuS)),
    ),
    postgres: inPostgres,
    floors: floorsOf(inMemory[inMemory.length - 1], inPostgres),
  };
}

function floorsOf(memory: InMemoryResult, postgres: PostgresResult | undefined): IndexFloor[] {
  const least = (name: string, limit: number, measured: number) => ({ name, limit, measured, passed: measured >= limit });
  const most = (name: string, limit: number, measured: number) => ({ name, limit, measured, passed: measured <= limit });
  const floors = [
    least("lookups/s in memory, all threads, at least", 10_000, memory.allThreadsPerS),
    most("p99 of a submission of 480 hashes, ms, at most", 150, memory.submissionMs.p99),
    most("bytes of memory a hash, at most", 200, memory.bytesPerHash),
    least("times a linear scan, at least", 20, memory.allThreadsPerS / memory.linearPerS),
  ];
  if (!postgres) return floors;
  return [
    ...floors,
    least("lookups/s in Postgres, 4 connections, at least", 400, postgres.fourConnectionsPerS),
    most("adding 60 fingerprints, p95, ms, at most", 20, postgres.insertMs.p95),
    most("until a change is seen, ms, at most", 1000, Math.max(postgres.foundMs.max, postgres.goneMs.max)),
  ];
}

/** Of the straight line that fits best (least squares). */
export function slope(xs: number[], ys: number[]): number {
  const mean = (values: number[]) => values.reduce((sum, v) => sum + v, 0) / values.length;
  const [x0, y0] = [mean(xs), mean(ys)];
  const above = xs.reduce((sum, x, i) => sum + (x - x0) * (ys[i] - y0), 0);
  return above / xs.reduce((sum, x) => sum + (x - x0) ** 2, 0);
}
