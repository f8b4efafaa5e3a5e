/**
 * What `deploy/test.sh` runs against its servers: `prove.ts replica` and `prove.ts partitions`. Prints one line for each thing that it
 * saw, and fails with a sentence when something is otherwise. Addresses come in PRIMARY_URL, REPLICA_URL, WHOLE_URL, PARTITIONED_URL, PART_URLS.
 */
import { randomUUID } from "node:crypto";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type { Pool } from "pg";
import { generateHashes, generateSubmission } from "../src/bench/index/generate.js";
import { createHashIndex } from "../src/hash-index/index-tiers.js";
import { lookup, newestChange } from "../src/hash-index/lookup.js";
import { addReference, retireReference } from "../src/hash-index/references.js";
import { DIHEDRALS, type Hit, type Query, type Reading } from "../src/model.js";
import { createPool } from "../src/platform/database.js";
import { createLog } from "../src/platform/log.js";
import { migrate } from "../src/platform/migrate.js";

const ALGORITHM = "prove/1";
const WITHIN_BITS = 31;
const FRAMES = 60;
const REFERENCES = 100;
const SUBMISSIONS = 6;
const log = createLog("error");

const known = new Uint8Array(32 * FRAMES * REFERENCES);
generateHashes(known, 2);

const say = (text: string): void => void process.stdout.write(`${text}\n`);
/** Of some durations. */
const rangeOf = (ms: number[]): string => {
  const sorted = [...ms].sort((a, b) => a - b);
  return `median ${sorted[sorted.length >> 1].toFixed(0)} ms, longest ${sorted[sorted.length - 1].toFixed(0)} ms`;
};

function must(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise);
}

function open(variable: string): Pool {
  const url = process.env[variable];
  if (!url) throw new Error(`${variable} is not set: run deploy/test.sh`);
  return createPool(url, 4, log);
}

const timeOf = (frame: number) => ({ atMs: 500 * frame, untilMs: 500 * frame + 499 });

function queries(hashes: Uint8Array, views: number): Query[] {
  return Array.from({ length: hashes.length / 32 / views }, (_, frame) => {
    const at = (view: number) => hashes.slice(32 * (views * frame + (view % views)), 32 * (views * frame + (view % views) + 1));
    const all = DIHEDRALS.map((dihedral, view) => ({ dihedral, pdq: at(view) }));
    return { algorithm: ALGORITHM, variant: "full", ...timeOf(frame), quality: 100, pdq: at(0), blockhash: at(0), views: all };
  });
}

function readingOf(
  number: number,
  hashes: Uint8Array = known.subarray(32 * FRAMES * number, 32 * FRAMES * (number + 1)),
): Reading {
  return {
    sha256: number.toString(16).padStart(64, "0"),
    bytes: 1,
    kind: "video",
    durationMs: 500 * FRAMES,
    fingerprints: queries(hashes, 1),
    patchSets: [],
    framesRead: FRAMES,
    framesUnusable: 0,
    timingsMs: { fetch: 0, decode: 0, hash: 0 },
  };
}

const add = (pool: Pool, number: number, hashes?: Uint8Array) =>
  addReference(pool, { caseId: "prove", label: String(number), provenance: "own" }, readingOf(number, hashes), ALGORITHM);

const submissions = Array.from({ length: SUBMISSIONS }, (_, i) =>
  queries(generateSubmission(known, FRAMES, i), DIHEDRALS.length),
);

/** A hit without ids, which differ between databases. */
const plain = (labels: Map<string, string>) => (h: Hit) =>
  `${h.query} ${h.dihedral} ${labels.get(h.referenceId)} ${h.referenceAtMs} ${h.pdqDistance}`;

async function answers(pools: Pool[]): Promise<{ hits: string[]; ms: number[] }> {
  const hits: string[] = [];
  const ms: number[] = [];
  for (const [number, submission] of submissions.entries()) {
    const fromMs = performance.now();
    const found = await Promise.all(pools.map((pool) => lookup(pool, submission, ALGORITHM, WITHIN_BITS)));
    ms.push(performance.now() - fromMs);
    for (const one of found) {
      const labels = new Map([...one.references].map(([id, { label }]) => [id, label]));
      hits.push(...one.hits.map((h) => `${number}: ${plain(labels)(h)}`));
    }
  }
  return { hits: hits.sort(), ms };
}

async function caughtUp(primary: Pool, replica: Pool): Promise<void> {
  const newest = await newestChange(primary);
  while ((await newestChange(replica)) !== newest) await sleep(2);
}

