import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseAllDocuments } from "yaml";

export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

export const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");

/** All documents of a YAML file, merge keys (`<<`) resolved. */
export function readYaml<T>(path: string): T[] {
  const documents = parseAllDocuments(read(path), { merge: true, strict: true, uniqueKeys: true });
  if (!Array.isArray(documents)) throw new Error(`${path} is empty`);
  return documents.map((document) => {
    if (document.errors.length > 0) throw new Error(`${path}: ${document.errors[0].message}`);
    return document.toJS() as T;
  });
}

export const isThere = (program: string): boolean => spawnSync(program, ["--version"], { stdio: "ignore" }).error === undefined;

/** Runs a program in the checkout; standard output and error together, and the exit code. */
export function run(program: string, args: string[], input?: string): { code: number | null; output: string } {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd: ROOT, encoding: "utf8", input, timeout: 300_000 });
  if (error) throw error;
  return { code: status, output: stdout + stderr };
}

const UNITS: Record<string, number> = { "": 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, ki: 1024, mi: 1024 ** 2, gi: 1024 ** 3 };

/** "512m" of compose, "1Gi" of Kubernetes. */
export function bytesOf(size: string): number {
  const [, number, unit] = /^(\d+)([kmg]?i?)b?$/i.exec(size) ?? [];
  if (number === undefined || UNITS[unit.toLowerCase()] === undefined) throw new Error(`${size} is not a size`);
  return Number(number) * UNITS[unit.toLowerCase()];
}
