import { execFile } from "node:child_process";
import { mkdir, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { type BadInput, found, grouped, type Rows, refused, unscannable } from "./bad-media.js";
import { clip, type Kitchen } from "./bad-media-kitchen.js";

const OUTSIDE = /lies outside the folders that may be read/;
const NO_FILE = /is not a file|lies outside/;
const MISSING = /does not exist or cannot be reached/;

async function linked(kitchen: Kitchen, name: string, to: string): Promise<string> {
  const path = join(kitchen.folder, name);
  await rm(path, { force: true });
  await symlink(to, path);
  return path;
}

async function pipe({ folder }: Kitchen): Promise<string> {
  const path = join(folder, "fifo.mp4");
  await rm(path, { force: true });
  await promisify(execFile)("mkfifo", [path]);
  return path;
}

async function directory({ folder }: Kitchen): Promise<string> {
  await mkdir(join(folder, "directory.mp4"), { recursive: true });
  return join(folder, "directory.mp4");
}

const rows: Rows = [
  ["a named pipe", refused(NO_FILE), pipe],
  ["a folder", refused(NO_FILE), directory],
  ["a folder that may be read, itself", refused(OUTSIDE), async ({ folder }) => folder],
  ["/dev/zero", refused(OUTSIDE), async () => "/dev/zero"],
  ["/dev/stdin", refused(OUTSIDE), async () => "/dev/stdin"],
  ["/proc/self/mem", refused(OUTSIDE), async () => "/proc/self/mem"],
  ["/etc/passwd", refused(OUTSIDE), async () => "/etc/passwd"],
  ["a link to /dev/zero", refused(OUTSIDE), (kitchen) => linked(kitchen, "zero.mp4", "/dev/zero")],
  ["a link to /etc/passwd", refused(OUTSIDE), (kitchen) => linked(kitchen, "passwd.mp4", "/etc/passwd")],
  ["a link to itself", unscannable(MISSING), (kitchen) => linked(kitchen, "loop.mp4", join(kitchen.folder, "loop.mp4"))],
  ["a link to nothing", unscannable(MISSING), (kitchen) => linked(kitchen, "nowhere.mp4", join(kitchen.folder, "not-there.mp4"))],
  ["a link to the clip", found(0), async (kitchen) => linked(kitchen, "link.mp4", await clip(kitchen))],
  ["a way out through ..", refused(OUTSIDE), async ({ folder }) => `${folder}/../../../../../../../etc/passwd`],
  ["a missing file", unscannable(MISSING), async ({ folder }) => join(folder, "missing.mp4")],
  ["a name with a zero byte", refused(OUTSIDE), async ({ folder }) => join(folder, "a\0.mp4")],
];

export const places = (): BadInput[] => grouped("odd places", rows).map((input) => ({ ...input, byPathOnly: true }));
