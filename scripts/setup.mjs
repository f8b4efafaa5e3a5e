/** Makes a checkout ready to run: packages installed, sources compiled. Quiet, and quick, when there is nothing to do. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { withLock } from "./lock.mjs";

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const MODULES = join(ROOT, "node_modules");
const DIST = join(ROOT, "dist");
const INSTALLED_LOCKFILE = join(MODULES, ".package-lock.json");
const DIST_STAMP = join(DIST, ".stamp");
const OLDEST_NODE = 20;
/** Measured: the size of what `npm ci` downloads, and of node_modules afterwards. */
const DOWNLOAD = "about 190 MB from the package registry";

/** Says something to the person at the terminal; standard output belongs to the command. */
const say = (message) => process.stderr.write(`${message}\n`);

/** A set-up step failed for a reason that was already shown; `exitCode` is for the shell. */
export class SetupError extends Error {
  constructor(message, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

function sourceFiles(path) {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .sort()
    .flatMap((name) => sourceFiles(join(path, name)));
}

function hashOf(...paths) {
  const hash = createHash("sha256");
  for (const path of paths.filter((path) => existsSync(path)).flatMap(sourceFiles)) {
    hash
      .update(`${path.slice(ROOT.length)}\0`)
      .update(readFileSync(path))
      .update("\0");
  }
  return hash.digest("hex");
}

const isFresh = (stampFile, stamp) => existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp;

/**
 * Whether node_modules is what package-lock.json asks for, going by the list that npm writes when an install is complete:
 * so an install that was made by hand counts, and one that was cut short does not.
 */
function isInstalled() {
  if (!existsSync(INSTALLED_LOCKFILE)) return false;
  const [wanted, installed] = [join(ROOT, "package-lock.json"), INSTALLED_LOCKFILE].map(
    (path) => JSON.parse(readFileSync(path, "utf8")).packages,
  );
  return Object.entries(wanted).every(([path, { version, optional }]) => {
    if (path === "") return true;
    return installed[path] === undefined ? optional === true : installed[path].version === version;
  });
}

const distStamp = () =>
  hashOf(join(ROOT, "src"), join(ROOT, "tsconfig.json"), join(ROOT, "tsconfig.build.json"), join(ROOT, "package-lock.json"));

function run(command, args, failure) {
  // The output of npm and tsc goes to standard error, so that `reupload … --json` can be piped.
  const { status, error } = spawnSync(command, args, { cwd: ROOT, stdio: ["ignore", 2, 2], env: process.env });
  if (error) throw new SetupError(`${failure}: ${error.message}`);
  if (status !== 0) throw new SetupError(failure, status ?? 1);
}

/** npm's own script when npm started us, so that the npm that was asked for is the one that installs. */
function npmCommand() {
  const { npm_execpath: npm } = process.env;
  return npm && /npm-cli\.c?js$/.test(npm) ? [process.execPath, [npm]] : ["npm", []];
}

function install() {
  if (isInstalled()) return;
  say(existsSync(MODULES) ? "Packages changed: installing them again." : `First run: installing packages (${DOWNLOAD}).`);
  const [npm, first] = npmCommand();
  const args = [
    ...first,
    "ci",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
    "--include=dev",
    "--include=optional",
  ];
  run(npm, args, "npm ci failed (see above): check the network, and that package-lock.json is unchanged");
}

/** Compiles into a folder of another name first, so that a running process never sees half a build. */
function compile() {
  const stamp = distStamp();
  if (isFresh(DIST_STAMP, stamp)) return;
  say("Compiling.");
  const partial = `${DIST}.partial`;
  const old = `${DIST}.old`;
  for (const path of [partial, old]) rmSync(path, { recursive: true, force: true });
  const tsc = join(MODULES, "typescript", "bin", "tsc");
  run(process.execPath, [tsc, "-p", "tsconfig.build.json", "--outDir", partial], "the sources do not compile (see above)");
  copyAssets(join(ROOT, "src"), partial);
  const main = join(partial, "main.js");
  if (existsSync(main)) chmodSync(main, 0o755);
  writeFileSync(join(partial, ".stamp"), stamp);
  if (existsSync(DIST)) renameSync(DIST, old);
  renameSync(partial, DIST);
  rmSync(old, { recursive: true, force: true });
}

/** Everything beside the sources that is not one: migrations, and what the web pages need. */
function copyAssets(from, to) {
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) copyAssets(source, target);
    else if (!entry.name.endsWith(".ts")) {
      mkdirSync(to, { recursive: true });
      cpSync(source, target);
    }
  }
}

function checkNode() {
  const [major] = process.versions.node.split(".");
  if (Number(major) >= OLDEST_NODE) return;
  throw new SetupError(
    `reupload needs Node.js ${OLDEST_NODE} or newer, and this is ${process.version}: see https://nodejs.org`,
    2,
  );
}

const isReady = (compiled) => isInstalled() && (!compiled || isFresh(DIST_STAMP, distStamp()));

/**
 * Installs, and compiles if `compiled`, whatever is missing or older than its sources. Several may run at once.
 *
 * @throws SetupError
 */
export async function setUp({ compiled }) {
  checkNode();
  if (isReady(compiled)) return;
  try {
    await withLock(join(ROOT, ".cache", "setup.lock"), say, () => {
      install();
      if (compiled) compile();
    });
  } catch (error) {
    if (error.code !== "EACCES" && error.code !== "EROFS") throw error;
    throw new SetupError(
      `the checkout needs to be set up, but ${error.path} cannot be written: run npm run build as its owner first`,
    );
  }
}
