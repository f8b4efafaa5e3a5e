/** Ends by an error of PostgreSQL that nobody catches, after logging another one. */

import { logCrashes } from "../../src/platform/crash.js";
import { createPool } from "../../src/platform/database.js";
import { createLog } from "../../src/platform/log.js";

const [, , connectionString, uploader, value] = process.argv;
const log = createLog("info");
logCrashes(log);
const pool = createPool(connectionString, 1, log);
await pool.query("select $1::uuid", [value]).catch((err) => log.warn({ err }, "a value of the wrong type"));
void pool.query(`insert into "case" (id, title) values ('a b', $1)`, [uploader]);
