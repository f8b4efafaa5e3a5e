import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Pool } from "pg";
import { z } from "zod";
import { actorOf } from "../../people/rights.js";
import { audit } from "../../platform/audit.js";
import { needs } from "../access/guard.js";
import type { Readings } from "../api/readings.js";
import type { Parts } from "../parts.js";
import { type Bank, createBank, deleteBank, findBank, listBanks, updateBank } from "./banks.js";
import {
  addSignal,
  type Content,
  contentsOf,
  findContent,
  noteContent,
  removeContent,
  signalsOfContent,
  updateContent,
} from "./contents.js";
import { refused } from "./errors.js";
import { checkContentType } from "./hash-routes.js";
import { type Given, namedMedia, withUpload } from "./read-media.js";
import { type SignalType, signalOf, signalsOf, signalTypeOf, signalTypesOf } from "./signals.js";

/** @throws ProblemError 400 naming the field. */
function parse<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [{ path, message }] = parsed.error.issues;
  throw refused(400, path.length > 0 ? `${path.join(".")}: ${message}` : message);
}

const ratio = z.union([
  z.number(),
  z
    .string()
    .regex(/^\d*\.?\d+$/, "must be a number")
    .transform(Number),
]);
/** HMA takes text as well. */
const flag = z.union([z.boolean(), z.enum(["true", "false"]).transform((v) => v === "true")]);
const newBank = z.object({ name: z.string(), enabled_ratio: ratio.optional(), enabled: flag.optional() });
const bankChange = newBank.partial();
const ratioOf = ({ enabled_ratio, enabled }: z.output<typeof bankChange>): number | undefined =>
  enabled_ratio ?? (enabled === undefined ? undefined : Number(enabled));

const note = z.string().max(255, "must have at most 255 characters");
const metadata = z.strictObject({
  content_id: z.string().optional(),
  content_uri: z.string().optional(),
  json: z.record(z.string(), z.unknown()).optional(),
});

/** HMA's bound: five years from now. */
const FIVE_YEARS_S = 5 * 365 * 86_400;
const contentChange = z.object({
  disable_until_ts: z
    .number()
    .int()
    .min(0)
    .refine((ts) => ts <= Date.now() / 1000 + FIVE_YEARS_S, "must be within five years")
    .optional(),
  note: note.optional(),
});

type OfBank = { Params: { bank: string } };
type OfContent = { Params: { bank: string; id: string }; Querystring: { include_signals?: string; include_metadata?: string } };

const actor = (request: FastifyRequest): string => (request.who ? actorOf(request.who) : "anonymous");

/** `/c/…`: banks, which are cases, and their content, which is known material. */
export function curateRoutes(server: FastifyInstance, { pool, config }: Parts, readings: Readings): void {
  const read = { onRequest: needs("hashes:read") };
  const write = { onRequest: needs("hashes:write") };

  server.get("/c/banks", read, async () => listBanks(pool));
  server.post("/c/banks", write, async (request, reply) => {
    const body = parse(newBank, request.body);
    return reply.code(201).send(await createBank(pool, body.name, ratioOf(body) ?? 1, actor(request)));
  });
  server.get<OfBank>("/c/bank/:bank", read, async ({ params }) => shown(await findBank(pool, params.bank)));
  server.put<OfBank>("/c/bank/:bank", write, async (request) => {
    const body = parse(bankChange, request.body);
    return updateBank(pool, request.params.bank, { name: body.name, ratio: ratioOf(body) }, actor(request));
  });
  server.delete<OfBank>("/c/bank/:bank", write, async (request) => {
    await deleteBank(pool, request.params.bank, actor(request));
    return { message: "Done" };
  });

  server.post<OfBank & { Querystring: { url?: string; content_type?: string; types?: string } }>(
    "/c/bank/:bank/content",
    write,
    async (request) => {
      const { caseId } = await findBank(pool, request.params.bank);
      const types = signalTypesOf(request.query.types);
      const add = (given: Given) => addMedia(pool, readings, request, caseId, given, types);
      if (request.query.url)
        return add({ ...namedMedia(request.query.url, request.query.content_type), fields: fieldsOf(request.body) });
      return withUpload(request, config, add);
    },
  );
  server.post<OfBank>("/c/bank/:bank/signal", write, async (request) => {
    const { caseId } = await findBank(pool, request.params.bank);
    const { note: told, ...signals } = parse(z.object({ note: note.optional() }).catchall(z.string()), request.body);
    const [first, ...others] = Object.entries(signals) as [string, string][];
    if (!first) throw refused(400, "No signals given");
    if (others.length > 0) throw refused(400, "one signal at a time: a still has a pdq, a video a vpdq");
    const [name, text] = first;
    const content = await addSignal(pool, caseId, signalOf(signalTypeOf(name), text), actor(request));
    await noteContent(pool, content.referenceId, { note: told });
    return { id: content.id, signals: { [name]: text } };
  });

  server.get<OfContent>("/c/bank/:bank/content/:id", read, async (request) => {
    const { bank, content } = await contentAt(pool, request.params);
    await audit(pool, { actor: actor(request), act: "bank content read", subject: `reference:${content.referenceId}` });
    return described(pool, bank, content, request.query);
  });
  server.put<OfContent>("/c/bank/:bank/content/:id", write, async (request) => {
    const { bank, content } = await contentAt(pool, request.params);
    const change = parse(contentChange, request.body);
    await updateContent(pool, content, { disableUntilTs: change.disable_until_ts, note: change.note }, actor(request));
    return described(pool, bank, (await contentAt(pool, request.params)).content, {});
  });
  server.delete<OfContent>("/c/bank/:bank/content/:id", write, async (request) => {
    const { caseId } = await findBank(pool, request.params.bank);
    return { deleted: await removeContent(pool, await findContent(pool, caseId, idOf(request.params.id)), actor(request)) };
  });
}

