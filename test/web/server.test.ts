import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { pino } from "pino";
import { afterEach, describe, expect, it } from "vitest";
import { TransientError, UsageError } from "../../src/errors.js";
import { createLog } from "../../src/platform/log.js";
import { createMetrics } from "../../src/platform/metrics.js";
import { startWeb, type Web, type WebParts } from "../../src/web/server.js";

const open: Web[] = [];
let lines: string[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((web) => web.close()));
  lines = [];
});

const log = createLog("info", { write: (line: string) => void lines.push(line) });
const fine = { name: "database", check: async () => {} };

async function start(parts: Partial<WebParts> = {}): Promise<Web> {
  const config = { httpHost: "127.0.0.1", httpPort: 0 };
  const web = await startWeb({ config, log, metrics: createMetrics(), checks: [fine], isDraining: () => false, ...parts });
  open.push(web);
  return web;
}

describe("the addresses", () => {
  it("are named at the root, in one line of JSON", async () => {
    const { address } = await start();
    const response = await fetch(address);
    expect(await response.json()).toEqual({
      service: "reupload",
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      live: "/health/live",
      ready: "/health/ready",
      metrics: "/metrics",
    });
  });

  it("answer with headers that forbid sniffing, framing and caching, and that do not name the software", async () => {
    const { address } = await start();
    for (const path of ["/", "/health/live", "/health/ready", "/metrics", "/nothing"]) {
      const { headers } = await fetch(address + path);
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
      expect(headers.get("cache-control")).toBe("no-store");
      expect(headers.get("x-powered-by")).toBeNull();
      expect(headers.get("server")).toBeNull();
    }
  });
});

describe("health", () => {
  it("is live even when a check fails and while draining", async () => {
    const failing = { name: "queue", check: () => Promise.reject(new Error("gone")) };
    const { address } = await start({ checks: [failing], isDraining: () => true });
    const response = await fetch(`${address}/health/live`);
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ status: "live" });
  });

  it("is ready when every check passes", async () => {
    const { address } = await start({ checks: [fine, { name: "queue", check: async () => {} }] });
    const response = await fetch(`${address}/health/ready`);
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ status: "ready", checks: { database: "ok", queue: "ok" } });
  });

  it("names the check that failed, keeps the reason in the log, and logs only what changes", async () => {
    let broken = true;
    const check = async () => {
      if (broken) throw new Error("connect ECONNREFUSED 10.1.2.3:6379");
    };
    const { address } = await start({ checks: [fine, { name: "queue", check }] });
    for (const _ of [1, 2]) {
      const response = await fetch(`${address}/health/ready`);
      expect(response.status).toBe(503);
      expect(await response.json()).toEqual({ status: "unready", checks: { database: "ok", queue: "failed" } });
    }
    broken = false;
    expect((await fetch(`${address}/health/ready`)).status).toBe(200);
    expect(lines).toHaveLength(2);
    expect(lines[0]).toContain("10.1.2.3");
    expect(lines[1]).toContain("passes again");
  });

  it("counts a check that throws at once as failed", async () => {
    const check = () => {
      throw new Error("not even a promise");
    };
    const { address } = await start({ checks: [{ name: "ffmpeg", check }] });
    expect(await (await fetch(`${address}/health/ready`)).json()).toEqual({ status: "unready", checks: { ffmpeg: "failed" } });
  });

  it("gives a check that hangs two seconds, and does not start it a second time", async () => {
    let started = 0;
    const check = () => {
      started += 1;
      return new Promise<void>(() => {});
    };
    const { address } = await start({ checks: [fine, { name: "queue", check }] });
    const responses = await Promise.all([1, 2].map(() => fetch(`${address}/health/ready`)));
    for (const response of responses) {
      expect(response.status).toBe(503);
      expect(await response.json()).toEqual({
        status: "unready",
        checks: { database: "ok", queue: "no answer within 2000 ms" },
      });
    }
    expect(started).toBe(1);
  });

  it("is not ready while draining", async () => {
    const { address } = await start({ isDraining: () => true });
    const response = await fetch(`${address}/health/ready`);
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({ status: "draining", checks: {} });
  });
});

describe("what goes wrong", () => {
  const problemOf = async (response: Response) => {
    expect(response.headers.get("content-type")).toContain("application/problem+json");
    return response.json();
  };

  it("is a problem document for an address that does not exist", async () => {
    const { address } = await start();
    const response = await fetch(`${address}/v1/nothing`);
    expect(response.status).toBe(404);
    expect(await problemOf(response)).toMatchObject({ type: "about:blank", title: "Not Found", status: 404 });
  });

  it("is a problem document for a path, a method or a body that cannot be read", async () => {
    const { address } = await start();
    expect(await problemOf(await fetch(`${address}/%zz`))).toMatchObject({ status: 400 });
    expect(await problemOf(await fetch(`${address}/`, { method: "DELETE" }))).toMatchObject({ status: 404 });
    const body = "{".repeat(5_000);
    const headers = { "content-type": "application/json" };
    const response = await fetch(`${address}/`, { method: "POST", body, headers });
    expect(await problemOf(response)).toMatchObject({ status: response.status });
    expect(response.status).toBeLessThan(500);
  });

  it("is a problem document without a stack trace when we fail", async () => {
    const metrics = createMetrics();
    metrics.registry.metrics = () => Promise.reject(new Error("secret detail"));
    const { address } = await start({ metrics });
    const response = await fetch(`${address}/metrics`);
    expect(response.status).toBe(500);
    expect(await problemOf(response)).toEqual({ type: "about:blank", title: "Internal Server Error", status: 500 });
    expect(lines.join()).toContain("secret detail");
  });

  it("is 503 when what we need may be there again soon", async () => {
    const metrics = createMetrics();
    metrics.registry.metrics = () => Promise.reject(new TransientError("the database does not answer"));
    const { address } = await start({ metrics });
    expect((await fetch(`${address}/metrics`)).status).toBe(503);
  });

  it("is a problem document for bytes that are not HTTP", async () => {
    const { address } = await start();
    const socket = connect(Number(new URL(address).port), "127.0.0.1");
    socket.end("this is not HTTP\r\n\r\n");
    const answer = await text(socket);
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(answer).toContain('"status":400');
  });

  it("is one sentence about HTTP_PORT when the port is taken", async () => {
    const { address } = await start();
    const httpPort = Number(new URL(address).port);
    const second = start({ config: { httpHost: "127.0.0.1", httpPort } });
    await expect(second).rejects.toThrow(UsageError);
    await expect(second).rejects.toThrow(`HTTP_PORT: port ${httpPort} on 127.0.0.1 is in use`);
  });

  it("is one sentence about HTTP_HOST when the address is not ours", async () => {
    await expect(start({ config: { httpHost: "192.0.2.1", httpPort: 0 } })).rejects.toThrow("HTTP_HOST: 192.0.2.1");
  });
});

it("closes although a client keeps its connection, and may be closed twice", async () => {
  const web = await startWeb({
    config: { httpHost: "127.0.0.1", httpPort: 0 },
    log: pino({ level: "silent" }),
    metrics: createMetrics(),
    checks: [],
    isDraining: () => false,
  });
  await (await fetch(web.address)).text();
  await web.close();
  await web.close();
  await expect(fetch(web.address)).rejects.toThrow();
});
