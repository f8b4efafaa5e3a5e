import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const made = new Set<string>();

const remove = (path: string) => {
  made.delete(path);
  rmSync(path, { recursive: true, force: true });
};

process.once("exit", () => {
  for (const path of made) remove(path);
});

/** A new folder that others may enter (an embedded Postgres does not run as root). It is removed when this process ends, or by `remove`. */
export function temporaryDir(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), "reupload-test-"));
  chmodSync(path, 0o755);
  made.add(path);
  return { path, remove: () => remove(path) };
}
