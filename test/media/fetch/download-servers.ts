import { once } from "node:events";
import { readdirSync } from "node:fs";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { expect } from "vitest";
import type { Network } from "../../../src/media/fetch/allowed-address.js";

/** Answers a request, given as its head, with raw bytes. */
export type RawAnswer = (socket: Socket, head: string) => void;

export interface RawServer {
  port: number;
  /** The heads of all requests so far: request line and headers. */
  asked: string[];
  close(): Promise<void>;
}

/** This address of the machine stands for the public internet in tests, and 127.0.0.1 for what must not be reached. */
export const PUBLIC = "127.0.0.2";

/** Speaks no HTTP by itself, so that it can lie about all of it. Listens on one port of {@link PUBLIC} and of 127.0.0.1. */
export async function rawServer(answers: Record<string, RawAnswer>): Promise<RawServer> {
  const sockets = new Set<Socket>();
  const asked: string[] = [];
  const serve = (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).once("close", () => sockets.delete(socket));
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      const end = text.indexOf("\r\n\r\n");
      if (end < 0) return;
      const head = text.slice(0, end);
      text = text.slice(end + 4);
      asked.push(head);
      const path = head.split(" ")[1].split("?")[0];
      (answers[path] ?? ((to) => to.end("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")))(socket, head);
    });
  };
  const first = createServer(serve).listen(0, PUBLIC);
  await once(first, "listening");
  const { port } = first.address() as AddressInfo;
  const second = createServer(serve).listen(port, "127.0.0.1");
  await once(second, "listening");
  const closed = (server: Server) => new Promise<void>((resolve) => server.close(() => resolve()));
  return {
    port,
    asked,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await Promise.all([closed(first), closed(second)]);
    },
  };
}

/** A head and a body, as they go over the wire. */
export const http = (head: string, body: string | Buffer = ""): Buffer =>
  Buffer.concat([
    Buffer.from(`HTTP/1.1 ${head.trim().replaceAll("\n", "\r\n")}\r\n\r\n`, "latin1"),
    typeof body === "string" ? Buffer.from(body, "latin1") : body,
  ]);

/** Names resolve to what is given: the first time to the first list, and so on; the last list stays. */
export function testNetwork(names: Record<string, string[][]>): Network & { resolved: string[] } {
  const resolved: string[] = [];
  return {
    resolved,
    isPublic: (address) => address === PUBLIC,
    resolve: (hostname, _options, callback) => {
      const times = resolved.filter((name) => name === hostname).length;
      resolved.push(hostname);
      const lists = names[hostname];
      if (!lists) return callback(Object.assign(new Error("no such name"), { code: "ENOTFOUND" }), []);
      callback(
        null,
        lists[Math.min(times, lists.length - 1)].map((address) => ({ address, family: 4 })),
      );
    },
  };
}

/** The error of a download, after checking that it left no file in `tmpDir` and tells no secret. */
export async function failedDownload(fetched: Promise<unknown>, tmpDir: string): Promise<Error & { retryAfterMs?: number }> {
  const error = await fetched.then(
    () => new Error("it was fetched"),
    (e: Error) => e,
  );
  expect(readdirSync(tmpDir)).toEqual([]);
  expect(error.message).not.toContain("secret");
  return error;
}
