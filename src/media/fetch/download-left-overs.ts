import { lstat, readdir, rm } from "node:fs/promises";
import { join } from "node:path";

/** Folders that downloads, pages' videos and uploads are kept in while they are scanned: `mkdtemp` adds six characters. */
const OURS = /^reupload-[A-Za-z0-9]{6}$/;

/**
 * Removes what processes that were killed have left in the folder for temporary files, and returns how many of them there were. What is
 * younger than `olderThanMs` may be in use by any process of the installation; what belongs to others stays.
 */
export async function removeLeftOvers(tmpDir: string, olderThanMs: number): Promise<number> {
  const names = (await readdir(tmpDir).catch(() => [])).filter((name) => OURS.test(name));
  let removed = 0;
  for (const path of names.map((name) => join(tmpDir, name))) {
    const found = await lstat(path).catch(() => undefined);
    if (!found?.isDirectory() || found.uid !== process.getuid?.()) continue;
    if (Date.now() - found.mtimeMs < olderThanMs) continue;
    await rm(path, { recursive: true, force: true });
    removed++;
  }
  return removed;
}
