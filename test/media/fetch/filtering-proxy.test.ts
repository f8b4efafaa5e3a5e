import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Reach } from "../../../src/media/fetch/allowed-address.js";
import { type FilteringProxy, startFilteringProxy } from "../../../src/media/fetch/filtering-proxy.js";
import { temporaryDir } from "../../support/temporary-dir.js";
import { http, PUBLIC, type RawServer, rawServer, testNetwork } from "./download-servers.js";

let server: RawServer;
let proxy: FilteringProxy;
const MAX_BYTES = 20_000;

beforeAll(async () => {
  server = await rawServer({
    "/good": (socket) => socket.end(http("200 OK\nContent-Length: 5\nKeep-Alive: timeout=5", "hello")),
    "/to-private": (socket) => socket.end(http(`302 Found\nLocation: http://127.0.0.1/\nContent-Length: 0`)),
    "/endless": (socket) => {
      socket.write(http("200 OK"));
      const more = () => {
        while (!socket.destroyed && socket.write(Buffer.alloc(4096)));
      };
      socket.on("drain", more);
      more();
    },
    "/no-http": (socket) => socket.end("nonsense\r\n\r\n"),
  });
});
afterAll(() => server.close());

const network = () =>
  testNetwork({ "media.test": [[PUBLIC]], "private.test": [["127.0.0.1"]], "rebinding.test": [[PUBLIC], ["127.0.0.1"]] });
const start = (reach: Partial<Reach> = {}, where?: string) =>
  startFilteringProxy({ allowPrivateAddresses: false, ports: [server.port], network: network(), ...reach }, MAX_BYTES, where);

beforeEach(async () => {
  server.asked.length = 0;
  proxy = await start();
});
afterEach(() => proxy.close());

const basic = (credentials: string) => `Proxy-Authorization: Basic ${Buffer.from(credentials).toString("base64")}\r\n`;

/** All that comes back, to the end of the connection. */
async function say(lines: string, of: FilteringProxy = proxy, credentials = of.credentials, path?: string): Promise<string> {
  const socket = path === undefined ? connect(of.port!, "127.0.0.1") : connect(path);
  let text = "";
  socket
    .on("error", () => {})
    .on("data", (chunk) => {
      text += chunk.toString("latin1");
    });
  const [first, ...rest] = lines.split("\n");
  socket.write(
    `${first}\r\nHost: any\r\n${credentials === "" ? "" : basic(credentials)}Connection: close\r\n\r\n${rest.join("\r\n")}`,
  );
  await once(socket, "close");
  return text;
}

const get = (host: string, path = "/good", port = server.port) => say(`GET http://${host}:${port}${path} HTTP/1.1\n`);
/** A request through a tunnel, as TLS would be. */
const tunnel = (host: string, path = "/good", port = server.port) =>
  say(`CONNECT ${host}:${port} HTTP/1.1\nGET ${path} HTTP/1.1\nConnection: close\n\n`);
const status = (answer: string) => /^HTTP\/1\.1 (\d+)/.exec(answer)?.[1];

describe.each([
  ["a request", get],
  ["a tunnel", tunnel],
])("%s", (_, ask) => {
  test("to a public address passes", async () => {
    expect(await ask("media.test")).toContain("hello");
    expect(server.asked).toHaveLength(1);
    expect(server.asked[0].toLowerCase()).not.toContain("proxy-");
    expect(proxy.connections()).toBe(1);
    expect(proxy.bytes()).toBeGreaterThanOrEqual(5);
    expect([...proxy.refusals]).toEqual([]);
  });

  test.each(["127.0.0.1", "localhost", "private.test", "[::1]", "[::ffff:127.0.0.1]", "0x7f.1", "2130706433", "169.254.169.254"])(
    "to %s is refused",
    async (host) => {
      expect(status(await ask(host))).toBe("403");
      expect([...proxy.refusals]).toEqual(["private address"]);
      expect(server.asked).toEqual([]);
    },
  );

  test("to another port is refused", async () => {
    expect(status(await ask("media.test", "/good", 22))).toBe("403");
    expect([...proxy.refusals]).toEqual(["port"]);
  });

  test("to a name that changes is checked each time", async () => {
    expect(await ask("rebinding.test")).toContain("hello");
    expect(status(await ask("rebinding.test"))).toBe("403");
    expect(server.asked).toHaveLength(1);
  });

  test("to a name that does not exist fails, which is nobody's refusal", async () => {
    expect(status(await ask("nobody.test"))).toBe("502");
    expect([...proxy.refusals]).toEqual([]);
  });

  test("without an end is cut off", async () => {
    expect((await ask("media.test", "/endless")).length).toBeLessThan(MAX_BYTES + 1000);
    expect([...proxy.refusals]).toEqual(["too many bytes"]);
  });
});

test("a redirect is its asker's to follow, through the proxy again", async () => {
  expect(await get("media.test", "/to-private")).toContain("Location: http://127.0.0.1/".toLowerCase());
  expect(server.asked).toHaveLength(1);
});

test("a server that speaks no HTTP is answered for", async () => {
  expect(status(await get("media.test", "/no-http"))).toBe("502");
});

test.each(["", "fetch:wrong", "fetch:"])("nobody else uses it: %j", async (credentials) => {
  const asked = `GET http://media.test:${server.port}/good HTTP/1.1\n`;
  expect(status(await say(asked, proxy, credentials))).toBe("407");
  expect(status(await say(`CONNECT media.test:${server.port} HTTP/1.1\n`, proxy, credentials))).toBe("407");
  expect(server.asked).toEqual([]);
});

test.each([
  ["GET /good HTTP/1.1\n", "400"],
  ["GET ftp://media.test/good HTTP/1.1\n", "403"],
  ["GET file:///etc/passwd HTTP/1.1\n", "403"],
  ["GET http://user:secret@media.test/good HTTP/1.1\n", "400"],
  ["DELETE http://media.test/good HTTP/1.1\n", "403"],
  ["CONNECT media.test HTTP/1.1\n", "400"],
  ["CONNECT user@media.test:443 HTTP/1.1\n", "400"],
  ["CONNECT media.test:443/path HTTP/1.1\n", "400"],
  ["CONNECT media.test:99999 HTTP/1.1\n", "400"],
])("%j is answered %s", async (asked, expected) => {
  proxy = await restarted();
  expect(status(await say(asked))).toBe(expected);
  expect(server.asked).toEqual([]);
});

/** One that would ask any port. */
async function restarted(): Promise<FilteringProxy> {
  await proxy.close();
  return start({ ports: undefined });
}

test("with private addresses allowed, they are asked, at any port", async () => {
  const open = await start({ allowPrivateAddresses: true, ports: [80], network: undefined });
  expect(await say(`GET http://127.0.0.1:${server.port}/good HTTP/1.1\n`, open)).toContain("hello");
  await open.close();
});

test("listens on a socket in the file system instead, and takes it away", async () => {
  const folder = join(temporaryDir().path, "run");
  mkdirSync(folder, { mode: 0o700 });
  const path = join(folder, "proxy");
  const local = await start({}, path);
  expect(local.port).toBeUndefined();
  expect(await say(`GET http://media.test:${server.port}/good HTTP/1.1\n`, local, local.credentials, path)).toContain("hello");
  await local.close();
  expect(await say("GET / HTTP/1.1\n", local, "", path).catch(() => "")).toBe("");
});
