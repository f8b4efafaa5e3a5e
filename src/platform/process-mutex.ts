import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect, createServer, type Server } from "node:net";
import { TransientError } from "../errors.js";

async function listen(path: string): Promise<Server | undefined> {
  const server = createServer((waiting) => waiting.on("error", () => {}).resume());
  try {
    server.listen({ path });
    await once(server, "listening");
    return server;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") return undefined;
    throw error;
  }
}

/** Resolves when the holder lets go or dies: the kernel closes its end either way. */
async function released(path: string, signal: AbortSignal): Promise<void> {
  const holder = connect({ path, signal });
  // Not `once` of node:events, which would reject when the holder's end is reset instead of closed.
  await new Promise<void>((resolve) =>
    holder
      .on("error", () => {})
      .once("close", () => resolve())
      .resume(),
  );
}

async function acquire(path: string, waitMs: number): Promise<() => void> {
  const signal = AbortSignal.timeout(waitMs);
  const waiters = new Set<import("node:net").Socket>();
  for (;;) {
    const server = await listen(path);
    if (server !== undefined) {
      server.on("connection", (socket) => waiters.add(socket));
      return () => {
        server.close();
        for (const waiter of waiters) waiter.destroy();
      };
    }
    if (signal.aborted) throw new TransientError(`another process has held the lock of the data folder for ${waitMs} ms`);
    await released(path, signal);
  }
}

/**
 * Runs `fn` while no other process of this machine (network namespace) runs one for the same `key`.
 *
 * The lock is a Linux abstract socket: it has no file, so a killed process cannot leave it behind.
 *
 * @throws TransientError when another process holds the lock for longer than `waitMs`.
 */
export async function withProcessMutex<T>(key: string, fn: () => Promise<T>, waitMs = 300_000): Promise<T> {
  const release = await acquire(`\0reupload-${createHash("sha256").update(key).digest("hex").slice(0, 32)}`, waitMs);
  try {
    return await fn();
  } finally {
    release();
  }
}