async function proveReplica(): Promise<void> {
  const [primary, replica] = [open("PRIMARY_URL"), open("REPLICA_URL")];
  await migrate(primary, log);
  for (let number = 0; number < REFERENCES; number++) await add(primary, number);
  await caughtUp(primary, replica);
  const [here, there] = [await answers([primary]), await answers([replica])];
  must(here.hits.length > 0 && here.hits.join() === there.hits.join(), "the replica answers otherwise than the primary");
  say(`a lookup on the replica gives the same ${there.hits.length} hits as on the primary (${rangeOf(there.ms)} for 480 hashes)`);

  const untilFound: number[] = [];
  for (let i = 0; i < 20; i++) {
    const fresh = new Uint8Array(32 * FRAMES);
    generateHashes(fresh, 77_000 + i);
    const { id } = await add(primary, REFERENCES + i, fresh);
    const fromMs = performance.now();
    const query = queries(fresh.subarray(0, 32), 1);
    while (!(await lookup(replica, query, ALGORITHM, 0)).hits.some((h) => h.referenceId === id)) await sleep(1);
    untilFound.push(performance.now() - fromMs);
  }
  say(`20 references added on the primary were found on the replica after: ${rangeOf(untilFound)}`);

  await replica.query("select pg_wal_replay_pause()");
  const missed = new Uint8Array(32 * FRAMES);
  generateHashes(missed, 78_000);
  await add(primary, REFERENCES + 20, missed);
  const behind = await lookup(replica, queries(missed.subarray(0, 32), 1), ALGORITHM, 0);
  must(behind.hits.length === 0, "a paused replica should not have the newest reference");
  must(behind.seenSeq !== (await newestChange(primary)), "a lookup on a replica that is behind must say that it is");
  say(
    "a lookup on a replica that is behind misses what is new and tells so: the recording transaction, on the primary, looks again",
  );
  await replica.query("select pg_wal_replay_resume()");
  await caughtUp(primary, replica);

  const refused = async (sql: string) =>
    replica.query(sql).then(
      () => false,
      () => true,
    );
  must(await refused("insert into audit_log (actor, act, subject) values ('a', 'b', 'c')"), "the replica takes writes");
  must(await refused("listen reupload_references"), "the replica lets us listen");
  say("the replica refuses to be written to, and to LISTEN: what follows changes stays on the primary");
  await Promise.all([primary.end(), replica.end()]);
}

async function provePartitions(): Promise<void> {
  const [whole, partitioned] = [open("WHOLE_URL"), open("PARTITIONED_URL")];
  const parts = process.env.PART_URLS!.split(" ").map((url) => createPool(url, 4, log));
  for (const pool of [whole, ...parts]) await migrate(pool, log);
  const ms: Record<"whole" | "partitioned", number[]> = { whole: [], partitioned: [] };
  for (let number = 0; number < REFERENCES; number++) {
    for (const [name, pool] of [
      ["whole", whole],
      ["partitioned", partitioned],
    ] as const) {
      const fromMs = performance.now();
      await add(pool, number);
      ms[name].push(performance.now() - fromMs);
    }
    // A part of its own for each reference, by a hash that any process can compute.
    await add(parts[number % parts.length], number);
  }
  say(`adding 60 fingerprints: one database ${rangeOf(ms.whole)}; partitioned over postgres_fdw ${rangeOf(ms.partitioned)}`);
  const { rows } = await partitioned.query<{ part: string; n: number }>(
    "select tableoid::regclass::text as part, count(*)::int as n from reference_fingerprint group by 1 order by 1",
  );
  must(rows.length === 2, "fingerprints should lie in two parts");
  say(`fingerprints by part: ${rows.map(({ part, n }) => `${part} ${n}`).join(", ")}`);

  const expected = await answers([whole]);
  const through = await answers([partitioned]);
  must(expected.hits.join() === through.hits.join(), "the partitioned database answers otherwise");
  const fanned = await answers(parts);
  must(expected.hits.join() === fanned.hits.join(), "the union of the parts is not the whole");
  say(`all three give the same ${expected.hits.length} hits; 480 hashes: one database ${rangeOf(expected.ms)}`);
  say(
    `  in SQL through the coordinator ${rangeOf(through.ms)}; each part asked by itself, at once, and joined ${rangeOf(fanned.ms)}`,
  );

  await proveIndexFrom(partitioned, expected.hits);

  const { id } = await add(
    partitioned,
    REFERENCES + 1,
    known.subarray(0, 32 * FRAMES).map((byte) => byte ^ 0x55),
  );
  await retireReference(partitioned, id);
  await partitioned.query("delete from reference where id = $1", [id]);
  const left = await partitioned.query("select 1 from reference_fingerprint where reference_id = $1", [id]);
  must(left.rows.length === 0, "a deleted reference leaves its fingerprints in a part");
  say("a reference is retired and deleted, and nothing of it is left in any part");
  await Promise.all([whole, partitioned, ...parts].map((pool) => pool.end()));
}

/** The index in memory, loaded by COPY through the coordinator. */
async function proveIndexFrom(pool: Pool, expected: string[]): Promise<void> {
  const stopping = new AbortController();
  const connectionString = process.env.PARTITIONED_URL!;
  const options = { connectionString, algorithm: ALGORITHM, patchAlgorithm: randomUUID(), inProcessFrom: 0 };
  const index = createHashIndex(pool, options, log);
  const fromMs = performance.now();
  const served = index.serve(stopping.signal);
  await index.ready();
  const loadMs = performance.now() - fromMs;
  const hits: string[] = [];
  const ms: number[] = [];
  for (const [number, submission] of submissions.entries()) {
    const askedMs = performance.now();
    const found = await index.lookups().lookup(pool, submission, ALGORITHM, WITHIN_BITS);
    ms.push(performance.now() - askedMs);
    const labels = new Map([...found.references].map(([id, { label }]) => [id, label]));
    hits.push(...found.hits.map((h) => `${number}: ${plain(labels)(h)}`));
  }
  stopping.abort();
  await served;
  must(hits.sort().join() === expected.join(), "the index in memory, loaded from parts, answers otherwise");
  say(`an index in memory, loaded through the coordinator in ${loadMs.toFixed(0)} ms, gives the same hits (${rangeOf(ms)})`);
}

await (process.argv[2] === "replica" ? proveReplica() : provePartitions());
