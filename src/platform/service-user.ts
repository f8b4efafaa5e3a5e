import { readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { UsageError } from "../errors.js";

/** Whom to run Postgres as, which refuses to run as root. */
export interface ServiceUser {
  name: string;
  uid: number;
  gid: number;
}

const X_FOR_OWNER = 0o100;
const X_FOR_GROUP = 0o010;
const X_FOR_OTHERS = 0o001;

function findUser(wanted: (user: ServiceUser) => boolean): ServiceUser | undefined {
  const users = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"))
    .map(([name, , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }));
  return users.find((user) => user.uid > 0 && wanted(user));
}

/**
 * As root: the owner of `path` if it exists and is an ordinary user, else `postgres`, else `nobody`.
 * As anyone else: undefined, there is nothing to drop.
 */
export function serviceUserFor(path: string): ServiceUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const owner = statSync(path, { throwIfNoEntry: false });
  if (owner !== undefined && owner.uid !== 0) {
    return findUser((user) => user.uid === owner.uid) ?? { name: `${owner.uid}`, uid: owner.uid, gid: owner.gid };
  }
  const user = findUser(({ name }) => name === "postgres") ?? findUser(({ name }) => name === "nobody");
  if (user === undefined) throw new UsageError("Postgres does not run as root, and /etc/passwd has no user postgres or nobody");
  return user;
}

/** The first folder on the way down to `path` (itself included) that `user` may not enter; undefined when there is none. */
export function closedFolder(path: string, user: ServiceUser): string | undefined {
  const parent = dirname(path);
  const above = parent === path ? undefined : closedFolder(parent, user);
  if (above !== undefined) return above;
  const { mode, uid, gid } = statSync(path);
  const needed = uid === user.uid ? X_FOR_OWNER : gid === user.gid ? X_FOR_GROUP : X_FOR_OTHERS;
  return (mode & needed) === 0 ? path : undefined;
}
