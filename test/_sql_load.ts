import { readFileSync } from "node:fs";
import { openEmbeddedPostgres } from "../src/platform/embedded-postgres.js";
import { createLog } from "../src/platform/log.js";
import { loadSegments as fresh } from "../src/hash-index/in-process/load.js";
import { loadSegments as old } from "./_sql_oldload.js";
import { createPool } from "../src/platform/database.js";
const log = createLog("warn");
const server = await openEmbeddedPostgres(process.argv[2], log);
const pool = createPool(server.connectionString, 2, log);
const o = { connectionString: server.connectionString, algorithm: "bench/1", patchAlgorithm: "x" };
await pool.query("select count(*) from reference_fingerprint");
for (const [name, f] of [["old", old], ["new", fresh], ["old", old], ["new", fresh]] as const) {
  const t = performance.now(), c = process.cpuUsage();
  let be = 0;
  const timer = setInterval(() => {}, 1000);
  const poll = (async () => { for (let i = 0; ; i++) { await new Promise((r) => setTimeout(r, 100)); try {
    const { rows } = await pool.query("select pid from pg_stat_activity where application_name like '%loading'"); if (!rows.length) { if (i > 5) return; continue; }
    const a = readFileSync(`/proc/${rows[0].pid}/stat`, "utf8").split(") ")[1].split(" "); be = 10 * (Number(a[11]) + Number(a[12])); } catch { return; } } })();
  const l = await f(o);
  const ms = performance.now() - t, u = process.cpuUsage(c);
  await poll; clearInterval(timer);
  console.log(name, "wall", ms | 0, "node cpu", (u.user + u.system) / 1000 | 0, "backend cpu", be, l.segments.reduce((s, x) => s + x.count, 0));
}
await pool.end(); await server.close();
