import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A TCP proxy on the loopback address that can do to connections what networks do. */
export interface TcpProxy {
  port: number;
  /** Resets every connection. */
  cut(): void;
  /** From now on bytes take so long, either way, until {@link heal}. */
  delay(ms: number): void;
  /** Nothing passes, and nothing is closed, until {@link heal}; then everything does that was sent meanwhile. */
  silence(): void;
  /** The server's side of every open connection is gone, and the client is not told before {@link heal}; new connections work. */
  halfOpen(): void;
  heal(): void;
  close(): Promise<void>;
}

interface Pair {
  client: Socket;
  server: Socket;
  isHalf: boolean;
}

export async function startProxy(targetPort: () => number): Promise<TcpProxy> {
  const pairs = new Set<Pair>();
  const how = { delayMs: 0, isSilent: false };
  const listener = createServer((client) => {
    const pair: Pair = { client, server: connect(targetPort(), "127.0.0.1"), isHalf: false };
    pairs.add(pair);
    const end = () => {
      if (pair.isHalf && !client.destroyed) return;
      pairs.delete(pair);
      for (const socket of [client, pair.server]) socket.destroy();
    };
    for (const [from, to] of [
      [client, pair.server],
      [pair.server, client],
    ]) {
      from.setNoDelay(true);
      from.on("error", end);
      from.on("close", end);
      pass(from, to, pair, how);
      if (how.isSilent) from.pause();
    }
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const sockets = () => [...pairs].flatMap(({ client, server }) => [client, server]);
  const cut = () => {
    for (const pair of pairs) {
      pair.isHalf = false;
      pair.client.resetAndDestroy();
      pair.server.resetAndDestroy();
    }
  };
  return {
    port: (listener.address() as AddressInfo).port,
    cut,
    delay: (ms) => {
      how.delayMs = ms;
    },
    silence: () => {
      how.isSilent = true;
      for (const socket of sockets()) socket.pause();
    },
    halfOpen: () => {
      for (const pair of pairs) {
        pair.isHalf = true;
        pair.server.destroy();
      }
    },
    heal: () => {
      Object.assign(how, { delayMs: 0, isSilent: false });
      for (const { client, isHalf } of pairs) if (isHalf) client.resetAndDestroy();
      for (const socket of sockets()) socket.resume();
    },
    close: async () => {
      cut();
      await new Promise((resolve) => listener.close(resolve));
    },
  };
}

/** Hands bytes on in their order, as late as it is to be when they come. */
function pass(from: Socket, to: Socket, pair: Pair, how: { delayMs: number; isSilent: boolean }): void {
  let lastDueMs = 0;
  let waiting = 0;
  const write = (chunk: Buffer) => {
    if (to.destroyed || to.write(chunk)) return;
    from.pause();
    to.once("drain", () => {
      if (!how.isSilent) from.resume();
    });
  };
  from.on("data", (chunk: Buffer) => {
    if (pair.isHalf) return;
    const nowMs = performance.now();
    lastDueMs = Math.max(nowMs + how.delayMs, lastDueMs);
    if (waiting === 0 && lastDueMs <= nowMs) return write(chunk);
    waiting++;
    setTimeout(() => {
      waiting--;
      write(chunk);
    }, lastDueMs - nowMs);
  });
}
