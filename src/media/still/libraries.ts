import { existsSync, readdirSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, sep } from "node:path";
import { librariesOf } from "../sandbox/libraries.js";

export interface StillLibraries {
  /** The file that `require` loads for sharp. */
  sharp: string;
  /** Folders and files that Node with sharp is loaded with. */
  libraries: string[];
}

let found: Promise<StillLibraries> | undefined;

/** What the image decoder needs beside our own program. Looked for once per process. */
export function stillLibraries(): Promise<StillLibraries> {
  found ??= look();
  return found;
}

async function look(): Promise<StillLibraries> {
  const requireHere = createRequire(import.meta.url);
  const entry = requireHere.resolve("sharp");
  const sharp = packageFolder(entry, "sharp");
  const requireThere = createRequire(join(sharp, "package.json"));
  const ours = ["detect-libc", "semver", "@img/colour"].map((name) => packageFolder(requireThere.resolve(name), name));
  const binaries = nativeFolders(dirname(sharp));
  const native = binaries.flatMap((folder) => files(join(folder, "lib"), ".node"));
  const libraries = await librariesOf([process.execPath, ...native]);
  return { sharp: entry, libraries: [sharp, ...ours, ...binaries, ...libraries] };
}

function packageFolder(entry: string, name: string): string {
  const end = entry.lastIndexOf(join("node_modules", ...name.split("/")) + sep);
  if (end < 0) throw new Error(`${name} does not lie in a folder node_modules`);
  return entry.slice(0, end) + join("node_modules", ...name.split("/"));
}

/** sharp's packages of compiled code for this machine; npm installs only those that fit. */
function nativeFolders(modules: string): string[] {
  const scope = join(modules, "@img");
  if (!existsSync(scope)) return [];
  return readdirSync(scope)
    .filter((name) => name.startsWith("sharp-"))
    .map((name) => realpathSync(join(scope, name)));
}

const files = (folder: string, extension: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => name.endsWith(extension))
        .map((name) => join(folder, name))
    : [];
