import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";

export interface CollectedSpan {
  name: string;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  attributes: Record<string, unknown>;
  failed: boolean;
}

/** What traces are sent to: OTLP over HTTP, in JSON. */
export interface Collector {
  url: string;
  spans: CollectedSpan[];
  /** As they came. */
  bodies: string[];
  headers: IncomingHttpHeaders[];
  names(): string[];
  parentOf(span: CollectedSpan): CollectedSpan | undefined;
  close(): Promise<void>;
}

interface Batch {
  resourceSpans: { scopeSpans: { spans: RawSpan[] }[] }[];
}

interface RawSpan extends Omit<CollectedSpan, "attributes" | "failed"> {
  attributes: { key: string; value: Record<string, unknown> }[];
  status: { code: number };
}

const ERROR = 2;

const spanOf = ({ attributes, status, ...span }: RawSpan): CollectedSpan => ({
  ...span,
  attributes: Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]])),
  failed: status.code === ERROR,
});

export async function startCollector(): Promise<Collector> {
  const spans: CollectedSpan[] = [];
  const bodies: string[] = [];
  const headers: IncomingHttpHeaders[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    const isRight = request.url === "/v1/traces" && request.headers["content-type"] === "application/json";
    if (isRight) {
      bodies.push(body);
      headers.push(request.headers);
      const { resourceSpans } = JSON.parse(body) as Batch;
      spans.push(...resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans.map(spanOf))));
    }
    response.writeHead(isRight ? 200 : 400, { "content-type": "application/json" }).end("{}");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    bodies,
    headers,
    names: () => spans.map(({ name }) => name),
    parentOf: (span) => spans.find(({ spanId }) => spanId === span.parentSpanId),
    close: async () => {
      server.closeAllConnections();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
  };
}
