import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stillThere } from "../../../src/media/fetch/still-there.js";

const never = new AbortController().signal;

type Answer = (response: ServerResponse, request: IncomingMessage) => void;
const VIDEO = { "content-type": "video/mp4" };
const PAGE = { "content-type": "text/html; charset=utf-8" };

const ANSWERS: Record<string, Answer> = {
  "/video": (response) => response.writeHead(200, VIDEO).end(),
  "/page": (response) => response.writeHead(200, PAGE).end("<p>Video unavailable</p>"),
  "/no-head": (response, { method }) =>
    method === "HEAD" ? response.writeHead(405).end() : response.writeHead(200, VIDEO).write("x"),
  "/head-says-404": (response, { method }) => response.writeHead(method === "HEAD" ? 404 : 200, VIDEO).end(),
  "/to-video": (response) => response.writeHead(302, { location: "/video" }).end(),
  "/to-page": (response) => response.writeHead(302, { location: "/page" }).end(),
  "/to-gone": (response) => response.writeHead(301, { location: "/status/410" }).end(),
  "/loop": (response) => response.writeHead(302, { location: "/loop" }).end(),
  "/to-file": (response) => response.writeHead(302, { location: "file:///etc/hostname" }).end(),
  "/to-password": (response) => response.writeHead(302, { location: "http://user:secret@example.org/" }).end(),
  "/reset": (response) => response.destroy(),
  "/silent": () => {},
  "/endless": (response) => {
    response.writeHead(200, VIDEO);
    const timer = setInterval(() => response.write("x".repeat(1000)), 5);
    response.on("close", () => clearInterval(timer));
  },
};

let server: Server;
let origin = "";
const bodies = new Map<string, number>();

beforeAll(async () => {
  server = createServer((request, response) => {
    const path = request.url!;
    bodies.set(path, (bodies.get(path) ?? 0) + 1);
    const status = /^\/status\/(\d+)$/.exec(path);
    if (status) response.writeHead(Number(status[1])).end();
    else ANSWERS[path](response, request);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const look = (path: string, what: "media" | "page" = "media", options = {}, signal = never) =>
  stillThere(`${origin}${path}`, what, { allowPrivateAddresses: true, timeoutMs: 5_000, ...options }, signal);

describe("media", () => {
  test.each(["/video", "/no-head", "/head-says-404", "/to-video", "/endless"])("that answers is there: %s", async (path) => {
    expect(await look(path)).toBe("there");
  });

  test.each(["/status/403", "/status/404", "/status/410", "/status/451", "/to-gone"])("is gone: %s", async (path) => {
    expect(await look(path)).toBe("gone");
  });

  test.each([
    "/page",
    "/to-page",
    "/status/401",
    "/status/429",
    "/status/500",
    "/status/503",
    "/loop",
    "/to-file",
    "/to-password",
    "/reset",
  ])("says nothing clear: %s", async (path) => {
    expect(await look(path)).toBe("unknown");
  });

  test("says nothing clear when its server is silent or away, and when its address is none", async () => {
    expect(await look("/silent", "media", { timeoutMs: 300 })).toBe("unknown");
    const options = { allowPrivateAddresses: true };
    for (const url of ["http://127.0.0.1:1/", "not a url", "ftp://example.org/a", "http://user:secret@example.org/"])
      expect(await stillThere(url, "media", options, never)).toBe("unknown");
  });

  test("is asked for a second time only when HEAD did not say yes", async () => {
    bodies.clear();
    await look("/video");
    await look("/status/404");
    expect([bodies.get("/video"), bodies.get("/status/404")]).toEqual([1, 2]);
  });
});

test("a page that answers says nothing about what it shows; one that is gone does", async () => {
  expect(await look("/page", "page")).toBe("unknown");
  expect(await look("/video", "page")).toBe("unknown");
  expect(await look("/status/404", "page")).toBe("gone");
});

test.each(["127.0.0.1", "localhost", "[::1]", "2130706433", "[::ffff:127.0.0.1]", "169.254.169.254"])(
  "http://%s is inside a private network, and is not asked",
  async (host) => {
    bodies.clear();
    const url = `http://${host}:${new URL(origin).port}/video`;
    expect(await stillThere(url, "media", { allowPrivateAddresses: false, timeoutMs: 5_000 }, never)).toBe("unknown");
    expect(bodies.size).toBe(0);
  },
);

test("an abort throws its reason", async () => {
  const abort = new AbortController();
  server.once("request", () => abort.abort(new Error("enough")));
  await expect(look("/silent", "media", {}, abort.signal)).rejects.toThrow("enough");
});
