import { distance } from "../fingerprint/hash.js";
import { PATCH_WITHIN_BITS, searchPatches } from "../fingerprint/patch-hits.js";
import type { Found, Hash, Hit, KnownPatch, PatchHit, PatchSet, Query, View } from "../model.js";
import type { Db } from "../platform/database.js";
import type { FoundHash, InProcessIndex } from "./in-process/in-process-index.js";
import { lookup, MAX_WITHIN_BITS, summaries } from "./lookup.js";
import { candidatePatches, lookupPatches } from "./patches.js";

/** What a tier answers. Both tiers answer the same to the same question. */
export interface Lookups {
  lookup(db: Db, queries: Query[], algorithm: string, withinBits: number): Promise<Omit<Found, "patchHits" | "moments">>;
  lookupPatches(db: Db, sets: PatchSet[], algorithm: string): Promise<PatchHit[]>;
}

/** Postgres answers by itself. */
export const POSTGRES: Lookups = { lookup, lookupPatches };

/**
 * The index in this process answers for the algorithms it holds; what it does not hold (summaries, blockhashes of stills) it asks the
 * database. Should it fail, because a thread died, `onFailure` is told and Postgres answers: that must not cost a submission.
 */
export function inProcess(
  index: InProcessIndex,
  held: { algorithm: string; patchAlgorithm: string },
  onFailure: (error: unknown) => void,
): Lookups {
  const search = (...about: Parameters<InProcessIndex["search"]>) =>
    index.search(...about).catch((error) => {
      onFailure(error);
      return undefined;
    });
  return {
    async lookup(db, queries, algorithm, withinBits) {
      if (algorithm !== held.algorithm || withinBits > MAX_WITHIN_BITS) return lookup(db, queries, algorithm, withinBits);
      const seenSeq = index.appliedSeq();
      const asked = queries.flatMap((query, place) =>
        query.algorithm === algorithm ? query.views.map((view) => ({ view, place })) : [],
      );
      const found = await search("fingerprints", endToEnd(asked.map(({ view }) => view.pdq)), withinBits);
      return found ? { ...(await described(index, db, asked, found)), seenSeq } : lookup(db, queries, algorithm, withinBits);
    },
    async lookupPatches(db, sets, algorithm) {
      if (algorithm !== held.patchAlgorithm) return lookupPatches(db, sets, algorithm);
      return searchPatches(sets, async (table) => {
        const found = await search("patches", table.hashes, PATCH_WITHIN_BITS);
        return found ? knownPatchesOf(index, found) : candidatePatches(db, table, algorithm);
      });
    },
  };
}

type Asked = { view: View; place: number }[];

/** What was found as hits, with what verdicts need to know of their references. */
async function described(
  index: InProcessIndex,
  db: Db,
  asked: Asked,
  found: FoundHash[],
): Promise<Pick<Found, "hits" | "references">> {
  const references = await summaries(db, [...new Set(found.map((f) => f.referenceId))]);
  // One that was deleted a moment ago may still be in the index, but there is nothing to say about it.
  const present = found.filter((f) => references.has(f.referenceId));
  const hits = present.map((f) => hitOf(index, f, asked[f.query]));
  await addBlockhashes(db, hits, (i) => asked[present[i].query].view.blockhash);
  return { hits, references };
}

function endToEnd(hashes: Hash[]): Uint8Array {
  const bytes = new Uint8Array(hashes.reduce((sum, hash) => sum + hash.length, 0));
  let at = 0;
  for (const hash of hashes) {
    bytes.set(hash, at);
    at += hash.length;
  }
  return bytes;
}

function hitOf(index: InProcessIndex, { segment, place, referenceId, distance: bits }: FoundHash, query: Asked[number]): Hit {
  const [, atMs, untilMs, variant] = segment.columns;
  return {
    query: query.place,
    dihedral: query.view.dihedral,
    referenceId,
    referenceVariant: index.variantOf(variant[place]),
    referenceAtMs: atMs[place],
    referenceUntilMs: untilMs[place],
    pdqDistance: bits,
    blockhashDistance: undefined,
  };
}

/** Between stills only, so most lookups ask nothing here. */
async function addBlockhashes(db: Db, hits: Hit[], blockhashOf: (hit: number) => Hash | undefined): Promise<void> {
  const asked = hits.flatMap((hit, i) => {
    const blockhash = blockhashOf(i);
    return blockhash ? [{ hit, blockhash }] : [];
  });
  if (asked.length === 0) return;
  const { rows } = await db.query<{ key: string; blockhash: Buffer }>(
    `select reference_id || ' ' || at_ms || ' ' || variant as key, blockhash
     from reference_fingerprint where reference_id = any($1::uuid[]) and blockhash is not null`,
    [[...new Set(asked.map(({ hit }) => hit.referenceId))]],
  );
  const known = new Map(rows.map((row) => [row.key, row.blockhash]));
  for (const { hit, blockhash } of asked) {
    const other = known.get(`${hit.referenceId} ${hit.referenceAtMs} ${hit.referenceVariant}`);
    if (other) hit.blockhashDistance = distance(blockhash, other);
  }
}

/** Each known patch that was found, once: the candidates that `searchPatches` asks for, without those that it would refuse. */
function knownPatchesOf(index: InProcessIndex, found: FoundHash[]): KnownPatch[] {
  const known = new Map(found.map((f) => [`${f.segment.id} ${f.place}`, f]));
  return [...known.values()].map(({ segment, place, referenceId }) => {
    const [, atMs, untilMs, x, y, side, id] = segment.columns.map((column) => column[place]);
    return { id: String(id), referenceId, atMs, untilMs, x, y, side, hash: index.hashOf({ segment, place }) };
  });
}