const shown = ({ name, matching_enabled_ratio }: Bank): Bank => ({ name, matching_enabled_ratio });

function idOf(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw refused(400, "content id: must be a whole number");
  return Number(text);
}

async function contentAt(pool: Pool, { bank: name, id }: { bank: string; id: string }) {
  const { caseId, ...bank } = await findBank(pool, name);
  const content = await findContent(pool, caseId, idOf(id));
  if (!content) throw refused(404, `content '${id}' not found`);
  return { bank, content };
}

async function described(pool: Pool, bank: Bank, content: Content, asked: OfContent["Querystring"]) {
  const isAsked = (text: string | undefined) => text === "true" || text === "1";
  return {
    id: content.id,
    disable_until_ts: content.disableUntilTs,
    original_media_uri: null,
    bank: shown(bank),
    ...(content.note !== null && { note: content.note }),
    ...(isAsked(asked.include_signals) && { signals: await signalsOfContent(pool, content) }),
    ...(isAsked(asked.include_metadata) && { metadata: { ...content.metadata, collab: {} } }),
  };
}

/** The body's `metadata` and `note`, when it is JSON: then they are values, and in a form they are text. */
function fieldsOf(body: unknown): Record<string, string> {
  if (typeof body !== "object" || body === null) return {};
  const { metadata: told, note: text } = body as Record<string, unknown>;
  return {
    ...(told !== undefined && { metadata: typeof told === "string" ? told : JSON.stringify(told) }),
    ...(typeof text === "string" && { note: text }),
  };
}

async function addMedia(
  pool: Pool,
  readings: Readings,
  request: FastifyRequest,
  caseId: string,
  given: Given,
  types: SignalType[],
): Promise<{ id: number; signals: object }> {
  const told = {
    ...(given.fields.metadata !== undefined && { metadata: parse(metadata, jsonOf(given.fields.metadata)) }),
    ...(given.fields.note !== undefined && { note: parse(note, given.fields.note) }),
  };
  const label = (told.metadata?.content_id || given.name).replace(/\p{Cc}+/gu, " ").slice(0, 256);
  const { reading } = await checked(readings, request, given);
  const { reference } = await readings.register(request, given.media, { caseId, label, provenance: "own" });
  await noteContent(pool, reference.id, told);
  await audit(pool, { actor: actor(request), act: "known material added", subject: `reference:${reference.id}` });
  const content = (await contentsOf(pool, [reference.id])).get(reference.id)!;
  return { id: content.id, signals: signalsOf(reading, types) };
}

/** Only when the caller says what it is: nothing that is not so may become known material. */
async function checked(readings: Readings, request: FastifyRequest, given: Given) {
  const found = await readings.check(request, given.media);
  checkContentType(found.reading, given);
  return found;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw refused(400, "metadata: must be a JSON object");
  }
}
