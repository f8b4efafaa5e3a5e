import { createHash, randomInt } from "node:crypto";
import type { FastifyInstance } from "fastify";
import type { Pool } from "pg";
import { distance, hashToHex } from "../../fingerprint/hash.js";
import { actorOf } from "../../people/rights.js";
import { audit } from "../../platform/audit.js";
import { needs } from "../access/guard.js";
import type { Parts } from "../parts.js";
import { type Bank, banksByCase, findBank } from "./banks.js";
import { type Content, contentsOf, isEnabled } from "./contents.js";
import { refused } from "./errors.js";
import type { Hasher, Signals } from "./hash-routes.js";
import { namedMedia } from "./read-media.js";
import { LEAST_PERCENT, searchContent, WITHIN_BITS } from "./search.js";
import { type SignalType, signalOf, signalTypeOf, signalTypesOf } from "./signals.js";

interface Query {
  signal?: string;
  signal_type?: string;
  url?: string;
  content_type?: string;
  types?: string;
  banks?: string;
  seed?: string;
  include_distance?: string;
  bypass_coinflip?: string;
}

interface Found {
  content: Content;
  bank: Bank;
  distance: string;
}

type ByBank = Record<string, { bank_content_id: number; distance: string }[]>;

/** Known content near a signal, in the banks asked for; nearest first. Each asking is in the audit log. */
async function find(pool: Pool, type: SignalType, text: string, banks: string | undefined): Promise<Found[]> {
  const near = await searchContent(pool, signalOf(type, text));
  const contents = await contentsOf(
    pool,
    near.map((n) => n.referenceId),
  );
  const named = banks ? await Promise.all(banks.split(",").map((name) => findBank(pool, name.trim()))) : undefined;
  const known = await banksByCase(pool, named?.map((b) => b.caseId) ?? [...contents.values()].map((c) => c.caseId));
  return near.flatMap(({ referenceId, distance }) => {
    const content = contents.get(referenceId);
    const bank = content && known.get(content.caseId);
    return content && bank ? [{ content, bank, distance }] : [];
  });
}

/** As in HMA a bank is told of when its ratio is at least this: a number in [0, 1) that is the same for the same seed. */
function coinflip(seed: string | undefined): number {
  if (seed === undefined) return randomInt(2 ** 32) / 2 ** 32;
  return createHash("sha256").update(seed).digest().readUInt32BE() / 2 ** 32;
}

async function lookup(pool: Pool, type: SignalType, text: string, query: Query, bypassCoinflip = false): Promise<ByBank> {
  const found = await find(pool, type, text, query.banks);
  const flip = bypassCoinflip ? 0 : coinflip(query.seed);
  const told = found.filter(
    ({ content, bank }) =>
      isEnabled(content, Date.now()) && bank.matching_enabled_ratio > 0 && bank.matching_enabled_ratio >= flip,
  );
  const byBank: ByBank = {};
  for (const { content, bank, distance } of told) {
    byBank[bank.name] ??= [];
    byBank[bank.name].push({ bank_content_id: content.id, distance });
  }
  return byBank;
}

/** Signals that are empty, of poor pictures, match nothing. */
async function lookupAll(pool: Pool, signals: Signals, query: Query, bypassCoinflip = false): Promise<Record<string, ByBank>> {
  const answers: Record<string, ByBank> = {};
  for (const [type, text] of Object.entries(signals) as [SignalType, string][])
    answers[type] = text === "" ? {} : await lookup(pool, type, text, query, bypassCoinflip);
  return answers;
}

const isTrue = (text: string | undefined): boolean => /^(true|1|yes|on)$/i.test(text ?? "");

function askedSignal({ signal, signal_type }: Query): { type: SignalType; text: string } {
  if (!signal) throw refused(400, "signal: is required");
  if (!signal_type) throw refused(400, "signal_type: is required");
  return { type: signalTypeOf(signal_type), text: signal };
}

