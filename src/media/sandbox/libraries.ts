import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { normalize } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Where the loader looks a library up that lies in none of its own folders. */
const LOADER_CACHE = "/etc/ld.so.cache";

/** Of the GNU C library on x86-64. */
const LOADER = "/lib64/ld-linux-x86-64.so.2";

/**
 * The libraries that trusted programs (or libraries) are loaded with, and the loader itself, as absolute paths; empty for one that needs
 * none. Asks `ldd`, which starts the loader on them, or the loader itself: `ldd` is a script and wants a shell.
 */
export async function librariesOf(programs: string[]): Promise<string[]> {
  const lists = await Promise.all(
    programs.map((program) =>
      run("ldd", [program], { timeout: 20_000 })
        .catch(() => run(LOADER, ["--list", program], { timeout: 20_000 }))
        .then(
          ({ stdout }) => stdout,
          () => "",
        ),
    ),
  );
  const paths = lists.flatMap((list) =>
    [...list.matchAll(/^\s*(?:\S+ => )?(\/.*) \(0x[0-9a-f]+\)$/gm)].map((m) => normalize(m[1])),
  );
  return [...new Set([...paths, ...(existsSync(LOADER_CACHE) ? [LOADER_CACHE] : [])])];
}
