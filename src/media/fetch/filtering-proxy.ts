import { randomBytes, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, request, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type LookupFunction, type Socket } from "node:net";
import { type Duplex, Transform } from "node:stream";
import { InvalidSubmissionError, UnscannableError } from "../../errors.js";
import { INTERNET, publicLookup, type Reach, refusePort, refusePrivateHost } from "./allowed-address.js";

/** What a program behind the proxy was kept from; the first of each kind is enough to know. */
export type Refusal = "private address" | "port" | "too many bytes";

export interface FilteringProxy {
  /** User name and password of this run, as a URL has them. */
  credentials: string;
  /** Of 127.0.0.1; undefined when it listens on a socket in the file system. */
  port?: number;
  refusals: Set<Refusal>;
  connections(): number;
  /** That came from outside. */
  bytes(): number;
  /** Ends all connections. */
  close(): Promise<void>;
}

const CONNECT_MS = 10_000;
const IDLE_MS = 60_000;
const CONNECTIONS_AT_ONCE = 64;
const METHODS = new Set(["GET", "HEAD", "POST"]);
/** Of one connection, and not for its other end (RFC 9110, 7.6.1). */
const HOP_BY_HOP = /^(connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade)$/;

/**
 * An HTTP proxy that is the only way out of a program: it connects by the rules for downloads (public addresses, checked when it connects;
 * {@link Reach}'s ports), carries at most `maxBytes` from outside in all, and asks for a secret that is new each time. TLS passes through
 * it unread.
 *
 * @param where a path for a socket in the file system; a port of 127.0.0.1 when it is missing.
 */
export async function startFilteringProxy(reach: Reach, maxBytes: number, where?: string): Promise<FilteringProxy> {
  const credentials = `fetch:${randomBytes(24).toString("hex")}`;
  const expected = Buffer.from(`Basic ${Buffer.from(credentials).toString("base64")}`);
  const refusals = new Set<Refusal>();
  const open = new Set<Duplex>();
  let bytes = 0;
  let connections = 0;
  const way: Way = {
    reach,
    lookup: reach.allowPrivateAddresses ? undefined : publicLookup(reach.network ?? INTERNET),
    isKnown: (given) => {
      const said = Buffer.from(given ?? "");
      return said.length === expected.length && timingSafeEqual(said, expected);
    },
    hold: (...streams) => {
      for (const stream of streams) {
        open.add(stream);
        stream.on("error", () => {}).once("close", () => open.delete(stream));
      }
    },
    refuse: (refusal) => void refusals.add(refusal),
    counted: () => {
      connections++;
      return new Transform({
        transform(chunk: Buffer, _encoding, done) {
          bytes += chunk.length;
          if (bytes <= maxBytes) return done(null, chunk);
          refusals.add("too many bytes");
          for (const stream of open) stream.destroy();
          done(new Error("too many bytes"));
        },
      });
    },
  };
  const server = createServer({ requestTimeout: 0 });
  server.maxConnections = CONNECTIONS_AT_ONCE;
  server.on("connection", (socket: Socket) => {
    way.hold(socket);
    socket.setTimeout(IDLE_MS, () => socket.destroy());
  });
  server.on("connect", (asked, client, head) => tunnel(way, asked, client, head));
  server.on("request", (asked, answer) => forward(way, asked, answer));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    if (where === undefined) server.listen(0, "127.0.0.1", resolve);
    else server.listen(where, resolve);
  });
  return {
    credentials,
    refusals,
    connections: () => connections,
    bytes: () => bytes,
    ...(where === undefined && { port: (server.address() as AddressInfo).port }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const stream of open) stream.destroy();
      }),
  };
}

interface Way {
  reach: Reach;
  lookup?: LookupFunction;
  isKnown(authorization: string | undefined): boolean;
  /** Ends these when the proxy ends. */
  hold(...streams: Duplex[]): void;
  refuse(refusal: Refusal): void;
  /** What comes from outside goes through one of these. */
  counted(): Transform;
}

