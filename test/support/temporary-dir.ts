import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The folder of this test run, set by the global set-up for all worker processes, which end without any clean-up. */
const RUN_DIR = "REUPLOAD_TEST_RUN_DIR";

function makeDir(parent: string): { path: string; remove: () => void } {
  const path = mkdtempSync(join(parent, "reupload-test-"));
  chmodSync(path, 0o755);
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Everything that {@link temporaryDir} makes from now on, in this process and its children, goes when this is removed. */
export function startRunDir(): { path: string; remove: () => void } {
  const dir = makeDir(tmpdir());
  process.env[RUN_DIR] = dir.path;
  return dir;
}

/** A new folder that others may enter (an embedded Postgres does not run as root). It goes with `remove`, or at the end of the run. */
export function temporaryDir(): { path: string; remove: () => void } {
  return makeDir(process.env[RUN_DIR] ?? tmpdir());
}
