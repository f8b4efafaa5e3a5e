import type { Telemetry } from "bullmq";
import { UsageError } from "../errors.js";
import type { Log } from "./log.js";
import { headersFromFiles } from "./tracing-headers.js";

/** What a span says besides its name and times. Never a URL, a hash, an uploader: what looks like one is left out when spans are sent. */
export type Facts = Record<string, string | number | boolean | undefined>;

/** A span that has begun. */
export interface OpenSpan {
  /** What `run` starts belongs to this span. */
  within<T>(run: () => T): T;
  note(facts: Facts): void;
  /** With what went wrong, if something did: only its kind is told. */
  end(error?: unknown): void;
}

export interface SpanOptions {
  kind?: "internal" | "server";
  facts?: Facts;
  /** A trace of another process to go on with, as `currentTrace` or the header `traceparent` says it. */
  trace?: string | null;
  /** For work that was not one piece: the span ends now, and has this length. */
  lengthMs?: number;
}

/** What `tracing-otel.ts` makes of OpenTelemetry. */
export interface Tracing {
  begin(name: string, options: SpanOptions): OpenSpan;
  /** The active trace context as JSON. */
  current(): string | undefined;
  resume<T>(trace: string, run: () => T): T;
  traceId(): string | undefined;
  telemetry: Telemetry;
  stop(): Promise<void>;
}

/** One in a process, as OpenTelemetry itself has it. */
let tracing: Tracing | undefined;
let users = 0;

const NOTHING_TO_STOP = async () => {};

/**
 * Sends traces when the environment names a collector (`OTEL_EXPORTER_OTLP_ENDPOINT` or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`); otherwise
 * OpenTelemetry is not even loaded. The other standard variables (headers, sampler, batch sizes, resource attributes) count as well, and headers may be in a
 * file. Returns what stops it, after sending what is left.
 *
 * @throws UsageError when the collector's address is not one, another protocol is asked for, or a file of headers cannot be used.
 */
export async function startTracing(log: Log, env: NodeJS.ProcessEnv = process.env): Promise<() => Promise<void>> {
  if (!isAskedFor(env)) return NOTHING_TO_STOP;
  const headers = headersFromFiles(env);
  users++;
  if (users === 1) tracing = (await import("./tracing-otel.js")).openTelemetry(log, headers);
  return async () => {
    users--;
    if (users > 0) return;
    const ended = tracing;
    tracing = undefined;
    await ended?.stop();
  };
}

function isAskedFor(env: NodeJS.ProcessEnv): boolean {
  const isOff = env.OTEL_SDK_DISABLED?.toLowerCase() === "true" || env.OTEL_TRACES_EXPORTER === "none";
  const named = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"].filter((name) => env[name]);
  if (isOff || named.length === 0) return false;
  for (const name of named) {
    const value = env[name] as string;
    if (!URL.canParse(value) || !/^https?:$/.test(new URL(value).protocol))
      throw new UsageError(`configuration: ${name} must be an address such as http://collector:4318`);
  }
  if (env.OTEL_EXPORTER_OTLP_PROTOCOL === "grpc" || env.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL === "grpc")
    throw new UsageError(
      "configuration: OTEL_EXPORTER_OTLP_PROTOCOL: traces are sent over HTTP as JSON, not by grpc: set http/json, and the collector's port for HTTP (4318)",
    );
  return true;
}

export const isTracing = (): boolean => tracing !== undefined;

/** Begins a span that its caller ends; undefined when nothing is traced. */
export const beginSpan = (name: string, options: SpanOptions = {}): OpenSpan | undefined => tracing?.begin(name, options);

/** Runs `run` as a span of its own, which ends when it returns, or when its promise settles. */
export function inSpan<T>(name: string, run: (note: (facts: Facts) => void) => T, facts?: Facts): T {
  const span = tracing?.begin(name, { facts });
  if (span === undefined) return run(() => {});
  try {
    const value = span.within(() => run((noted) => span.note(noted)));
    if (value instanceof Promise) return value.then(...endOf(span)) as T;
    span.end();
    return value;
  } catch (error) {
    span.end(error);
    throw error;
  }
}

function endOf(span: OpenSpan) {
  const done = <V>(value: V): V => {
    span.end();
    return value;
  };
  const failed = (error: unknown): never => {
    span.end(error);
    throw error;
  };
  return [done, failed] as const;
}

/** What a message must carry so that who receives it goes on with this trace; undefined when nothing is traced. */
export const currentTrace = (): string | undefined => tracing?.current();

/** Runs `run` as part of the trace that a message carried, if it carried one. */
export const continueTrace = <T>(trace: string | null | undefined, run: () => T): T =>
  tracing && trace ? tracing.resume(trace, run) : run();

/** The field that a log line gets while something is traced: 32 hexadecimal digits. */
export function traceFields(): { traceId?: string } {
  const traceId = tracing?.traceId();
  return traceId === undefined ? {} : { traceId };
}

/** For BullMQ's queues and workers: jobs carry their trace along. */
export const queueTelemetry = (): Telemetry | undefined => tracing?.telemetry;
