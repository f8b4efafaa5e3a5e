import { readFileSync } from "node:fs";

/**
 * The packages that production needs, from a package-lock.json (version 3): what the root depends on, and what that depends on, also if
 * development needs it too. Optional packages of other systems are among them; optional peers are not.
 * npm's own marks in the file do not say this: a package that both need has none, or `devOptional`.
 *
 * @returns {{ root: object, packages: { path: string, name: string, entry: object, wantedBy: string }[] }} `path` as in the lock file, such
 *   as "node_modules/a/node_modules/@b/c"; `wantedBy` is the name of a package through which it came, "" for the root.
 */
export function productionPackages(lockfile) {
  const lock = JSON.parse(readFileSync(lockfile, "utf8"));
  if (lock.lockfileVersion !== 3)
    throw new Error(`${lockfile} has lockfileVersion ${lock.lockfileVersion}: npm 7 or newer writes 3`);
  const root = lock.packages[""];
  const found = new Map();
  const waiting = wanted(root).map((name) => ({ name, from: "", wantedBy: "" }));
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const path = resolve(lock.packages, next.from, next.name);
    if (path === undefined || found.has(path)) continue;
    const entry = lock.packages[path];
    const name = nameOf(path);
    found.set(path, { path, name, entry, wantedBy: next.wantedBy });
    waiting.push(...wanted(entry).map((child) => ({ name: child, from: path, wantedBy: name })));
  }
  const packages = [...found.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
  return { root, packages };
}

const nameOf = (path) => path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);

function wanted({ dependencies = {}, optionalDependencies = {}, peerDependencies = {}, peerDependenciesMeta = {} }) {
  const peers = Object.keys(peerDependencies).filter((name) => !peerDependenciesMeta[name]?.optional);
  return [...Object.keys(dependencies), ...Object.keys(optionalDependencies), ...peers];
}

/** As Node looks: in the package's own node_modules, then in those above it. */
function resolve(packages, from, name) {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf("node_modules/") - 1))) {
    const path = folder === "" ? `node_modules/${name}` : `${folder}/node_modules/${name}`;
    if (packages[path] !== undefined) return path;
    if (folder === "") return undefined;
  }
}
