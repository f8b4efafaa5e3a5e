/** A second process for the tests: opens the data folder it is given, says so, and leaves when its standard input ends. */
import { openEmbeddedPostgres } from "../../src/platform/embedded-postgres.js";
import { createLog } from "../../src/platform/log.js";

const server = await openEmbeddedPostgres(process.argv[2], createLog("silent"));
process.stdout.write(`${server.connectionString}\n`);
process.stdin.resume().once("end", () => void server.close());
