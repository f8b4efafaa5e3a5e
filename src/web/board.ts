import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { TAKEDOWN_RESULTS } from "../casework/takedown-results.js";
import { SUBMISSIONS } from "../intake/client.js";
import { audit } from "../platform/audit.js";
import { needsPerson } from "./access/guard.js";
import { type Board, openBoard } from "./board-files.js";
import { maskJobs } from "./board-mask.js";
import { showErrors } from "./console/errors.js";
import { actor } from "./console/input.js";
import type { Parts } from "./parts.js";

export const BOARD = "/admin/queues";

const QUEUES = [SUBMISSIONS, "alerts", "takedowns", TAKEDOWN_RESULTS];

/** The one style sheet that its scripts write into the page; another version of it would have another. */
const INLINE_STYLE = "'sha256-r2N1TB/gHbBtBZFKg7ejmq1acVSREzucTAEw6ga4hoU='";

/** Only its own files; it resolves its addresses against a base. */
const PAGE_HEADERS = {
  "cache-control": "no-store",
  "content-security-policy": `default-src 'none'; script-src 'self'; style-src 'self' ${INLINE_STYLE}; img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'none'; base-uri 'self'; frame-ancestors 'none'`,
};

/** A script that runs as a worker lives by the policy it came with: it may load others of ours. */
const FILE_HEADERS = {
  "cache-control": "private, max-age=86400",
  "content-security-policy": "default-src 'none'; script-src 'self'; frame-ancestors 'none'",
};

/** A page that is open asks every few seconds: so often one person's look at one thing is written down. */
const AUDIT_AGAIN_MS = 10 * 60_000;
const MOST_REMEMBERED = 1_000;

/**
 * bull-board, for admins, to look at queues and change nothing: only its reading routes exist here, so there is nothing to forge. What jobs
 * say of media and uploaders is hidden, as in the log, and every look is in the audit log. It is loaded when somebody first asks for it.
 */
export async function boardRoutes(server: FastifyInstance, parts: Parts): Promise<void> {
  let opened: Promise<Board> | undefined;
  const board = () => {
    opened ??= openBoard(
      QUEUES.map((name) => parts.queues.queue(name)),
      BOARD,
    );
    return opened;
  };
  const note = createNotes(parts);
  await server.register(async (pages) => {
    showErrors(pages, parts.log);
    const admins = { preHandler: needsPerson("admin") };
    pages.get(BOARD, admins, (_request, reply) => reply.redirect(`${BOARD}/`, 303));
    pages.get(`${BOARD}/*`, admins, async (request, reply) => {
      const path = (request.params as { "*": string })["*"];
      const { file, answer, page } = await board();
      if (path.startsWith("static/")) return sendFile(reply, await file(path.slice("static/".length)));
      if (!path.startsWith("api/")) {
        await note(request, "queues read", "queues");
        return reply.headers(PAGE_HEADERS).type("text/html; charset=utf-8").send(page);
      }
      const found = await answer(`/${path}`, request.query as Record<string, string>);
      if (found === undefined) return reply.callNotFound();
      if (found.subject) await note(request, "queue read", found.subject);
      return reply.code(found.status).send(maskJobs(found.body));
    });
  });
}

function sendFile(reply: FastifyReply, file: { type: string; content: Buffer } | undefined): FastifyReply {
  if (!file) return reply.callNotFound() as unknown as FastifyReply;
  return reply.headers(FILE_HEADERS).type(file.type).send(file.content);
}

/** Writes down who looked at what, before it is shown; the same look again only after a while. */
function createNotes({ pool }: Pick<Parts, "pool">) {
  const noted = new Map<string, number>();
  return async (request: FastifyRequest, act: string, subject: string): Promise<void> => {
    const key = JSON.stringify([actor(request), subject]);
    const lastMs = noted.get(key);
    if (lastMs !== undefined && performance.now() - lastMs < AUDIT_AGAIN_MS) return;
    await audit(pool, { actor: actor(request), act, subject });
    if (noted.size >= MOST_REMEMBERED) noted.clear();
    noted.set(key, performance.now());
  };
}
