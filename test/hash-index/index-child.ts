/**
 * A process with an index in its memory and two threads. For every line "HASH HITS" on its standard input it looks the hash up there
 * until it finds so many, and answers "HITS after N ms".
 */
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { hashFromHex } from "../../src/fingerprint/hash.js";
import { createHashIndex } from "../../src/hash-index/index-tiers.js";
import { POSTGRES } from "../../src/hash-index/lookups.js";
import { createPool } from "../../src/platform/database.js";
import { createLog } from "../../src/platform/log.js";

const [, , connectionString, algorithm] = process.argv;
const log = createLog("silent");
const pool = createPool(connectionString, 2, log);
const options = { connectionString, algorithm, patchAlgorithm: `${algorithm}-patches`, inProcessFrom: 0, threads: 2 };
const index = createHashIndex(pool, options, log);
const stopping = new AbortController();
const served = index.serve(stopping.signal);
await index.ready();
process.stdout.write("ready\n");

for await (const line of createInterface({ input: process.stdin })) {
  const [hex, wanted] = line.split(" ");
  const pdq = hashFromHex(hex);
  const query = { algorithm, variant: "full", atMs: 0, untilMs: 0, pdq, blockhash: pdq, quality: 100 };
  const queries = [{ ...query, views: [{ dihedral: "original" as const, pdq }] }];
  const fromMs = performance.now();
  for (let hits = -1; hits !== Number(wanted); await sleep(5)) {
    await index.ready();
    const lookups = index.lookups();
    if (lookups !== POSTGRES) hits = (await lookups.lookup(pool, queries, algorithm, 31)).hits.length;
  }
  process.stdout.write(`${wanted} after ${Math.round(performance.now() - fromMs)} ms\n`);
}
stopping.abort();
await served;
await pool.end();
