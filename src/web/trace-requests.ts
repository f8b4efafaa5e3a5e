import type { FastifyInstance, FastifyRequest } from "fastify";
import { beginSpan, isTracing, type OpenSpan } from "../platform/tracing.js";

/** Asked every few seconds by machines, or sent once and kept: nothing to learn from. */
const UNTRACED = /^\/($|health\/|metrics$|assets\/|events$|admin\/queues\/)/;

/**
 * A span for each request, named after its route. Who shows a service token may go on with a trace of its own (header `traceparent`, W3C); a
 * stranger may not choose what is traced. To be called when it is known who asks.
 */
export function traceRequests(server: FastifyInstance): void {
  if (!isTracing()) return;
  const spans = new WeakMap<FastifyRequest, OpenSpan>();
  server.addHook("onRequest", (request, _reply, done) => {
    const route = request.routeOptions.url;
    if (route === undefined || UNTRACED.test(route)) return done();
    const { traceparent } = request.headers;
    const trace = request.who?.kind === "token" && typeof traceparent === "string" ? traceparent : undefined;
    const facts = { "http.request.method": request.method, "http.route": route };
    const span = beginSpan(`${request.method} ${route}`, { kind: "server", trace, facts });
    if (!span) return done();
    spans.set(request, span);
    return span.within(done);
  });
  // A body is read in the turn of its connection, outside the span.
  server.addHook("preValidation", (request, _reply, done) => {
    const span = spans.get(request);
    if (span) span.within(done);
    else done();
  });
  server.addHook("onResponse", (request, reply, done) => {
    const failed = reply.statusCode >= 500 ? new Error("answered with a failure") : undefined;
    spans.get(request)?.note({ "http.response.status_code": reply.statusCode });
    spans.get(request)?.end(failed);
    done();
  });
}
