import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Received {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

export interface Receiver {
  url: string;
  received: Received[];
  /** Requests that are being answered now, and the most there ever were at once. */
  load: { now: number; most: number };
  /** How it answers from now on. */
  answer(how: (response: ServerResponse, request: Received) => void): void;
  close(): Promise<void>;
}

/** A real HTTP server that keeps what it was sent and answers as it is told; 204 at first. */
export async function startReceiver(): Promise<Receiver> {
  const received: Received[] = [];
  const load = { now: 0, most: 0 };
  let how: (response: ServerResponse, request: Received) => void = (response) => void response.writeHead(204).end();
  const server = createServer(async (request, response) => {
    load.most = Math.max(load.most, ++load.now);
    response.on("close", () => load.now--);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const one = { path: request.url ?? "", headers: request.headers, body: Buffer.concat(chunks).toString("utf8") };
    received.push(one);
    how(response, one);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    load,
    answer: (next) => {
      how = next;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
