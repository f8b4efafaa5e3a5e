import { dirname } from "node:path";
import { INPUT } from "./bubblewrap.js";
import { type Confined, type LimitTools, launchOf, limited, withoutPrivileges } from "./limits.js";
import type { Launch } from "./sandbox.js";

export interface NamespaceTools extends LimitTools {
  unshare: string;
  sh: string;
}

/** Folders that a program may be given a root in the place of; nobody outside sees it. The first that holds nothing it needs is taken. */
const ROOTS = ["/sys", "/mnt", "/srv", "/media", "/opt"];

/** Processes and threads inside; not for root, whom the kernel does not count. */
const PROCESSES = 64;

/**
 * Runs in the new namespaces: makes an empty root in memory, puts the libraries and the input there, all read-only, and goes there without
 * any capability. `$1` is the place of the root, `$2` its folders, `$3` its files (both by lines), `$4` what is mounted, as in fstab; the
 * rest is what to start there.
 */
const SCRIPT = `
set -e
PATH=/usr/sbin:/usr/bin:/sbin:/bin
root=$1 folders=$2 files=$3 mounts=$4
shift 4
mount -n -t tmpfs -o size=1m,mode=755,nosuid,nodev tmpfs "$root"
cd "$root"
IFS='
'
set -f
mkdir -p $folders
for file in $files; do : >"$file"; done
printf '%s\\n' "$mounts" >.mounts
mount -n -a -T "$root/.mounts"
: >.mounts
mount -n -o remount,ro,nosuid,nodev tmpfs "$root"
exec chroot "$root" "$@"
`;

/** By util-linux alone. As in bubblewrap's, the root is empty but for what is needed; programs may be started, and all end together. */
export function launchUnshared(tools: NamespaceTools, isFolder: (path: string) => boolean, confined: Confined): Launch {
  const { program, args, readable, inputPath, limits } = confined;
  const given = [program, tools.setpriv, tools.prlimit, ...readable].map((path) => ({ path, inside: path }));
  const mounted = inputPath === undefined ? given : [...given, { path: inputPath, inside: INPUT }];
  const root = ROOTS.find((folder) => mounted.every(({ path }) => !`${path}/`.startsWith(`${folder}/`)));
  if (root === undefined) throw new Error("no folder is free to be the root of a sandbox");
  const [folders, files] = [true, false].map((wanted) => mounted.filter(({ path }) => isFolder(path) === wanted));
  const lines = (paths: string[]) => [...new Set(paths)].map((path) => `.${path}`).join("\n");
  return launchOf([
    ...withoutPrivileges(tools),
    tools.unshare,
    ...["--user", "--map-root-user", "--mount", "--net", "--pid", "--ipc", "--uts", "--fork", "--kill-child=KILL", "--"],
    ...[tools.sh, "-c", SCRIPT, "sandbox", root],
    lines([...folders.map(({ inside }) => inside), ...files.map(({ inside }) => dirname(inside))]),
    lines(files.map(({ inside }) => inside)),
    mounted.map(({ path, inside }) => `${escaped(path)} ${escaped(root + inside)} none bind,ro,nosuid,nodev 0 0`).join("\n"),
    ...[tools.setpriv, "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all", "--"],
    ...[...limited(tools, limits).slice(0, -1), `--nproc=${PROCESSES}`, "--", program, ...args],
  ]);
}

/** As fstab wants it. */
const escaped = (path: string) =>
  path.replace(/[\s\\#]/g, (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, "0")}`);
