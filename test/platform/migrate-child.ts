/** One of several processes that migrate at once: prints the names it applied. */
import { createPool } from "../../src/platform/database.js";
import { createLog } from "../../src/platform/log.js";
import { migrate } from "../../src/platform/migrate.js";

const log = createLog("silent");
const pool = createPool(process.argv[2], 2, log);
process.stdout.write(`${JSON.stringify(await migrate(pool, log, process.argv[3]))}\n`);
await pool.end();
