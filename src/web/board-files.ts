import { readdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, extname, join } from "node:path";
import type { AppControllerRoute, IServerAdapter } from "@bull-board/api/typings/app";
import type { Queue } from "bullmq";

/** bull-board without a web framework of its own. */
export interface Board {
  page: string;
  /** What lies in its folder of static files under this name; undefined when nothing does. */
  file(name: string): Promise<{ type: string; content: Buffer } | undefined>;
  /** What its API answers; undefined when it has no such reading route. `subject` is the queue or job that was read. */
  answer(path: string, query: Record<string, string>): Promise<Answer | undefined>;
}

export interface Answer {
  status: number;
  body: unknown;
  subject?: string;
}

const TYPES: Record<string, string> = {
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".woff2": "font/woff2",
};

const UI_CONFIG = {
  boardTitle: "reupload queues",
  hideDocsLink: true,
  miscLinks: [{ text: "reupload", url: "/system" }],
  locale: { lng: "en-US" },
  // Without it every look asks Redis for the list of all its clients.
  showWorkers: false,
};

/** Loads bull-board, read-only, over these queues. Their names are the subjects of the audit log: `queue:<name>`, `job:<queue>/<id>`. */
export async function openBoard(queues: Queue[], basePath: string): Promise<Board> {
  const [{ createBullBoard }, { BullMQAdapter }] = await Promise.all([
    import("@bull-board/api"),
    import("@bull-board/api/bullMQAdapter"),
  ]);
  const root = join(dirname(createRequire(import.meta.url).resolve("@bull-board/ui/package.json")), "dist");
  const kept: Kept = { routes: [] };
  createBullBoard({
    // Every backend's queue has what the adapter asks of one.
    queues: queues.map((queue) => new BullMQAdapter(queue, { readOnlyMode: true })),
    serverAdapter: keepParts(kept),
    options: { uiBasePath: dirname(root), uiConfig: UI_CONFIG },
  });
  const names = new Set(await readdir(join(root, "static"), { recursive: true }));
  return {
    page: pageOf(await readFile(join(root, "index.ejs"), "utf8"), basePath, kept.uiConfig),
    file: async (name) => {
      const type = TYPES[extname(name)];
      return type && names.has(name) ? { type, content: await readFile(join(root, "static", name)) } : undefined;
    },
    answer: (path, query) => answerFrom(kept, path, query),
  };
}

/** What bull-board hands to its server: its queues, what it asks the page to do, and its routes. */
interface Kept {
  queues?: Parameters<IServerAdapter["setQueues"]>[0];
  uiConfig?: Parameters<IServerAdapter["setUIConfig"]>[0];
  routes: AppControllerRoute[];
}

function keepParts(kept: Kept): IServerAdapter {
  const adapter: IServerAdapter = {
    setQueues: (queues) => keep({ queues }),
    setUIConfig: (uiConfig) => keep({ uiConfig }),
    setApiRoutes: (routes) => keep({ routes }),
    setViewsPath: () => adapter,
    setStaticPath: () => adapter,
    setEntryRoute: () => adapter,
    setErrorHandler: () => adapter,
  };
  const keep = (part: Partial<Kept>) => {
    Object.assign(kept, part);
    return adapter;
  };
  return adapter;
}

async function answerFrom({ routes, queues, uiConfig }: Kept, path: string, query: Record<string, string>) {
  for (const { method, route, handler } of routes) {
    const params = [method].flat().includes("get")
      ? [route]
          .flat()
          .map((pattern) => paramsOf(pattern, path))
          .find(Boolean)
      : undefined;
    if (!params) continue;
    const request = { queues: queues!, uiConfig: uiConfig ?? {}, params, query, body: {}, headers: {} };
    const { status = 200, body } = await handler(request);
    const queue = params.queueName ?? (query.activeQueue && decodeURIComponent(query.activeQueue));
    const job = params.jobId;
    return { status, body, subject: job ? `job:${queue}/${job}` : queue ? `queue:${queue}` : undefined };
  }
  return undefined;
}

/** The parts of the path that the pattern names (`/api/queues/:queueName`); undefined when it is another path. */
function paramsOf(pattern: string, path: string): Record<string, string> | undefined {
  const [wanted, given] = [pattern, path].map((text) => text.split("/"));
  if (wanted.length !== given.length) return undefined;
  const params: Record<string, string> = {};
  for (const [i, part] of wanted.entries()) {
    if (part.startsWith(":")) params[part.slice(1)] = given[i];
    else if (part !== given[i]) return undefined;
  }
  return params;
}

const escaped = (text: string) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

/** Its page, from its template: without the fonts of another site, and without inline styles, which our policy for pages refuses. */
function pageOf(template: string, basePath: string, uiConfig: Kept["uiConfig"] = {}): string {
  const values: Record<string, string> = {
    basePath: escaped(`${basePath}/`),
    title: escaped(UI_CONFIG.boardTitle),
    favIconDefault: "static/images/logo.svg",
    favIconAlternative: "static/favicon-32x32.png",
    uiConfig: JSON.stringify(uiConfig).replaceAll("<", "\\u003c"),
  };
  return template
    .replace(/<link [^>]*href="https?:[^>]*>/g, "")
    .replace(/(<div id="root">)[\s\S]*?<\/style>/, "$1")
    .replace(/<%[=-] *(\w+) *%>/g, (_, name: string) => values[name] ?? "");
}
