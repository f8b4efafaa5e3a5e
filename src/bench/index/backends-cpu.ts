import { readFile } from "node:fs/promises";
import type { Db } from "../../platform/database.js";

/** Linux reports time in ticks of 1/100 s, whatever the kernel was built with. */
const TICK_MS = 10;

/**
 * The processor time, in ms, that the sessions of this database have taken since they began: fields `utime` and `stime` of proc(5). Other
 * programs on the machine make lookups slower by the clock, but not much by this. For a server on this machine.
 */
export async function backendsCpuMs(db: Db): Promise<number> {
  const { rows } = await db.query<{ pid: number }>("select pid from pg_stat_activity where datname = current_database()");
  const times = await Promise.all(
    rows.map(async ({ pid }) => {
      const stat = await readFile(`/proc/${pid}/stat`, "utf8");
      const afterName = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return TICK_MS * (Number(afterName[11]) + Number(afterName[12]));
    }),
  );
  return times.reduce((sum, ms) => sum + ms, 0);
}
