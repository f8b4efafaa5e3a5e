import { mkdir, rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { Pool } from "pg";
import { allocateSegment, fillPostings, hashesOf } from "../../hash-index/in-process/segment.js";
import { createHashIndex, type HashIndex } from "../../hash-index/index-tiers.js";
import { MAX_WITHIN_BITS } from "../../hash-index/lookup.js";
import { type Lookups, POSTGRES } from "../../hash-index/lookups.js";
import { packKeys, postYoung } from "../../hash-index/pack.js";
import { addReference, retireReference } from "../../hash-index/references.js";
import { DIHEDRALS, type Hash, type Query, type Reading } from "../../model.js";
import { createPool, type Db } from "../../platform/database.js";
import { openEmbeddedPostgres } from "../../platform/embedded-postgres.js";
import type { Log } from "../../platform/log.js";
import { migrate } from "../../platform/migrate.js";
import { backendsCpuMs } from "./backends-cpu.js";
import { ALGORITHM, fillPostgres } from "./fill-postgres.js";
import { FRAMES_EACH, generateHashes, generateSubmission } from "./generate.js";
import { FRAMES_ASKED, HASHES_ASKED, percentile } from "./in-memory.js";

const CONNECTIONS = 4;

/** Of a real Postgres with as many fingerprints, and of an index loaded from it. */
export interface PostgresResult {
  hashes: number;
  fillMs: number;
  bytesPerHash: { postings: number; all: number };
  /** Postgres alone. */
  oneConnectionPerS: number;
  fourConnectionsPerS: number;
  /** For each second of processor time the server took. */
  perCpuS: number;
  /** Until the index in memory answered: reading by COPY, and building. */
  loadMs: number;
  /** A reference of {@link FRAMES_EACH} fingerprints added, with the postings that whoever adds writes when no housekeeping does. */
  insertMs: { p50: number; p95: number; max: number };
  /** The postings of a thousand fingerprints written, as housekeeping does. */
  postMs: number;
  /** From the commit until the index in memory of this process finds it, or no longer. */
  foundMs: { p50: number; max: number };
  goneMs: { p50: number; max: number };
  /** One sixteenth of the keys. */
  packMs: number;
  /** Submissions for which both tiers gave the same answer. */
  compared: number;
}

export interface PostgresOptions {
  /** A folder that may be created, and is removed. */
  dataDir: string;
  submissions: number;
  inserts: number;
  onStep(text: string): void;
}

/** Fills a Postgres of its own and measures it. */
export async function measureInPostgres(hashes: number, options: PostgresOptions, log: Log): Promise<PostgresResult> {
  await mkdir(options.dataDir, { recursive: true, mode: 0o755 });
  const server = await openEmbeddedPostgres(options.dataDir, log);
  const pool = createPool(server.connectionString, CONNECTIONS, log);
  const stopping = new AbortController();
  let served: Promise<void> | undefined;
  try {
    await migrate(pool, log);
    const { known, fillMs } = await fill(server.connectionString, hashes, options.onStep);
    const submissions = Array.from({ length: options.submissions }, (_, i) =>
      queriesOf(generateSubmission(known, FRAMES_ASKED, i + 3)),
    );
    options.onStep("asking Postgres");
    const sizes = await bytesPerHash(pool, hashes);
    const one = await lookupsPerS(pool, submissions.slice(0, Math.ceil(submissions.length / 4)), 1);
    const four = await lookupsPerS(pool, submissions, CONNECTIONS);
    options.onStep("loading");
    const loadedFromMs = performance.now();
    const index = indexOn(pool, server.connectionString, log);
    served = index.serve(stopping.signal);
    await index.ready();
    const loadMs = performance.now() - loadedFromMs;
    const compared = await compareTiers(pool, index.lookups(), submissions.slice(0, 2));
    options.onStep("adding and retiring");
    const changes = await timeChanges(pool, index, options.inserts);
    const postMs = await timePosting(pool);
    const packedFromMs = performance.now();
    await packKeys(pool, 0, 65_536);
    const packMs = performance.now() - packedFromMs;
    return {
      hashes,
      fillMs,
      bytesPerHash: sizes,
      oneConnectionPerS: one.perS,
      fourConnectionsPerS: four.perS,
      perCpuS: four.perCpuS,
      loadMs,
      ...changes,
      postMs,
      packMs,
      compared,
    };
  } finally {
    stopping.abort();
    await served;
    await pool.end();
    await server.close();
    await rm(options.dataDir, { recursive: true, force: true });
  }
}

const indexOn = (pool: Db, connectionString: string, log: Log): HashIndex =>
  createHashIndex(
    pool,
    { connectionString, algorithm: ALGORITHM, patchAlgorithm: `${ALGORITHM}-patches`, inProcessFrom: 0 },
    log,
  );

async function fill(connectionString: string, hashes: number, onStep: (text: string) => void) {
  onStep("making up hashes");
  const segment = allocateSegment(1, "fingerprints", hashes, true);
  generateHashes(hashesOf(segment), 2);
  segment.count = hashes;
  fillPostings(segment);
  onStep("filling Postgres");
  const fromMs = performance.now();
  await fillPostgres(connectionString, segment);
  // Some are kept to make submissions of; the rest of the memory is given back.
  return { known: hashesOf(segment).slice(0, 32 * Math.min(hashes, 100_000)), fillMs: performance.now() - fromMs };
}

function queriesOf(hashes: Uint8Array): Query[] {
  return Array.from({ length: FRAMES_ASKED }, (_, frame) => {
    const views = DIHEDRALS.map((dihedral, view) => ({ dihedral, pdq: hashAt(hashes, DIHEDRALS.length * frame + view) }));
    return { ...about(frame), pdq: views[0].pdq, blockhash: views[0].pdq, views };
  });
}

const hashAt = (hashes: Uint8Array, place: number): Hash => hashes.slice(32 * place, 32 * place + 32);
const about = (frame: number) => ({
  algorithm: ALGORITHM,
  variant: "full",
  atMs: 500 * frame,
  untilMs: 500 * frame + 500,
  quality: 100,
});

async function bytesPerHash(pool: Db, hashes: number): Promise<{ postings: number; all: number }> {
  const { rows } = await pool.query<{ postings: string; fingerprints: string }>(
    `select pg_total_relation_size('reference_posting') as postings, pg_total_relation_size('reference_fingerprint') as fingerprints`,
  );
  const postings = Number(rows[0].postings);
  return { postings: postings / hashes, all: (postings + Number(rows[0].fingerprints)) / hashes };
}

/** Each connection takes the next submission when it has done one. The first submission warms up. */
async function lookupsPerS(pool: Db, submissions: Query[][], connections: number): Promise<{ perS: number; perCpuS: number }> {
  await POSTGRES.lookup(pool, submissions[0], ALGORITHM, MAX_WITHIN_BITS);
  const waiting = [...submissions];
  const fromCpuMs = await backendsCpuMs(pool);
  const fromMs = performance.now();
  const ask = async () => {
    for (let next = waiting.pop(); next; next = waiting.pop()) await POSTGRES.lookup(pool, next, ALGORITHM, MAX_WITHIN_BITS);
  };
  await Promise.all(Array.from({ length: connections }, ask));
  const perS = (1000 * HASHES_ASKED * submissions.length) / (performance.now() - fromMs);
  return { perS, perCpuS: (1000 * HASHES_ASKED * submissions.length) / ((await backendsCpuMs(pool)) - fromCpuMs) };
}

async function compareTiers(pool: Db, inMemory: Lookups, submissions: Query[][]): Promise<number> {
  for (const queries of submissions) {
    const [a, b] = await Promise.all(
      [POSTGRES, inMemory].map(async (lookups) => {
        const { hits } = await lookups.lookup(pool, queries, ALGORITHM, MAX_WITHIN_BITS);
        return hits.map((h) => `${h.query} ${h.dihedral} ${h.referenceId} ${h.referenceAtMs} ${h.pdqDistance}`).sort();
      }),
    );
    if (a.join() !== b.join())
      throw new Error(`bench index: Postgres found ${a.length} hits where the index in memory found ${b.length}`);
  }
  return submissions.length;
}

async function timeChanges(pool: Pool, index: HashIndex, inserts: number) {
  const times = { insert: [] as number[], found: [] as number[], gone: [] as number[] };
  for (let i = 0; i < inserts; i++) {
    const reading = readingOf(i);
    const fromMs = performance.now();
    const { id } = await addReference(pool, { caseId: "bench", label: "added", provenance: "own" }, reading, ALGORITHM);
    times.insert.push(performance.now() - fromMs);
    const query = [reading.fingerprints[0]];
    times.found.push(await timeUntil(index, pool, query, id, true));
    if (i % 10 !== 0) continue;
    await retireReference(pool, id);
    times.gone.push(await timeUntil(index, pool, query, id, false));
  }
  return {
    insertMs: { p50: percentile(times.insert, 0.5), p95: percentile(times.insert, 0.95), max: Math.max(...times.insert) },
    foundMs: { p50: percentile(times.found, 0.5), max: Math.max(...times.found) },
    goneMs: { p50: percentile(times.gone, 0.5), max: Math.max(...times.gone) },
  };
}

async function timePosting(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ young: number }>(
    "select count(*)::int as young from reference_fingerprint f, posted_until p where f.id > p.fingerprint_id",
  );
  const fromMs = performance.now();
  await postYoung(pool);
  return (1000 * (performance.now() - fromMs)) / rows[0].young;
}

async function timeUntil(index: HashIndex, pool: Db, query: Query[], id: string, found: boolean): Promise<number> {
  const fromMs = performance.now();
  for (;;) {
    const { hits } = await index.lookups().lookup(pool, query, ALGORITHM, 0);
    if (hits.some((h) => h.referenceId === id) === found) return performance.now() - fromMs;
    await sleep(1);
  }
}

function readingOf(seed: number): Reading {
  const hashes = new Uint8Array(32 * FRAMES_EACH);
  generateHashes(hashes, 900_000 + seed);
  const fingerprints = Array.from({ length: FRAMES_EACH }, (_, frame) => {
    const pdq = hashAt(hashes, frame);
    return { ...about(frame), pdq, blockhash: pdq, views: DIHEDRALS.map((dihedral) => ({ dihedral, pdq })) };
  });
  return {
    sha256: seed.toString(16).padStart(64, "0"),
    bytes: 1,
    kind: "video",
    durationMs: 30_000,
    fingerprints,
    patchSets: [],
    framesRead: FRAMES_EACH,
    framesUnusable: 0,
    timingsMs: { fetch: 0, decode: 0, hash: 0 },
  };
}
