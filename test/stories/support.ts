import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Pool } from "pg";
import { expect, vi } from "vitest";
import { type SubmissionReport, submissionReport } from "../../src/casework/report.js";
import type { Queues } from "../../src/platform/queues.js";
import { redisMissing, startRedis } from "../support/redis.js";

/** Long enough for a busy machine; reached only by a test that fails. */
export const PATIENCE = { timeout: 45_000, interval: 50 };

/** Where queues can live. `open` starts what is needed and says how to reach it. */
export const BACKENDS = [
  { name: "Postgres", missing: "", open: async () => ({ variables: {}, close: async () => {} }) },
  {
    name: "Redis",
    missing: redisMissing,
    open: async () => {
      const redis = (await startRedis())!;
      return { variables: { REDIS_URL: redis.url }, close: () => redis.close() };
    },
  },
];

/** All that is recorded of a submission, as soon as there is a verdict on it. */
export function verdictOn(pool: Pool, submissionId: string): Promise<SubmissionReport> {
  return vi.waitFor(async () => {
    const report = await submissionReport(pool, submissionId);
    expect(report, `verdict on ${submissionId}`).toBeDefined();
    return report!;
  }, PATIENCE);
}

/** The messages about a submission that lie in a queue nobody empties, once the outbox is empty. */
export async function delivered(
  pool: Pool,
  queues: Queues,
  queue: string,
  submissionId: string,
): Promise<Record<string, unknown>[]> {
  await vi.waitFor(async () => {
    const { rows } = await pool.query("select 1 from outbox where delivered_at is null");
    expect(rows).toEqual([]);
  }, PATIENCE);
  const jobs = await queues.queue<Record<string, unknown>>(queue).getJobs();
  return jobs.map((job) => job.data).filter((data) => data.submissionId === submissionId);
}

/** Rows about a submission: exactly once means one of each. */
export async function rowsOf(pool: Pool, submissionId: string): Promise<Record<"verdicts" | "alerts" | "takedowns", number>> {
  const { rows } = await pool.query(
    `select (select count(*)::int from verdict where submission_id = $1) as verdicts,
            (select count(*)::int from alert where submission_id = $1) as alerts,
            (select count(*)::int from takedown where submission_id = $1) as takedowns`,
    [submissionId],
  );
  return rows[0];
}

export const ONE_OF_EACH = { verdicts: 1, alerts: 1, takedowns: 1 };

/** An HTTP server on the loopback address; `answer` also gets the number of the request for the same path, from 1. */
export async function mediaServer(
  answer: (path: string, nth: number, response: ServerResponse, request: IncomingMessage) => void,
): Promise<{ url: string; asked(path: string): number; close(): Promise<void> }> {
  const requests = new Map<string, number>();
  const server: Server = createServer((request, response) => {
    const path = request.url!;
    requests.set(path, (requests.get(path) ?? 0) + 1);
    answer(path, requests.get(path)!, response, request);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: (path) => requests.get(path) ?? 0,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Answers with a whole file. */
export function send(response: ServerResponse, path: string): void {
  const body = readFileSync(path);
  response.writeHead(200, { "content-length": body.length }).end(body);
}

/** Answers with the beginning of a file, and is silent from then on. */
export function sendSome(response: ServerResponse, path: string): void {
  const body = readFileSync(path);
  response.writeHead(200, { "content-length": body.length });
  response.write(body.subarray(0, body.length >> 1));
}

const LOADER = fileURLToPath(new URL("../support/typescript.mjs", import.meta.url));
const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export function reupload(args: string[], env: NodeJS.ProcessEnv): ChildProcess {
  const own = { PATH: process.env.PATH, HOME: process.env.HOME, REUPLOAD_TEST_RUN_DIR: process.env.REUPLOAD_TEST_RUN_DIR };
  const child = spawn(process.execPath, ["--import", LOADER, MAIN, ...args], {
    env: { ...own, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  child.once("exit", () => running.delete(child));
  return child;
}

export interface ServiceProcess {
  child: ChildProcess;
  /** Sends the signal, and resolves to the exit code (or the signal it died of). */
  end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals>;
}

/** The service in a process of its own, once it says that it is ready. */
export async function serviceProcess(env: NodeJS.ProcessEnv, roles = "worker,relay"): Promise<ServiceProcess> {
  const child = reupload(["start", "--roles", roles], { ...env, LOG_LEVEL: "info" });
  const exited = once(child, "exit");
  let said = "";
  child.stderr!.on("data", (chunk) => {
    said += chunk;
  });
  const ready = new Promise<boolean>((resolve) => {
    const lines = createInterface({ input: child.stdout! });
    lines.on("line", (line) => line.includes('"ready"') && resolve(true));
    lines.on("close", () => resolve(false));
  });
  if (!(await ready)) throw new Error(`the service ended before it was ready: ${said}`);
  return {
    child,
    end: async (signal) => {
      child.kill(signal);
      const [code, killedBy] = await exited;
      return code ?? killedBy;
    },
  };
}
