import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync } from "node:fs";
import { cp, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Of this version. */
export const CHECKOUT = fileURLToPath(new URL("../../..", import.meta.url));

/** Below the packages, so that they are found without a link to them, which a decoder in its sandbox could not follow. */
export function makeBuildFolder(): string {
  const cache = join(CHECKOUT, "node_modules", ".cache");
  mkdirSync(cache, { recursive: true });
  return mkdtempSync(join(cache, "reupload-drill-"));
}

/** Compiles a checkout into `target`, a folder of {@link makeBuildFolder}, so that nothing that happens to the checkout meanwhile matters. Returns how to run it. */
export async function compile(checkout: string, target: string): Promise<string[]> {
  const dist = join(target, "dist");
  await mkdir(target, { recursive: true });
  const tsc = join(CHECKOUT, "node_modules", "typescript", "bin", "tsc");
  await run(process.execPath, [tsc, "-p", join(checkout, "tsconfig.build.json"), "--outDir", dist, "--declaration", "false"]);
  await cp(join(checkout, "src"), dist, { recursive: true, filter: (path) => !path.endsWith(".ts") });
  if (checkout !== target) await cp(join(checkout, "package.json"), join(target, "package.json"));
  return [process.execPath, join(dist, "main.js")];
}

/** The sources of a commit, ready to be compiled: with this checkout's packages when it asks for the same ones. */
export async function checkOut(revision: string, target: string): Promise<void> {
  await mkdir(target, { recursive: true });
  const archive = join(target, "..", "sources.tar");
  await run("git", ["-C", CHECKOUT, "archive", "--output", archive, revision]);
  await run("tar", ["-xf", archive, "-C", target]);
  const [theirs, ours] = await Promise.all([target, CHECKOUT].map((dir) => readFile(join(dir, "package-lock.json"), "utf8")));
  // The same packages are found above.
  if (theirs !== ours)
    await run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"], {
      cwd: target,
    });
}

/** What a program prints. @throws Error with what it complained of, when it fails. */
export async function run(command: string, args: string[], how: { cwd?: string; env?: NodeJS.ProcessEnv } = {}): Promise<string> {
  const child = spawn(command, args, { ...how, stdio: ["ignore", "pipe", "pipe"] });
  const said = { out: "", err: "" };
  child.stdout.on("data", (part) => (said.out += part));
  child.stderr.on("data", (part) => (said.err += part));
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} failed: ${(said.err || said.out).trim().slice(-2_000)}`);
  return said.out.trim();
}
