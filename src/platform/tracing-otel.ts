import {
  type Attributes,
  type Context,
  context,
  isSpanContextValid,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { detectResources, envDetector, resourceFromAttributes, serviceInstanceIdDetector } from "@opentelemetry/resources";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import type { Telemetry } from "bullmq";
import { BullMQOTelSpan, BullMQOtel } from "bullmq-otel";
import type { Log } from "./log.js";
import type { OpenSpan, SpanOptions, Tracing } from "./tracing.js";
import { discreet } from "./tracing-export.js";
import { readVersion } from "./version.js";

const NAME = "reupload";

/** How long the end of the process waits for the last spans. */
const LAST_SPANS_MS = 3_000;

/**
 * OpenTelemetry, set up for this process: OTLP over HTTP in JSON, spans in batches, and none kept when the collector is away for long.
 *
 * @param headers for the collector, besides those of the environment
 */
export function openTelemetry(log: Log, headers?: Record<string, string>): Tracing {
  const ours = resourceFromAttributes({ "service.name": NAME, "service.version": readVersion() });
  const provider = new NodeTracerProvider({
    // What the environment says goes first.
    resource: ours.merge(detectResources({ detectors: [serviceInstanceIdDetector, envDetector] })),
    spanProcessors: [new BatchSpanProcessor(discreet(new OTLPTraceExporter({ headers }), log))],
  });
  provider.register();
  return {
    begin,
    current: () => carrierOf(context.active()),
    resume: (carried, run) => context.with(contextOf(carried), run),
    traceId: () => activeTrace(context.active())?.traceId,
    telemetry: telemetryOfQueues(),
    stop: async () => {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, LAST_SPANS_MS);
      });
      await Promise.race([provider.shutdown().catch(() => {}), late]);
      clearTimeout(timer);
      trace.disable();
      context.disable();
      propagation.disable();
    },
  };
}

const tracer = () => trace.getTracer(NAME, readVersion());

function begin(name: string, { kind, facts = {}, trace: carried, lengthMs }: SpanOptions): OpenSpan {
  const parent = carried ? contextOf(carried) : context.active();
  const startTime = lengthMs === undefined ? undefined : Date.now() - lengthMs;
  const span = tracer().startSpan(
    name,
    { kind: kind === "server" ? SpanKind.SERVER : SpanKind.INTERNAL, attributes: namesOf(facts), startTime },
    parent,
  );
  const inside = trace.setSpan(parent, span);
  return {
    within: (run) => context.with(inside, run),
    note: (noted) => void span.setAttributes(namesOf(noted)),
    end: (error) => {
      if (error !== undefined) markFailed(span, error);
      span.end();
    },
  };
}

function markFailed(span: Span, error: unknown): void {
  span.setStatus({ code: SpanStatusCode.ERROR });
  span.setAttribute("error.type", error instanceof Error ? error.name : typeof error);
}

/** Our own facts have our own names; those with a dot are OpenTelemetry's. */
const namesOf = (facts: object): Attributes =>
  Object.fromEntries(Object.entries(facts).map(([key, value]) => [key.includes(".") ? key : `${NAME}.${key}`, value]));

const activeTrace = (active: Context) => {
  const found = trace.getSpanContext(active);
  return found && isSpanContextValid(found) ? found : undefined;
};

function carrierOf(active: Context): string | undefined {
  const carrier: Record<string, string> = {};
  propagation.inject(active, carrier);
  const { traceparent, tracestate } = carrier;
  return traceparent === undefined ? undefined : JSON.stringify({ traceparent, tracestate });
}

/** From JSON as `carrierOf` writes it, or from a bare `traceparent`. What is neither begins a trace of its own. */
function contextOf(carried: string): Context {
  try {
    return propagation.extract(ROOT_CONTEXT, carried.startsWith("{") ? JSON.parse(carried) : { traceparent: carried });
  } catch {
    return ROOT_CONTEXT;
  }
}

/**
 * bullmq-otel, with three changes: its housekeeping (looking for jobs, extending locks) makes no traces of its own; loops that never end are
 * not part of whatever started them; and a job whose trace cannot be read is worked on all the same.
 */
function telemetryOfQueues(): Telemetry<Context> {
  const { tracer: spans, contextManager } = new BullMQOtel({ tracerName: "bullmq" });
  return {
    tracer: {
      startSpan: (name, options, parent) => {
        const isHousekeeping = Number(options?.kind) === SpanKind.INTERNAL && !activeTrace(parent ?? context.active());
        return isHousekeeping ? unrecorded() : spans.startSpan(name, options, parent);
      },
    },
    contextManager: {
      with: (active, run) => contextManager.with(active, run),
      active: () => contextManager.active(),
      root: () => ROOT_CONTEXT,
      getMetadata: (active) => contextManager.getMetadata(active),
      fromMetadata: (active, metadata) => {
        try {
          return contextManager.fromMetadata(active, metadata);
        } catch {
          return active;
        }
      },
    },
  };
}

const unrecorded = () => new BullMQOTelSpan(trace.wrapSpanContext({ traceId: "", spanId: "", traceFlags: 0 }));
