import { openEmbeddedPostgres } from "../src/platform/embedded-postgres.js";
import { createPool } from "../src/platform/database.js";
import { createLog } from "../src/platform/log.js";
const s = await openEmbeddedPostgres(process.argv[2], createLog("warn"));
const p = createPool(s.connectionString, 1, createLog("warn"));
console.log((await p.query("show shared_buffers")).rows, (await p.query("show data_checksums")).rows);
if (process.argv[3]) await p.query(`alter system set shared_buffers = '${process.argv[3]}'`);
await p.end(); await s.close();
