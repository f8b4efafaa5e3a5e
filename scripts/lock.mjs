import { closeSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, statSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** Longer than any install takes; the holder's process id may belong to another program by then. */
const ABANDONED_AFTER_MS = 30 * 60_000;

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** Takes away a lock whose process no longer exists. Renaming first lets only one of several waiters do it. */
function breakStale(path) {
  const holder = Number(readFileSync(path, "utf8"));
  const heldForMs = Date.now() - statSync(path).mtimeMs;
  // A holder writes its id right after it made the file.
  if (heldForMs < ABANDONED_AFTER_MS && (holder ? isAlive(holder) : heldForMs < 5_000)) return;
  const mine = `${path}.${process.pid}`;
  renameSync(path, mine);
  // Another waiter may have renewed the lock between our reading and our renaming: give it back.
  if (Number(readFileSync(mine, "utf8")) === holder) rmSync(mine);
  else renameSync(mine, path);
}

function tryTake(path) {
  try {
    const file = openSync(path, "wx");
    writeSync(file, `${process.pid}`);
    closeSync(file);
    return true;
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
    return false;
  }
}

/** Runs `fn` while no other process of this machine does, going by a file with the holder's process id. */
export async function withLock(path, say, fn) {
  mkdirSync(dirname(path), { recursive: true });
  let told = false;
  while (!tryTake(path)) {
    try {
      breakStale(path);
    } catch (error) {
      if (error.code !== "ENOENT") throw error;
    }
    if (!told) say("Waiting for another process that is installing or compiling.");
    told = true;
    await delay(200);
  }
  const release = () => rmSync(path, { force: true });
  process.once("exit", release);
  try {
    return await fn();
  } finally {
    process.off("exit", release);
    release();
  }
}
