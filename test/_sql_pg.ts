import { measureInPostgres } from "../src/bench/index/in-postgres.js";
import { createLog } from "../src/platform/log.js";
const from = performance.now();
const onStep = (t: string) => console.log(((performance.now() - from) / 1000).toFixed(1), t);
console.log(JSON.stringify(await measureInPostgres(Number(process.argv[2]), { dataDir: `/tmp/sql/bench${process.argv[2]}`, submissions: Number(process.argv[3] ?? 8), inserts: 100, onStep }, createLog("warn"))));
onStep("done");