/** `/m/…`: is it known? */
export function matchRoutes(server: FastifyInstance, { pool, log }: Parts, hasher: Hasher): void {
  const guard = { onRequest: needs("hashes:read") };
  type Ask = { Querystring: Query };

  server.addHook("onResponse", async (request) => {
    const asked = request.url.split("?")[0];
    if (request.who && /^\/m\/(raw_)?lookup$/.test(asked))
      await audit(pool, { actor: actorOf(request.who), act: "hash looked up", subject: "hma" }).catch((err) =>
        log.error({ err }, "a lookup is missing in the audit log"),
      );
  });

  server.get<Ask>("/m/raw_lookup", guard, async ({ query }) => {
    const { type, text } = askedSignal(query);
    const found = await find(pool, type, text, query.banks);
    if (!isTrue(query.include_distance)) return { matches: found.map((f) => f.content.id) };
    return { matches: found.map((f) => ({ bank_content_id: f.content.id, distance: f.distance })) };
  });

  server.get<Ask>("/m/lookup", guard, async (request) => {
    const { query } = request;
    if (!query.url) {
      const { type, text } = askedSignal(query);
      return lookup(pool, type, text, query);
    }
    const types = query.signal_type ? [signalTypeOf(query.signal_type)] : signalTypesOf(query.types);
    const signals = await hasher.hashGiven(request, namedMedia(query.url, query.content_type), types);
    const answers = await lookupAll(pool, signals, query);
    return query.signal_type ? (answers[query.signal_type] ?? {}) : answers;
  });

  server.post<Ask>("/m/lookup", guard, async (request) => {
    const signals = await hasher.hashUpload(request, signalTypesOf(request.query.types));
    return lookupAll(pool, signals, request.query, isTrue(request.query.bypass_coinflip));
  });

  server.post<{ Body: unknown }>("/m/compare", guard, async ({ body }) => compare(body));

  server.get<Ask>("/m/index/status", guard, async ({ query }) => indexStatus(pool, query.signal_type));
}

/** `{"pdq": [a, b]}` → `{"pdq": [whether they match, {"distance": 9}]}`. */
function compare(body: unknown): Record<string, unknown> {
  if (typeof body !== "object" || body === null || Array.isArray(body)) throw refused(400, "the body must be a JSON object");
  return Object.fromEntries(Object.entries(body).map(([name, pair]) => [name, compareOne(signalTypeOf(name), pair)]));
}

function compareOne(type: SignalType, pair: unknown): [boolean, Record<string, number>] {
  if (!Array.isArray(pair) || pair.length !== 2 || pair.some((text) => typeof text !== "string"))
    throw refused(400, `${type}: must be a list of exactly 2 signals`);
  const [a, b] = pair.map((text) => signalOf(type, text));
  if (type === "pdq") {
    const bits = distance(a.frames[0].hash, b.frames[0].hash);
    return [bits <= WITHIN_BITS, { distance: bits }];
  }
  return compareVideos(unique(a.frames), unique(b.frames));
}

type Frames = { hash: Uint8Array }[];
const unique = (frames: Frames): Frames => [...new Map(frames.map((f) => [hashToHex(f.hash), f])).values()];

/** A day against a day would be billions of pairs. */
const MOST_PAIRS = 4_000_000;

function compareVideos(a: Frames, b: Frames): [boolean, Record<string, number>] {
  if (a.length * b.length > MOST_PAIRS) throw refused(400, "vpdq: the two have too many frames to be compared");
  const share = (some: Frames, others: Frames) =>
    (100 * some.filter((f) => others.some((o) => distance(f.hash, o.hash) <= WITHIN_BITS)).length) / some.length;
  const [query, compared] = [share(a, b), share(b, a)];
  return [query >= LEAST_PERCENT, { query_match_percent: query, compared_match_percent: compared }];
}

/** The index is never behind: what is committed is found. */
async function indexStatus(pool: Pool, limitTo: string | undefined): Promise<Record<string, unknown>> {
  const types = limitTo ? [signalTypeOf(limitTo)] : (["pdq", "vpdq"] as const);
  const { rows } = await pool.query<{ kind: string; size: number; builtTo: string }>(
    `select kind, count(*)::int as size, floor(extract(epoch from max(created_at)))::text as "builtTo"
     from reference where retired_at is null group by kind`,
  );
  return Object.fromEntries(
    types.map((type) => {
      const row = rows.find((r) => r.kind === (type === "pdq" ? "image" : "video"));
      return [
        type,
        row ? { built_to: Number(row.builtTo), present: true, size: row.size } : { built_to: -1, present: false, size: 0 },
      ];
    }),
  );
}