/** The status to refuse with; undefined when the address may be asked. */
function refusalOf(way: Way, asked: IncomingMessage, url: URL | undefined): string | undefined {
  if (!way.isKnown(asked.headers["proxy-authorization"])) return "407 Proxy Authentication Required";
  if (url === undefined || url.username || url.password) return "400 Bad Request";
  try {
    if (!way.reach.allowPrivateAddresses) refusePrivateHost(url.hostname, way.reach.network);
    refusePort(url, way.reach);
  } catch (error) {
    return noteRefusal(way, error);
  }
  return undefined;
}

/** Our own errors say what was refused; all others are the network's. */
function noteRefusal(way: Way, error: unknown): string {
  if (error instanceof InvalidSubmissionError) way.refuse("private address");
  else if (error instanceof UnscannableError) way.refuse("port");
  else return "502 Bad Gateway";
  return "403 Forbidden";
}

const hostOf = ({ hostname }: URL) => hostname.replace(/^\[|\]$/g, "");

/** CONNECT host:port. */
function tunnel(way: Way, asked: IncomingMessage, client: Duplex, head: Buffer): void {
  const to = /^[^/?#@\\]+:\d{1,5}$/.test(asked.url ?? "") ? `https://${asked.url}` : "";
  const url = URL.canParse(to) ? new URL(to) : undefined;
  const refuse = (status: string) => client.end(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\n\r\n`);
  const refusal = refusalOf(way, asked, url);
  if (url === undefined || refusal !== undefined) return void refuse(refusal ?? "400 Bad Request");
  const server = connect({ host: hostOf(url), port: Number(url.port || 443), lookup: way.lookup });
  way.hold(server);
  server.setTimeout(CONNECT_MS, () => server.destroy(new Error("too late")));
  let isOpen = false;
  server.once("error", (error) => (isOpen ? client.destroy() : refuse(noteRefusal(way, error))));
  client.once("close", () => server.destroy());
  server.once("close", () => client.end());
  server.once("connect", () => {
    isOpen = true;
    server.setTimeout(IDLE_MS);
    client.write("HTTP/1.1 200 Connection Established\r\n\r\n");
    server.write(head);
    server.pipe(way.counted().on("error", () => {})).pipe(client);
    client.pipe(server);
  });
}

/** GET http://host/… */
function forward(way: Way, asked: IncomingMessage, answer: ServerResponse): void {
  const url = URL.canParse(asked.url ?? "") ? new URL(asked.url ?? "") : undefined;
  const refuse = (status: string) => {
    if (answer.headersSent) answer.destroy();
    else answer.writeHead(Number(status.slice(0, 3)), { connection: "close", "content-length": 0 }).end();
  };
  const refusal = refusalOf(way, asked, url);
  if (url === undefined || refusal !== undefined) return void refuse(refusal ?? "400 Bad Request");
  if (url.protocol !== "http:" || !METHODS.has(asked.method ?? "")) return void refuse("403 Forbidden");
  const out = request({
    ...{ host: hostOf(url), port: url.port || 80, path: url.pathname + url.search, method: asked.method },
    ...{ headers: { ...passedOn(asked.headers), host: url.host }, lookup: way.lookup, agent: false, timeout: IDLE_MS },
  });
  out.on("socket", (socket) => way.hold(socket));
  out.on("timeout", () => out.destroy(new Error("too late")));
  out.on("error", (error) => refuse(noteRefusal(way, error)));
  out.on("response", (response) => {
    response.on("error", () => answer.destroy());
    answer.writeHead(response.statusCode ?? 502, passedOn(response.headers));
    response.pipe(way.counted().on("error", () => answer.destroy())).pipe(answer);
  });
  answer.on("close", () => out.destroy());
  asked.pipe(out);
}

const passedOn = (headers: IncomingHttpHeaders) =>
  Object.fromEntries(Object.entries(headers).filter(([name, value]) => value !== undefined && !HOP_BY_HOP.test(name)));
