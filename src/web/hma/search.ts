import type { Signal } from "../../exchange/entry.js";
import { ALGORITHM } from "../../fingerprint/fingerprint-frame.js";
import { hashToHex } from "../../fingerprint/hash.js";
import { LISTED, META_ALGORITHM } from "../../fingerprint/meta-pdq.js";
import { lookup } from "../../hash-index/lookup.js";
import type { Hit, Query, ReferenceSummary } from "../../model.js";
import type { Db } from "../../platform/database.js";

/** HMA's distance for PDQ, and vPDQ's for its frames (`VPDQ_DISTANCE_THRESHOLD`). */
export const WITHIN_BITS = 31;

/** Share of the query's frames that vPDQ asks for, in percent (`VPDQ_QUERY_MATCH_THRESHOLD_PERCENT`). */
export const LEAST_PERCENT = 80;

export interface Content {
  referenceId: string;
  /** As HMA prints it: bits for PDQ, "87%[100%]" for vPDQ: the query's frames that matched, and the known video's. */
  distance: string;
}

/** Known material near a signal: stills for a PDQ, by the hash that Meta's tools give them; videos for a vPDQ. As it is, not turned. */
export function searchContent(db: Db, signal: Signal): Promise<Content[]> {
  return signal.type === "pdq" ? searchStills(db, signal) : searchVideos(db, signal);
}

const queriesOf = (signal: Signal, algorithm: string): Query[] =>
  signal.frames.map(({ hash, quality, atMs }) => ({
    ...{ algorithm, variant: LISTED, atMs, untilMs: atMs, pdq: hash, blockhash: new Uint8Array(0), quality },
    views: [{ dihedral: "original", pdq: hash }],
  }));

/** Those that came in lists, and our own. */
async function searchStills(db: Db, signal: Signal): Promise<Content[]> {
  const listed = await lookup(db, queriesOf(signal, ALGORITHM), ALGORITHM, WITHIN_BITS);
  const own = await lookup(db, queriesOf(signal, META_ALGORITHM), META_ALGORITHM, WITHIN_BITS);
  const references = new Map([...listed.references, ...own.references]);
  const nearest = new Map<string, number>();
  for (const hit of [...listed.hits.filter((h) => h.referenceVariant === LISTED), ...own.hits]) {
    if (references.get(hit.referenceId)?.kind !== "image") continue;
    nearest.set(hit.referenceId, Math.min(hit.pdqDistance, nearest.get(hit.referenceId) ?? hit.pdqDistance));
  }
  return [...nearest].sort((a, b) => a[1] - b[1]).map(([referenceId, bits]) => ({ referenceId, distance: String(bits) }));
}

/** By Meta's rule, frame by frame without regard to time (`vpdq_brute_matcher.py`): equal frames count once. */
async function searchVideos(db: Db, signal: Signal): Promise<Content[]> {
  const frames = new Map(signal.frames.map((frame) => [hashToHex(frame.hash), frame]));
  const found = await lookup(db, queriesOf({ type: "vpdq", frames: [...frames.values()] }, ALGORITHM), ALGORITHM, WITHIN_BITS);
  const hits = new Map<string, Hit[]>();
  for (const hit of found.hits) {
    if (hit.referenceVariant !== LISTED && hit.referenceVariant !== "full") continue;
    hits.set(hit.referenceId, [...(hits.get(hit.referenceId) ?? []), hit]);
  }
  return [...hits].flatMap(([referenceId, of]) => {
    const reference = found.references.get(referenceId);
    const shares = reference?.kind === "video" ? sharesOf(of, frames.size, reference) : undefined;
    if (!shares || shares.query < LEAST_PERCENT) return [];
    return [{ referenceId, distance: `${Math.round(shares.query)}%[${Math.round(shares.compared)}%]` }];
  });
}

function sharesOf(hits: Hit[], frames: number, { fingerprintCount }: ReferenceSummary): { query: number; compared: number } {
  const percent = (of: Set<number>, all: number) => Math.min(100, (100 * of.size) / all);
  return {
    query: percent(new Set(hits.map((h) => h.query)), frames),
    compared: percent(new Set(hits.map((h) => h.referenceAtMs)), fingerprintCount),
  };
}
