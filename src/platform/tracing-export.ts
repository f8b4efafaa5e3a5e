import { type Attributes, type AttributeValue, SpanStatusCode } from "@opentelemetry/api";
import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace-node";
import type { Log } from "./log.js";

/** The only attributes that leave the process. Job results, reasons of failures and messages of errors may quote anything: the log has them. */
const TOLD =
  /^(reupload\.[a-z_.]+|http\.(request\.method|route|response\.status_code)|error\.type|bullmq\.(queue\.(name|operation)|job\.(name|id|attempts\.made)))$/;

/** A URL, or a digest: ids of scan jobs are digests of submission ids. */
const TELLING = /:\/\/|[0-9a-f]{32}/i;

const EVENTS_OF_FAILURE = new Set(["exception", "job failed"]);

/** What the exporter calls back with: 0 is success. */
const SUCCESS = 0;

function toldOf(attributes: Attributes): Attributes {
  const isTold = ([key, value]: [string, AttributeValue | undefined]) => TOLD.test(key) && !TELLING.test(String(value));
  return Object.fromEntries(Object.entries(attributes).filter(isTold));
}

/** A span without what nobody outside may read. A failure stays one, and says its kind only. */
export function discreetSpan(span: ReadableSpan): ReadableSpan {
  const failed = span.status.code === SpanStatusCode.ERROR || span.events.some(({ name }) => EVENTS_OF_FAILURE.has(name));
  const type = span.events.find(({ name }) => name === "exception")?.attributes?.["exception.type"];
  const told = toldOf({ ...(typeof type === "string" && { "error.type": type }), ...span.attributes });
  const value = {
    name: TELLING.test(span.name) ? "hidden" : span.name,
    attributes: told,
    events: [],
    links: [],
    status: { code: failed ? SpanStatusCode.ERROR : span.status.code },
  };
  // The rest (times, ids) is read from the span itself.
  return Object.create(span, Object.getOwnPropertyDescriptors(value)) as ReadableSpan;
}

/** The exporter, told only what it may tell; the log has one line when the collector goes away, and one when it is back. */
export function discreet(exporter: SpanExporter, log: Log): SpanExporter {
  let away = false;
  return {
    export: (spans, done) =>
      exporter.export(spans.map(discreetSpan), (result) => {
        if (result.code !== SUCCESS && !away)
          log.warn({ err: result.error }, "traces cannot be sent; those of meanwhile are lost");
        if (result.code === SUCCESS && away) log.info("traces are sent again");
        away = result.code !== SUCCESS;
        done(result);
      }),
    shutdown: () => exporter.shutdown(),
    forceFlush: async () => exporter.forceFlush?.(),
  };
}
