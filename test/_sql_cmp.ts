import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { readFileSync, writeFileSync } from "node:fs";
import pg from "pg";
import { allocateSegment, fillPostings, hashesOf, postingsOf } from "../src/hash-index/in-process/segment.js";
import { hashToHex } from "../src/fingerprint/hash.js";
import { POSTGRES } from "../src/hash-index/lookups.js";
import { createPool } from "../src/platform/database.js";
import { openEmbeddedPostgres } from "../src/platform/embedded-postgres.js";
import { createLog } from "../src/platform/log.js";
import { migrate } from "../src/platform/migrate.js";
import { ALGORITHM, fillPostgres } from "../src/bench/index/fill-postgres.js";
import { copyIn, createRows } from "../src/bench/index/copy-in.js";
import { generateHashes, generateSubmission } from "../src/bench/index/generate.js";
import { DIHEDRALS } from "../src/model.js";
const n = Number(process.argv[2]), what = process.argv[3] ?? "cmp", subs = Number(process.argv[4] ?? 4);
const dir = `/tmp/sql/pg${n}`;
const log = createLog("warn");
const fresh = !existsSync(dir);
await mkdir(dir, { recursive: true, mode: 0o755 });
const server = await openEmbeddedPostgres(dir, log);
const pool = createPool(server.connectionString, 4, log);
const swapped = (v: number) => ((v & 0xff) << 8) | (v >> 8);
try {
  await migrate(pool, log);
  if (fresh) {
    const segment = allocateSegment(1, "fingerprints", n, true);
    generateHashes(hashesOf(segment), 2);
    segment.count = n;
    fillPostings(segment);
    let t = performance.now();
    await fillPostgres(server.connectionString, segment);
    console.log("fill ms", performance.now() - t);
    writeFileSync(`${dir}.known`, hashesOf(segment).slice(0, 3_200_000));
    if (what !== "new") {
      await pool.query("create table old_posting (key integer not null, postings bigint[] not null)");
      await pool.query("alter table old_posting alter column postings set storage external");
      function* rows() {
        const r = createRows(1 << 20) as any;
        for (let band = 0; band < 16; band++) for (let value = 0; value < 65536; value++) {
          const { places, next } = postingsOf(segment, band, value);
          for (let from = 0; from < places.length; from += 200) {
            const until = Math.min(places.length, from + 200);
            const ps: bigint[] = [];
            for (let i = from; i < until; i++) ps.push(BigInt.asIntN(64, BigInt(swapped(next[i])) << 48n) | BigInt(places[i] + 1));
            r.row(2); r.int32(band * 65536 + swapped(value));
            const b = Buffer.alloc(20 + 12 * ps.length);
            [1, 0, 20, ps.length, 1].forEach((h, i) => b.writeInt32BE(h, 4 * i));
            ps.forEach((v, i) => { b.writeInt32BE(8, 20 + 12 * i); b.writeBigInt64BE(v, 24 + 12 * i); });
            r.bytes(b);
            if (r.room() < 4000) yield r.take();
          }
        }
        yield r.take();
      }
      const c = new pg.Client({ connectionString: server.connectionString });
      await c.connect();
      await copyIn(c, "old_posting (key, postings)", rows());
      await c.query("create index on old_posting (key)");
      await c.query("vacuum analyze old_posting");
      await c.end();
    }
  }
  console.log((await pool.query("select relname, pg_total_relation_size(oid)::float8/$1 as per_hash, reltuples from pg_class where relname in ('reference_posting','old_posting','reference_fingerprint')", [n])).rows);
  const known = new Uint8Array(readFileSync(`${dir}.known`));
  const submissions = Array.from({ length: subs }, (_, i) => {
    const h = generateSubmission(known, 60, i + 3);
    return Array.from({ length: 60 }, (_, f) => {
      const views = DIHEDRALS.map((dihedral, v) => ({ dihedral, pdq: h.slice(32 * (8 * f + v), 32 * (8 * f + v) + 32) }));
      return { algorithm: ALGORITHM, variant: "full", atMs: 0, untilMs: 500, quality: 100, pdq: views[0].pdq, blockhash: views[0].pdq, views };
    });
  });
  const bits = `[-32768:32767]={${Array.from({ length: 65536 }, (_, i) => ((i + 32768) & 0xffff).toString(2).replaceAll("0", "").length)}}`;
  const MASKS = [0, ...Array.from({ length: 16 }, (_, b) => 1 << b)];
  const oldNear = async (qs: any[]) => (await pool.query(
    `with query as materialized (
       select (ordinality - 1)::int as q, ('x' || hex)::bit(256) as hash
       from unnest($1::text[]) with ordinality as t (hex, ordinality)
     ), band as materialized (
       select q, b, substring(hash from 1 + 16 * b for 16)::int as value,
              ((substring(hash || hash from 17 + 16 * b for 16)::int + 32768) & 65535) - 32768 as next
       from query, generate_series(0, 15) as b
     ), probe as materialized (
       select q, b * 65536 + (value # mask) as key, next, 3 - (mask <> 0)::int as most
       from band, unnest($2::int[]) as mask
     ), opened as (
       select p.q, p.next, p.most, unnest(i.postings) as posting
       from probe p join old_posting i on i.key = p.key
     ), candidate as materialized (
       select distinct q, posting & 281474976710655 as fingerprint_id
       from opened where ($5::int2[])[(posting >> 48)::int # next] <= most
     )
     select c.q, f.reference_id, f.variant, f.at_ms, bit_count(f.pdq # query.hash)::int as pdq_distance
     from candidate c join query on query.q = c.q join reference_fingerprint f on f.id = c.fingerprint_id
     join reference r on r.id = f.reference_id
     where f.algorithm = $3 and r.retired_at is null and bit_count(f.pdq # query.hash) <= $4`,
    [qs.flatMap((q) => q.views.map((v: any) => hashToHex(v.pdq))), MASKS, ALGORITHM, 31, bits])).rows;
  const newNear = async (qs: any[]) => (await POSTGRES.lookup(pool, qs, ALGORITHM, 31)).hits;
  if (what === "explain") {
    const orig = pool.query.bind(pool) as any;
    let seen = 0;
    const fake: any = { query: (t: any, v: any) => (typeof t === "string" && t.includes("passed_byte") && !seen++ ? orig(`explain (analyze, buffers) ${t}`, v).then((r: any) => (console.log(r.rows.map((x: any) => x["QUERY PLAN"]).join("\n").replace(/^.*(Output|Filter: |Index Cond).{300,}$/gm, "…")), { rows: [] })) : orig(t, v)) };
    await POSTGRES.lookup(fake, submissions[0], ALGORITHM, 31);
  } else {
    const cpu = async () => {
      const { rows } = await pool.query("select pid from pg_stat_activity where application_name = 'reupload'");
      return rows.reduce((sum: number, { pid }: any) => { try { const f = readFileSync(`/proc/${pid}/stat`, "utf8"); const a = f.slice(f.lastIndexOf(")") + 2).split(" "); return sum + 10 * (Number(a[11]) + Number(a[12])); } catch { return sum; } }, 0);
    };
    const rate = async (f: any, conns: number) => {
      await f(submissions[0]);
      const waiting = [...submissions];
      const c = await cpu();
      const t = performance.now();
      let hits = 0;
      await Promise.all(Array.from({ length: conns }, async () => { for (let s = waiting.pop(); s; s = waiting.pop()) { const r = await f(s); hits += r.length; } }));
      const ms = performance.now() - t;
      return `${((1000 * 480 * submissions.length) / ms).toFixed(0)}/s (${hits} hits) ${(((await cpu()) - c) / 480 / submissions.length).toFixed(2)} cpu ms/lookup`;
    };
    if (what === "cmp") console.log("old 1 conn", await rate(oldNear, 1));
    console.log("new 1 conn", await rate(newNear, 1));
    if (what === "cmp") console.log("old 4 conn", await rate(oldNear, 4));
    console.log("new 4 conn", await rate(newNear, 4));
  }
} finally { await pool.end(); await server.close(); }
