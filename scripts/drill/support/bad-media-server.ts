import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { pipeline } from "node:stream/promises";

/** Hands out the inputs, and counts who follows a list of files to its trap. Listens on this machine only. */
export interface MediaServer {
  urlOf(path: string): string;
  /** The same with a few bytes behind the file's end, other ones each time: a file that nobody has seen before. */
  freshUrlOf(path: string): string;
  trapUrl: string;
  /** What was asked for at the trap. */
  trapped: string[];
  close(): Promise<void>;
}

const MOST_FILES = 5000;

export async function startMediaServer(): Promise<MediaServer> {
  const files = new Map<string, { path: string; tail: string }>();
  const trapped: string[] = [];
  const server = createServer((request, response) => {
    const address = request.url ?? "";
    const file = files.get(address);
    if (file) return void send(file, request, response);
    trapped.push(`${request.method} ${address}`);
    response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  let handedOut = 0;
  const add = (path: string, tail: string) => {
    const address = `/input-${handedOut}`;
    files.set(address, { path, tail });
    // Who comes later than this many others does not come any more.
    files.delete(`/input-${handedOut++ - MOST_FILES}`);
    return base + address.slice(1);
  };
  return {
    urlOf: (path) => add(path, ""),
    freshUrlOf: (path) => add(path, `fresh ${handedOut}`.padEnd(16)),
    trapUrl: `${base}trap/`,
    trapped,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

async function send(
  { path, tail }: { path: string; tail: string },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { size } = await stat(path);
  response.writeHead(200, { "content-length": size + tail.length, "content-type": "application/octet-stream" });
  if (request.method === "HEAD") return void response.end();
  try {
    await pipeline(createReadStream(path), response, { end: false });
    response.end(tail);
  } catch {
    response.destroy();
  }
}
