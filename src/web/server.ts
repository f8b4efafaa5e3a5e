import type { Socket } from "node:net";
import { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from "fastify";
import type { Config } from "../config.js";
import { TransientError, UsageError } from "../errors.js";
import type { Log } from "../platform/log.js";
import type { Metrics } from "../platform/metrics.js";
import { readVersion } from "../platform/version.js";
import { PROBLEM_TYPE, problem } from "./problem.js";
import { type Check, createReadiness, type Readiness } from "./readiness.js";

export interface WebParts {
  config: Pick<Config, "httpHost" | "httpPort"> & Partial<Pick<Config, "httpTrustedProxies">>;
  /** Adds the pages and the API to the server; without it there are only health and metrics. */
  surfaces?(server: FastifyInstance, readiness: () => Promise<Readiness>): Promise<void>;
  log: Log;
  metrics: Metrics;
  checks: Check[];
  /** True from the moment the process was asked to stop. */
  isDraining(): boolean;
}

export interface Web {
  /** Where it listens, such as "http://127.0.0.1:8080". */
  address: string;
  close(): Promise<void>;
}

/** An upload of some gigabytes over a slow line; headers must be there sooner. */
const REQUEST_TIMEOUT_MS = 15 * 60_000;
const HEADERS_TIMEOUT_MS = 10_000;
/** The routes are put together in a second; on a machine with ten times the work it can do, ten seconds (the default) were not enough. */
const START_TIMEOUT_MS = 120_000;
/** Routes that take a larger body say so themselves. */
const MAX_BODY_BYTES = 1_024;

const HEADERS = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

const sendProblem = (reply: FastifyReply, status: number, detail?: string) =>
  reply.code(status).headers(HEADERS).type(PROBLEM_TYPE).send(problem(status, detail));

/** Fastify's own complaints (4xx) say what the caller did wrong; everything else goes to the log and not to the caller. What may be there again soon is 503. */
function answerError(error: FastifyError, log: Log, reply: FastifyReply) {
  const status = error.statusCode ?? (error instanceof TransientError ? 503 : 500);
  if (status >= 400 && status < 500) return sendProblem(reply, status, error.message);
  log.error({ err: error }, "request failed");
  return sendProblem(reply, status);
}

/** What is not even HTTP never reaches a route: answer on the bare socket. */
function answerUnreadable(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = error.code === "ERR_HTTP_REQUEST_TIMEOUT" ? 408 : error.code === "HPE_HEADER_OVERFLOW" ? 431 : 400;
  const { title, ...rest } = problem(status);
  const body = JSON.stringify({ title, ...rest });
  const head = [
    `HTTP/1.1 ${status} ${title}`,
    `content-type: ${PROBLEM_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
}

function createServer(log: Log, trustedProxies: string[] = []): FastifyInstance {
  const server = fastify({
    logger: false,
    trustProxy: trustedProxies.length > 0 ? trustedProxies : false,
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionTimeout: 60_000,
    pluginTimeout: START_TIMEOUT_MS,
    http: { headersTimeout: HEADERS_TIMEOUT_MS },
    forceCloseConnections: "idle",
    frameworkErrors: (error, _request, reply) => void answerError(error as FastifyError, log, reply as FastifyReply),
    clientErrorHandler: answerUnreadable,
  });
  // Pages have headers of their own.
  server.addHook("onSend", async (_request: FastifyRequest, reply: FastifyReply) => {
    for (const [name, value] of Object.entries(HEADERS)) if (!reply.hasHeader(name)) reply.header(name, value);
  });
  server.setErrorHandler((error: FastifyError, _request, reply) => answerError(error, log, reply));
  server.setNotFoundHandler((_request, reply) => sendProblem(reply, 404, "nothing answers here; GET / names what does"));
  return server;
}

function addRoutes(
  server: FastifyInstance,
  { metrics, surfaces, isDraining }: WebParts,
  readiness: () => Promise<Readiness>,
): void {
  const front = {
    service: "reupload",
    version: readVersion(),
    live: "/health/live",
    ready: "/health/ready",
    metrics: "/metrics",
  };
  // A browser is somebody who wants to see the alerts.
  server.get("/", async (request, reply) =>
    surfaces && request.headers.accept?.includes("text/html") ? reply.redirect("/alerts", 303) : front,
  );
  server.get("/health/live", async () => ({ status: "live" }));
  server.get("/health/ready", async (_request, reply) => {
    if (isDraining()) return reply.code(503).send({ status: "draining", checks: {} });
    const { ready, checks } = await readiness();
    return reply.code(ready ? 200 : 503).send({ status: ready ? "ready" : "unready", checks });
  });
  server.get("/metrics", async (_request, reply) =>
    reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()),
  );
}

function explainListen(error: NodeJS.ErrnoException, { httpHost, httpPort }: WebParts["config"]): unknown {
  const say = (sentence: string) => new UsageError(sentence, { cause: error });
  switch (error.code) {
    case "EADDRINUSE":
      return say(
        `HTTP_PORT: port ${httpPort} on ${httpHost} is in use by another program: choose another, or 0 for any free one`,
      );
    case "EACCES":
      return say(`HTTP_PORT: this user may not listen on port ${httpPort}: choose one above 1023`);
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return say(`HTTP_HOST: ${httpHost} is not an address of this machine: choose 127.0.0.1, or 0.0.0.0 for all`);
    default:
      return error;
  }
}

/**
 * Listens on `HTTP_HOST`:`HTTP_PORT` (0 takes any free port) and answers `/`, `/health/live`, `/health/ready` and
 * `/metrics`. It starts no work and handles no signals: the caller closes it.
 *
 * @throws UsageError when the address cannot be listened on; it names HTTP_PORT or HTTP_HOST.
 */
export async function startWeb(parts: WebParts): Promise<Web> {
  const server = createServer(parts.log, parts.config.httpTrustedProxies);
  const readiness = createReadiness(parts.checks, parts.log);
  addRoutes(server, parts, readiness);
  await parts.surfaces?.(server, readiness);
  try {
    const address = await server.listen({ host: parts.config.httpHost, port: parts.config.httpPort });
    return { address, close: () => server.close() };
  } catch (error) {
    await server.close().catch(() => {});
    throw explainListen(error as NodeJS.ErrnoException, parts.config);
  }
}
